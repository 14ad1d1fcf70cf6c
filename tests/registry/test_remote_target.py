"""From a manifest's remote to what is sent: templates, headers, and what neither can become."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.install import InputSpec, RemoteRecord, from_document
from mcpreg.core.manifest import HttpTransport, Manifest
from mcpreg.core.remote import (
    chosen,
    origin_of,
    remote_inputs,
    remote_record,
    target,
    variable_for,
)
from mcpreg.core.safety import Level, of_manifest
from mcpreg.errors import McpregError, PolicyError, UsageError
from tiny_registry import make_manifest

TENANT = InputSpec(kind="remote", name="tenant", required=True)


def place(**members: object) -> HttpTransport:
    document = {"type": "streamable-http", "url": "https://mcp.example.com/mcp", **members}
    return HttpTransport.model_validate_json(json.dumps(document))


def entry(*remotes: HttpTransport) -> Manifest:
    listed = [item.model_dump(by_alias=True, exclude_none=True) for item in remotes]
    return make_manifest("io.github.acme/far", "1.0.0", packages=None, remotes=listed)


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
    inputs = remote_inputs(remote)
    assert [(item.name, item.secret, item.required) for item in inputs] == [
        ("key", True, True),
        ("X-Region", False, False),
        ("X-Note", False, False),
    ]
    made = target(remote_record(remote), inputs, {"key": "s3cret", "X-Region": "us"})
    assert made.headers == {"Authorization": "Bearer s3cret", "X-Region": "us", "X-Fixed": "1"}
    assert "s3cret" not in repr(made)
    with pytest.raises(UsageError, match="X-Region is not one of eu, us"):
        target(remote_record(remote), inputs, {"key": "k", "X-Region": "mars"})


def test_every_missing_input_is_named_with_the_variable_that_gives_it() -> None:
    remote = place(
        url="https://{tenant}.example.com/{area}/mcp",
        variables={"tenant": {"isRequired": True}, "area": {}},
        headers=[{"name": "X-API-Key", "isRequired": True, "isSecret": True}],
    )
    with pytest.raises(UsageError) as caught:
        target(remote_record(remote), remote_inputs(remote), {})
    assert caught.value.message == "the server needs tenant, X-API-Key, area"
    assert "MCPREG_INPUT_X_API_KEY" in (caught.value.hint or "")
    assert variable_for("AWS_SECRET_ACCESS_KEY") == "MCPREG_INPUT_AWS_SECRET_ACCESS_KEY"


@given(st.text(max_size=40))
def test_no_value_in_an_address_leads_to_another_host(value: str) -> None:
    record = RemoteRecord("streamable-http", "https://{tenant}.example.com/mcp")
    try:
        made = target(record, [TENANT], {"tenant": value})
    except McpregError:
        return
    assert made.origin.host.endswith(".example.com")
    assert made.origin.host.count(".") == 2
    assert made.url.endswith(".example.com/mcp")


@given(st.text(max_size=40))
def test_no_value_in_a_path_leaves_its_segment(value: str) -> None:
    record = RemoteRecord("streamable-http", "https://mcp.example.com/{tenant}/mcp")
    try:
        made = target(record, [TENANT], {"tenant": value})
    except McpregError:
        return
    assert made.url.count("/") == 4
    assert not set("?#@\\%") & set(made.url)


@given(st.text(max_size=60))
def test_no_value_breaks_out_of_its_header(value: str) -> None:
    record = RemoteRecord("sse", "https://mcp.example.com/", (("X-Key", "{key}"),))
    try:
        made = target(record, [InputSpec(kind="remote", name="key")], {"key": value})
    except UsageError:
        return
    assert made.headers["X-Key"] == value
    assert not [char for char in value if char in "\r\n\0" or ord(char) > 126]


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "MCP-Session-Id", "X Y", "", "X:Y"]
)
def test_a_header_of_the_protocol_is_not_a_servers_to_set(name: str) -> None:
    record = RemoteRecord("streamable-http", "https://mcp.example.com/", ((name, "1"),))
    with pytest.raises(PolicyError):
        target(record, [], {})


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
