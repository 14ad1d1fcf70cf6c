"""ToolHive's permissions and our capabilities: the same meaning both ways, and never more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.core import capability
from mcpreg.core.capability import Egress, Files
from mcpreg.formats.permissions import capabilities_of, meaning, permissions_of

LABEL = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True).filter(
    lambda label: not label.isdigit() and not label.startswith("0x")
)
HOST = st.builds(lambda a, b, dot: f"{dot}{a}.{b}", LABEL, LABEL, st.sampled_from(["", "."]))
PORT = st.integers(1, 65535)
PATH = st.lists(
    st.from_regex(r"[A-Za-z0-9_ -][A-Za-z0-9_. -]{0,9}", fullmatch=True), min_size=1, max_size=3
).map(lambda parts: "/" + "/".join(parts))
OUTBOUND = st.builds(
    lambda hosts, ports: {"allow_host": hosts, "allow_port": ports},
    st.lists(HOST, min_size=1, max_size=5, unique=True),
    st.lists(PORT, min_size=1, max_size=4, unique=True),
)
PERMISSIONS = st.fixed_dictionaries(
    {"network": st.builds(lambda out: {"outbound": out}, OUTBOUND | st.just({}))},
    optional={
        key: st.lists(PATH, min_size=1, max_size=3, unique=True) for key in ("read", "write")
    },
)
CAPABILITY = st.one_of(
    st.builds(lambda path: f"fs:read:{path}/**", PATH),
    st.builds(lambda path: f"fs:write:{path}/**", PATH),
    st.builds(lambda path: f"fs:read:{path}", PATH),
    st.sampled_from(["fs:read:./**", "fs:write:~/x", "fs:read:/a*/**", "fs:read:{dir}/**"]),
    st.just("net:loopback"),
    st.builds(
        lambda ends: "net:egress:" + ",".join(f"{'*' * (h[0] == '.')}{h}:{p}" for h, p in ends),
        st.lists(st.tuples(HOST, PORT), min_size=1, max_size=4),
    ),
)


def outbound(**said: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
    return {"network": {"outbound": said}}


@settings(deadline=None)  # the machine may be busy
@given(PERMISSIONS)
def test_what_both_can_say_survives_the_way_here_and_back(permissions: dict[str, Any]) -> None:
    granted = capabilities_of(permissions)
    capability.parse_all(granted.sandbox)
    assert granted.notes == ()
    back = permissions_of(granted.sandbox)
    assert back.lost == ()
    assert back.permissions == permissions


@settings(deadline=None)  # the machine may be busy
@given(st.lists(CAPABILITY, max_size=6))
def test_nothing_is_widened_and_no_loss_is_silent(sandbox: list[str]) -> None:
    written = permissions_of(sandbox)
    again = capabilities_of(written.permissions) if written.permissions else None
    held = meaning(again.sandbox) if again else frozenset()
    assert held <= meaning(sandbox)
    named = {index for index, _ in written.lost}
    said = [text for index, text in enumerate(sandbox) if index not in named]
    assert meaning(said) <= held


@settings(deadline=None)  # the machine may be busy
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["network", "outbound", "allow_host", "allow_port", "read", "write"]),
        inner, max_size=3)
), max_leaves=9))  # fmt: skip
def test_any_json_is_read_without_an_error(value: Any) -> None:  # noqa: ANN401  # any JSON value
    if isinstance(value, dict):
        capability.parse_all(capabilities_of(value).sandbox)


@pytest.mark.parametrize(
    ("permissions", "sandbox", "note"),
    [
        (outbound(), ["net:none"], None),
        (outbound(allow_host=["localhost"]), ["net:loopback"], None),
        (outbound(allow_host=["127.0.0.1"]), ["net:loopback"], None),
        (
            outbound(allow_host=["a.example", ".b.example"], allow_port=[443, 80]),
            ["net:egress:a.example:443,a.example:80,*.b.example:443,*.b.example:80"],
            None,
        ),
        (outbound(allow_host=["a.example"]), ["net:egress:a.example:443"], "every port"),
        (outbound(allow_port=[443]), [], "every host on these ports"),
        (outbound(insecure_allow_all=True), [], "every host"),
        (outbound(insecure_allow_all=True, allow_host=["a.example"]), [], "every host"),
        (outbound(allow_host=["*.example.com"], allow_port=[443]), [], "'*.example.com'"),
        (outbound(allow_host=["*"], allow_port=[443]), [], "'*'"),
        (outbound(allow_host=["10.0.0.1"], allow_port=[443]), [], "'10.0.0.1'"),
        (outbound(allow_host=["a.example/x"], allow_port=[443]), [], "'a.example/x'"),
        (outbound(allow_host="a.example"), [], "allow_host: not a list"),
        (outbound(allow_host=["a.example"], allow_port=["443"]), None, "not a list of ports"),
        ({}, [], "no word about the network"),
        (outbound() | {"privileged": True}, ["net:none"], "privileged"),
        (outbound() | {"read": ["/data/"]}, ["fs:read:/data/**", "net:none"], None),
        (outbound() | {"write": ["/data"]}, ["fs:write:/data/**", "net:none"], None),
        (outbound() | {"read": ["/"]}, ["net:none"], "'/'"),
        (outbound() | {"read": ["data"]}, ["net:none"], "'data'"),
        (outbound() | {"read": ["/a/../b"]}, ["net:none"], "'/a/../b'"),
        (outbound() | {"read": ["/a*"]}, ["net:none"], "'/a*'"),
        (outbound() | {"read": ["/a:/b"]}, ["net:none"], "'/a:/b'"),
        (outbound() | {"read": ["/{x}"]}, ["net:none"], "'/{x}'"),
        (outbound() | {"devices": []}, ["net:none"], "permissions.devices"),
    ],
)
def test_permissions_mean_these_capabilities(
    permissions: dict[str, Any], sandbox: list[str] | None, note: str | None
) -> None:
    granted = capabilities_of(permissions)
    if sandbox is not None:
        assert list(granted.sandbox) == sandbox
    assert (note is None) == (granted.notes == ())
    if note is not None:
        assert note in " ".join(granted.notes)


def test_the_apex_is_not_among_its_subdomains() -> None:
    (text,) = capabilities_of(outbound(allow_host=[".example.com"], allow_port=[443])).sandbox
    grant = capability.parse(text)
    assert isinstance(grant, Egress)
    (wide,) = grant.endpoints
    for host, covered in (("a.example.com", True), ("example.com", False)):
        exact = capability.parse(f"net:egress:{host}:443")
        assert isinstance(exact, Egress)
        assert capability.endpoint_covers(wide, exact.endpoints[0]) is covered


def test_a_write_path_lets_read_too() -> None:
    (text, _) = capabilities_of(outbound() | {"write": ["/data"]}).sandbox
    grant, reading = capability.parse(text), capability.parse("fs:read:/data/x")
    assert isinstance(grant, Files)
    assert isinstance(reading, Files)
    assert capability.file_covers(grant, reading)


def test_more_hosts_than_one_capability_holds_are_several() -> None:
    hosts = [f"host-{n}.example.com" for n in range(300)]
    granted = capabilities_of(outbound(allow_host=hosts, allow_port=[443, 80]))
    assert len(granted.sandbox) > 1
    assert permissions_of(granted.sandbox).permissions == outbound(
        allow_host=hosts, allow_port=[443, 80]
    )


def test_hosts_with_different_ports_are_no_two_lists() -> None:
    sandbox = ["net:egress:a.example:443,b.example:443,c.example:22"]
    written = permissions_of(sandbox)
    assert written.permissions == outbound(allow_host=["a.example", "b.example"], allow_port=[443])
    ((index, reason),) = written.lost
    assert (index, "c.example:22" in reason) == (0, True)
