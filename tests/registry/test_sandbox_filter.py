"""The system call filter and the packet filter, run by a small BPF machine of the test's own."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import bpf, notify, packets, seccomp
from mcpreg.sandbox.syscalls import ARCHITECTURES

WORD = 0xFFFFFFFF
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


class Machine:
    """Classic BPF as the kernel's documentation describes it, for the instructions we emit."""

    def __init__(self, program: bytes) -> None:
        self.code: list[tuple[int, int, int, int]] = list(struct.iter_unpack("=HBBI", program))

    def run(self, data: bytes, order: str, special: dict[int, int] | None = None) -> int:
        at = a = x = 0
        while True:
            code, true, false, k = self.code[at]
            at += 1
            if code == bpf.RETURN:
                return k
            if special and k in special and code == bpf.LOAD_WORD:
                a = special[k]
            elif code in (bpf.LOAD_WORD, bpf.LOAD_HALF, bpf.LOAD_BYTE, bpf.LOAD_BYTE_INDEXED):
                size = {bpf.LOAD_WORD: 4, bpf.LOAD_HALF: 2}.get(code, 1)
                start = k + (x if code == bpf.LOAD_BYTE_INDEXED else 0)
                if start + size > len(data):
                    return 0  # the kernel drops a packet that is too short
                a = int.from_bytes(data[start : start + size], "little" if order == "<" else "big")
            elif code == bpf.LOAD_HEADER_LENGTH:
                x = 4 * (data[k] & 0xF)
            elif code == bpf.AND:
                a &= k
            else:
                test = {
                    bpf.JUMP_EQUAL: a == k,
                    bpf.JUMP_GREATER: a > k,
                    bpf.JUMP_AT_LEAST: a >= k,
                    bpf.JUMP_BITS: bool(a & k),
                }[code]
                at += true if test else false


FILTERS = {name: Machine(seccomp.build(name)) for name in ARCHITECTURES}


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    words = [*arguments, *([0] * (6 - len(arguments)))]
    arch = ARCHITECTURES[machine].audit if audit is None else audit
    data = struct.pack("<IIQ6Q", number & WORD, arch, 0, *[w & (2**64 - 1) for w in words])
    return FILTERS[machine].run(data, "<")


def refused(number: int) -> int:
    return seccomp.ERROR | number


