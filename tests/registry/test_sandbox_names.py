"""DNS messages, pinned names and address policy: all of it fed by hostile programs and networks."""

from __future__ import annotations

import ipaddress
import os
import select
import socket
import struct
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpreg.core.plan import Endpoint
from mcpreg.sandbox import dns
from mcpreg.sandbox.addresses import is_public, resolve_public
from mcpreg.sandbox.interface import Violation
from mcpreg.sandbox.loop import Loop
from mcpreg.sandbox.pins import MAX_ON_DEMAND, Pins
from mcpreg.sandbox.responder import Responder


def question(labels: list[bytes], kind: int = dns.A, identifier: int = 7) -> bytes:
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = struct.pack(">HHHHHH", identifier, 0x0100, 1, 0, 0, 0)
    return header + name + struct.pack(">HH", kind, dns.IN)


class Server:
    """A responder with no sockets: `ask` is what its sockets call."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.pins = Pins(endpoints)
        self.violations: list[Violation] = []
        self._responder = Responder(Loop(), self.pins, self.pins.add, self.violations.append)

    def ask(self, *labels: bytes, kind: int = dns.A) -> tuple[int, str | None]:
        """Response code and address."""
        asked = question(list(labels), kind)
        reply = self._responder.reply(asked)
        assert reply is not None
        identifier, flags, _, answers, *_ = struct.unpack_from(">HHHHHH", reply)
        assert (identifier, reply[12 : len(asked)]) == (7, asked[12:])
        return flags & 0xF, socket.inet_ntoa(reply[-4:]) if answers else None


@given(st.binary(max_size=300))
def test_no_message_upsets_the_parser(message: bytes) -> None:
    asked = dns.parse(message)
    assert asked is None or asked.shown.isprintable()


@given(st.binary(max_size=60))
def test_no_question_upsets_the_responder(tail: bytes) -> None:
    server = Server(Endpoint("api.example.test", 443))
    reply = server._responder.reply(struct.pack(">HHHHHH", 1, 0, 1, 0, 0, 0) + tail)
    assert reply is None or reply.startswith(b"\0\1")  # silence, or an answer to this question


labels = st.lists(st.binary(min_size=1, max_size=63), min_size=1, max_size=5)


@given(labels)
@example([b"api", b"example.test"])
@example([b"api", b"example", b"test\0"])
@example([b"api.example.test"])
@example([b"API", b"Example", b"TEST"])
def test_only_the_declared_name_is_answered(name: list[bytes]) -> None:
    server = Server(Endpoint("api.example.test", 443))
    code, address = server.ask(*name)
    if [label.lower() for label in name] == [b"api", b"example", b"test"]:
        assert (code, address, server.violations) == (dns.NO_ERROR, "127.66.0.1", [])
    else:
        assert (code, address) == (dns.NO_SUCH_NAME, None)
        assert [v.kind for v in server.violations] == ["dns"]
        assert server.violations[0].target.isprintable()


def test_other_types_of_a_declared_name_are_empty_and_no_violation() -> None:
    server = Server(Endpoint("api.example.test", 443))
    for kind in (dns.AAAA, 16, 65):
        assert server.ask(b"api", b"example", b"test", kind=kind) == (dns.NO_ERROR, None)
    assert server.violations == []


def test_own_names_are_answered_without_being_declared() -> None:
    server = Server()
    assert server.ask(b"localhost") == (dns.NO_ERROR, "127.0.0.1")
    assert server.ask(b"mcp") == (dns.NO_ERROR, "127.0.1.1")
    assert server.ask(b"1", b"0", b"0", b"127", b"in-addr", b"arpa")[0] == dns.NO_SUCH_NAME
    assert server.violations == []
    server.ask(b"4", b"3", b"2", b"1", b"in-addr", b"arpa")
    assert [v.target for v in server.violations] == ["4.3.2.1.in-addr.arpa"]


def test_a_wildcard_is_its_subdomains_and_has_room_for_so_many() -> None:
    server = Server(Endpoint("*.example.test", 443))
    assert server.ask(b"example", b"test")[0] == dns.NO_SUCH_NAME
    assert server.ask(b"notexample", b"test")[0] == dns.NO_SUCH_NAME
    for n in range(MAX_ON_DEMAND):
        assert server.ask(b"a%d" % n, b"example", b"test")[0] == dns.NO_ERROR
    assert server.ask(b"one-more", b"example", b"test") == (dns.SERVER_FAILURE, None)
    assert server.ask(b"a0", b"example", b"test") == (dns.NO_ERROR, "127.66.0.1")


def test_ports_are_those_of_the_name_and_of_wildcards_that_match_it() -> None:
    pins = Pins([Endpoint("a.example.test", 80), Endpoint("*.example.test", 443)])
    assert pins.ports("a.example.test") == {80, 443}
    assert pins.ports("b.example.test") == {443}
    assert pins.ports("example.test") == set()
    address = pins.addresses["a.example.test"]
    assert pins.allows(address, 443)
    assert not pins.allows(address, 22)
    assert not pins.allows("127.66.0.9", 443)
    assert not pins.allows(address, None)


REFUSED = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "0.0.0.0", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "224.0.0.1", "255.255.255.255", "192.0.0.192", "198.18.0.1",
    "168.63.129.16", "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "fe80::1",
    "fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808",
    "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "fec0::1", "192.88.99.1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_refuses_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::5"])
def test_accepts_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_keeps_the_public_ones_of_a_mixed_answer() -> None:
    found = ["10.0.0.1", "8.8.8.8", "8.8.8.8", "::1", "2606:4700::1111"]
    kept = resolve_public("x.test", 443, lookup=lambda _host, _port: found)
    assert kept == ["8.8.8.8", "2606:4700::1111"]


def test_attempt_55_a_name_with_private_addresses_only_does_not_resolve() -> None:
    with pytest.raises(OSError, match=r"resolves to 10\.0\.0\.1, which is not a public"):
        resolve_public("x.test", 443, lookup=lambda _host, _port: ["10.0.0.1"])


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_hides_in_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for text in (f"::ffff:{address}", f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}"):
        assert not is_public(ipaddress.ip_address(text))


def test_a_lookup_ends_with_the_supervisor_that_asked() -> None:
    """A killed one's log stayed locked, and its client's pipes open, for as long as it asked."""
    code = (
        "import os, time\n"
        "from mcpreg.sandbox.lookup import Lookups\n"
        "from mcpreg.sandbox.loop import Loop\n"
        "def slow(host, port):\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(10)\n"
        "    return []\n"
        "Lookups(Loop(), slow).ask('x.test', 443, print)\n"
        "time.sleep(20)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        child = os.pidfd_open(int(supervisor.stdout.readline()))
        try:
            assert select.select([child], [], [], 0)[0] == []
            supervisor.kill()
            assert select.select([child], [], [], 5)[0] == [child]
        finally:
            os.close(child)
