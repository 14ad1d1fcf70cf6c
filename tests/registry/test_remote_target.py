"""From a manifest's remote to what is sent: templates, headers, and what neither can become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.answers import resolve, source
from mcpreg.core.inputs import questions, remote_specs
from mcpreg.core.install import InputSpec, RemoteRecord, from_document
from mcpreg.core.manifest import HttpTransport, Manifest
from mcpreg.core.remote import (
    Target,
    chosen,
    origin_of,
    remote_record,
    target,
)
from mcpreg.core.safety import Level, of_manifest
from mcpreg.errors import McpregError, PolicyError, UsageError
from mcpreg.store.places import Places
from mcpreg.usecases.answering import require_complete
from mcpreg.usecases.remote import Given
from mcpreg.usecases.remote_ask import ask_remote
from tiny_registry import make_manifest

NOWHERE = Places(*(Path("/nonexistent"),) * 4)  # nothing is kept or looked up there


def place(**members: object) -> HttpTransport:
    document = {"type": "streamable-http", "url": "https://mcp.example.com/mcp", **members}
    return HttpTransport.model_validate_json(json.dumps(document))


def entry(*remotes: HttpTransport) -> Manifest:
    listed = [item.model_dump(by_alias=True, exclude_none=True) for item in remotes]
    return make_manifest("io.github.acme/far", "1.0.0", packages=None, remotes=listed)


def filled(remote: HttpTransport, /, **values: str) -> Target:
    """What is connected to when a person gives `values`."""
    specs = remote_specs(remote)
    found = resolve(
        questions(specs), [source("test", {name: (value,) for name, value in values.items()})]
    )
    require_complete("io.github.acme/far", found)
    return target(remote_record(remote), specs, found.answers)


def test_a_header_is_filled_from_its_variables_or_is_one_value_itself() -> None:
    remote = place(
        headers=[
            {
                "name": "Authorization",
                "value": "Bearer {key}",
                "isSecret": True,
                "variables": {"key": {"isRequired": True}},
            },
            {"name": "X-Region", "choices": ["eu", "us"], "default": "eu"},
            {"name": "X-Note"},
            {"name": "X-Fixed", "value": "1"},
        ]
    )
    asked = questions(remote_specs(remote))
    assert [(item.name, item.secret, item.required) for item in asked] == [
        ("key", True, True),
        ("X-Region", False, False),
        ("X-Note", False, False),
    ]
    made = filled(remote, **{"key": "s3cret", "X-Region": "us"})
    assert made.headers == {"Authorization": "Bearer s3cret", "X-Region": "us", "X-Fixed": "1"}
    assert "s3cret" not in repr(made)
    with pytest.raises(UsageError, match="X-Region is none of its choices: eu, us"):
        filled(remote, **{"key": "k", "X-Region": "mars"})


def test_every_missing_input_is_named_with_the_command_that_gives_it() -> None:
    remote = place(
        url="https://{tenant}.example.com/{area}/mcp",
        variables={"tenant": {"isRequired": True}, "area": {}},
        headers=[{"name": "X-API-Key", "isRequired": True, "isSecret": True}],
    )
    with pytest.raises(UsageError) as caught:
        filled(remote)
    assert caught.value.message == "the server needs tenant, area, X-API-Key (a secret)"
    assert caught.value.hint == (
        "mcpreg inputs set io.github.acme/far X-API-Key; "
        "mcpreg run io.github.acme/far --input tenant=… --input area=…"
    )


def test_who_locks_it_is_told_to_give_inputs_to_that_command() -> None:
    remote = place(
        url="https://{tenant}.example.com/mcp",
        variables={"tenant": {}},
        headers=[{"name": "X-API-Key", "isRequired": True, "isSecret": True}],
    )
    with pytest.raises(UsageError) as caught:
        ask_remote(NOWHERE, entry(remote), Given({"tenant": "acme", "X-API-Key": "k"}))
    assert caught.value.message == "the server needs tenant, X-API-Key (a secret)"
    assert caught.value.hint == (
        "mcpreg lock --ask-remote --input tenant=… --secret-file X-API-Key=PATH"
    )


def test_a_header_whose_places_nothing_declares_is_left_out() -> None:
    remote = place(headers=[{"name": "Authorization", "value": "Bearer {key}", "isRequired": True}])
    assert filled(remote).headers == {}
    with pytest.raises(PolicyError, match="tenant, which its manifest does not declare"):
        filled(place(url="https://mcp.example.com/{tenant}/mcp"))


def test_no_value_of_the_publisher_s_leads_to_another_host_either() -> None:
    elsewhere = "evil.example/"
    for declared in ({"value": elsewhere}, {"default": elsewhere}):
        remote = place(url="https://{tenant}.example.com/mcp", variables={"tenant": declared})
        with pytest.raises(UsageError, match="tenant cannot be a part of an address") as caught:
            filled(remote)
        assert elsewhere not in str(caught.value)


@given(st.text(max_size=40))
def test_no_value_in_an_address_leads_to_another_host(value: str) -> None:
    remote = place(url="https://{tenant}.example.com/mcp", variables={"tenant": {}})
    try:
        made = filled(remote, tenant=value)
    except McpregError:
        return
    assert made.origin.host.endswith(".example.com")
    assert made.origin.host.count(".") == 2
    assert made.url.endswith(".example.com/mcp")


@given(st.text(max_size=40))
def test_no_value_in_a_path_leaves_its_segment(value: str) -> None:
    remote = place(url="https://mcp.example.com/{tenant}/mcp", variables={"tenant": {}})
    try:
        made = filled(remote, tenant=value)
    except McpregError:
        return
    assert made.url.count("/") == 4
    assert not set("?#@\\%") & set(made.url)


@given(st.text(max_size=60))
def test_no_value_breaks_out_of_its_header(value: str) -> None:
    try:
        made = filled(place(headers=[{"name": "X-Key"}]), **{"X-Key": value})
    except UsageError:
        return
    assert made.headers["X-Key"] == value
    assert not [char for char in value if char in "\r\n\0" or ord(char) > 126]


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "MCP-Session-Id", "X Y", "", "X:Y"]
)
def test_a_header_of_the_protocol_is_not_a_servers_to_set(name: str) -> None:
    record = RemoteRecord("streamable-http", "https://mcp.example.com/")
    with pytest.raises(PolicyError):
        target(record, [InputSpec("header", name, value="1")], {})


def test_plain_http_is_for_this_machine_only() -> None:
    assert origin_of("http://127.0.0.1:8080/mcp").port == 8080
    assert origin_of("http://[::1]/mcp").is_loopback
    for url in ("http://192.168.1.1/mcp", "http://127.0.0.1.example.com/", "http://0x7f.1/"):
        with pytest.raises(PolicyError, match="not reached by https"):
            origin_of(url)


def test_streamable_http_is_chosen_before_the_older_transport() -> None:
    old, new = place(type="sse"), place(url="https://new.example.com/mcp")
    assert chosen(entry(old, new)) == new
    assert chosen(entry(old)) == old


def test_what_is_said_of_a_remote_says_where_it_runs() -> None:
    safety = of_manifest(entry(place()))
    assert safety.level is Level.LOW
    assert safety.sentences[0] == (
        "runs on somebody else's machine: what the client tells it is sent to mcp.example.com"
    )


def test_an_older_record_is_of_no_remote() -> None:
    with pytest.raises(KeyError):  # and not for want of `remote`
        from_document({"record_version": 1})