machines = st.sampled_from(sorted(ARCHITECTURES))
words = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_numbers_are_the_kernels(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip("the kernel's headers are not installed: apt-get install linux-libc-dev")
    text = HEADERS[machine].read_text()
    real = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    ours = ARCHITECTURES[machine].numbers
    known = {name: real[name] for name in ours if name in real}
    assert len(known) > 60
    assert {name: ours[name] for name in known} == known


@given(machines, st.integers(0, 2**32 - 1), st.lists(words, min_size=6, max_size=6))
def test_any_call_of_another_architecture_is_killed(m: str, number: int, args: list[int]) -> None:
    for audit in {0x40000003, 0xC000003E, 0xC00000B7, 0} - {ARCHITECTURES[m].audit}:
        assert verdict(m, number, *args, audit=audit) == seccomp.KILL


@given(st.integers(0, 2**30 - 1), st.lists(words, min_size=6, max_size=6))
def test_attempt_38_x32_is_killed(number: int, args: list[int]) -> None:
    assert verdict("x86_64", number | 0x40000000, *args) == seccomp.KILL


@given(machines, st.lists(words, min_size=6, max_size=6))
def test_named_calls_are_refused_whatever_their_arguments(machine: str, args: list[int]) -> None:
    numbers = ARCHITECTURES[machine].numbers
    for names, error in (
        (seccomp.NOT_PERMITTED, errno.EPERM),
        (seccomp.NOT_IMPLEMENTED, errno.ENOSYS),
    ):
        for name in names:
            if name in numbers:
                assert verdict(machine, numbers[name], *args) == refused(error), name


@given(machines, st.integers(0, seccomp.LAST_KNOWN_CALL), st.lists(words, min_size=6, max_size=6))
def test_calls_that_are_not_named_pass(machine: str, number: int, args: list[int]) -> None:
    if number not in ARCHITECTURES[machine].numbers.values():
        assert verdict(machine, number, *args) == seccomp.ALLOW


@given(machines, st.integers(seccomp.LAST_KNOWN_CALL + 1, 2**30 - 1))
def test_calls_newer_than_the_filter_do_not_exist(machine: str, number: int) -> None:
    assert verdict(machine, number) == refused(errno.ENOSYS)


@given(machines, words)
def test_clone_passes_without_namespaces_only(machine: str, flags: int) -> None:
    denied = flags & WORD & seccomp.NAMESPACE_FLAGS
    expected = refused(errno.EPERM) if denied else seccomp.ALLOW
    assert verdict(machine, ARCHITECTURES[machine].numbers["clone"], flags) == expected


@given(machines, words, st.integers(0, WORD))
def test_terminal_injection_is_refused_with_any_high_bits(m: str, fd: int, high: int) -> None:
    number = ARCHITECTURES[m].numbers["ioctl"]
    for command in (0x5412, 0x541C):  # attempts 26-28
        assert verdict(m, number, fd, command | high << 32) == refused(errno.EPERM)
    assert verdict(m, number, fd, 0x5413 | high << 32) == seccomp.ALLOW  # TIOCGWINSZ


@given(machines, st.integers(0, WORD), st.integers(0, WORD), st.integers(0, WORD))
def test_sockets_are_tcp_and_udp_over_ip(m: str, family: int, kind: int, protocol: int) -> None:
    number = ARCHITECTURES[m].numbers["socket"]
    allowed = family in (2, 10) and kind & 0xF in (1, 2) and protocol in (0, 6, 17)
    assert (verdict(m, number, family, kind, protocol) == seccomp.ALLOW) == allowed


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_socket_pairs_stay_and_unix_sockets_do_not(machine: str) -> None:
    numbers = ARCHITECTURES[machine].numbers
    assert verdict(machine, numbers["socketpair"], 1, 1) == seccomp.ALLOW
    assert verdict(machine, numbers["socketpair"], 30, 1) == refused(errno.EAFNOSUPPORT)
    for kind in (2, 3, 2 | 0o4000):  # of these, one can be sent from to anybody's socket
        assert verdict(machine, numbers["socketpair"], 1, kind) == refused(errno.EPERM)
    for kind in (1, 2, 1 | 0o4000 | 0o2000000):
        assert verdict(machine, numbers["socket"], 1, kind) == refused(errno.EAFNOSUPPORT)
        assert verdict(machine, numbers["socket"], 2, kind) == seccomp.ALLOW


@given(machines, st.integers(0, 0o7777))
def test_modes_with_set_user_id_are_refused(machine: str, mode: int) -> None:
    numbers = ARCHITECTURES[machine].numbers
    expected = refused(errno.EPERM) if mode & 0o6000 else seccomp.ALLOW
    assert verdict(machine, numbers["fchmod"], 3, mode) == expected
    assert verdict(machine, numbers["fchmodat"], 3, 0, mode) == expected
    assert verdict(machine, numbers["openat"], 3, 0, 0o101, mode) == expected
    # Without O_CREAT the register holds whatever was there before.
    assert verdict(machine, numbers["openat"], 3, 0, 0o2000000, mode) == seccomp.ALLOW


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxSetupError, match="riscv64"):
        seccomp.build("riscv64")


def test_a_jump_that_cannot_be_encoded_is_an_error() -> None:
    program = bpf.Program()
    program.jump(bpf.JUMP_EQUAL, 1, true="far")
    for _ in range(300):
        program.do(bpf.LOAD_WORD, 0)
    program.label("far")
    program.do(bpf.RETURN, 0)
    with pytest.raises(ValueError, match="300 instructions away"):
        program.assemble()


# The packet filter.

CAPTURE = Machine(packets.capture_filter())


def ipv4(destination: str, protocol: int, payload: bytes, options: bytes = b"") -> bytes:
    import ipaddress

    header = bytes([0x45 + len(options) // 4, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0])
    return header + bytes(4) + ipaddress.IPv4Address(destination).packed + options + payload


def ipv6(destination: str, protocol: int, payload: bytes) -> bytes:
    import ipaddress

    header = bytes([0x60, 0, 0, 0, 0, 0, protocol, 64])
    return header + bytes(16) + ipaddress.IPv6Address(destination).packed + payload


def tcp(port: int, flags: int) -> bytes:
    return struct.pack(">HHIIBBHHH", 40000, port, 0, 0, 0x50, flags, 0, 0, 0)


def wakes(packet: bytes, *, outgoing: bool = True) -> bool:
    version = packets.ETH_P_IPV6 if packet[0] >> 4 == 6 else packets.ETH_P_IP
    special = {0xFFFFF000: version, 0xFFFFF004: 4 if outgoing else 0}
    return CAPTURE.run(packet, ">", special) > 0


UDP = struct.pack(">HHHH", 40000, 53, 8, 0)
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def test_the_packet_filter_wakes_for_the_start_of_a_connection_elsewhere() -> None:
    assert wakes(ipv4("1.2.3.4", 6, tcp(443, SYN)))
    assert wakes(ipv4("1.2.3.4", 6, tcp(443, SYN), options=bytes(8)))
    assert wakes(ipv6("2001:db8::1", 6, tcp(443, SYN)))
    assert wakes(ipv4("127.66.0.1", 6, tcp(443, SYN)))  # pinned: whether declared is not its call
    assert not wakes(ipv4("1.2.3.4", 6, tcp(443, SYN)), outgoing=False)  # seen on its way out


def test_the_packet_filter_wakes_for_datagrams_and_other_protocols() -> None:
    assert wakes(ipv4("8.8.8.8", 17, UDP))
    assert wakes(ipv6("2001:db8::1", 17, UDP))
    assert wakes(ipv4("255.255.255.255", 17, UDP))
    assert wakes(ipv4("1.2.3.4", 132, bytes(12)))
    assert wakes(ipv6("2001:db8::1", 0, bytes(16)))  # an extension header first


def test_the_packet_filter_sleeps_through_what_stays_inside() -> None:
    for flags in (SYN_ACK, ACK, ACK | 8, 0x04 | ACK, 0x01 | ACK):
        assert flags == SYN_ACK or not wakes(ipv4("1.2.3.4", 6, tcp(443, flags)))
    assert not wakes(ipv4("1.2.3.4", 6, tcp(443, SYN_ACK)))
    for packet in (ipv4("127.0.0.1", 6, tcp(80, SYN)), ipv4("127.0.0.53", 17, UDP)):
        assert not wakes(packet)
    assert not wakes(ipv6("::1", 17, UDP))
    assert not wakes(ipv4("1.2.3.4", 1, bytes(8)))  # the kernel's own "unreachable"
    assert not wakes(ipv6("2001:db8::1", 58, bytes(8)))


def test_packets_are_read_back_as_what_they_were_sent_to() -> None:
    assert str(packets.parse(ipv4("1.2.3.4", 6, tcp(443, SYN)))) == "1.2.3.4:443"
    assert str(packets.parse(ipv4("1.2.3.4", 6, tcp(443, SYN), bytes(8)))) == "1.2.3.4:443"
    assert str(packets.parse(ipv6("2001:db8::1", 17, UDP))) == "[2001:db8::1]:53"
    other = packets.parse(ipv4("1.2.3.4", 132, bytes(12)))
    assert (other and other.kind, str(other)) == ("ip", "1.2.3.4")


@given(st.binary(max_size=200))
def test_no_packet_upsets_the_parser(packet: bytes) -> None:
    destination = packets.parse(packet)
    assert destination is None or destination.kind in ("tcp", "udp", "ip")
    if destination is not None:
        assert str(destination).isprintable()


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_asks_for_opening_and_executing_and_nothing_else(machine: str) -> None:
    architecture = ARCHITECTURES[machine]
    filter_ = Machine(notify.build(architecture))
    asked = {architecture.numbers[name] for name in notify.ASKED if name in architecture.numbers}
    assert len(asked) >= 3

    def asks(number: int, audit: int) -> bool:
        answer = filter_.run(struct.pack("<IIQ6Q", number, audit, 0, *[0] * 6), "<")
        assert answer in (0x7FC00000, seccomp.ALLOW)
        return answer == 0x7FC00000

    for number in range(seccomp.LAST_KNOWN_CALL):
        assert asks(number, architecture.audit) == (number in asked)
        # Another architecture's numbers mean other calls: the deny list beside it ends those.
        assert not asks(number, 0x40000003)
