"""Reading where a packet was meant to go: the filter for the packet socket and the parser.

The sandbox routes every address to its own loopback interface, so a packet there still carries
its original destination. The filter wakes us for what could be a violation only: the start of a
TCP connection, a datagram, or another protocol, leaving for anything but the sandbox itself.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from mcpreg.sandbox import bpf

PINNED_NETWORK = ipaddress.IPv4Network("127.66.0.0/16")
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
SNAP_BYTES = 128  # as much as the parser looks at

_PROTOCOL, _PACKET_TYPE = 0xFFFFF000, 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PROTOCOL, _PKTTYPE
_OUTGOING = 4  # each packet passes a loopback interface twice: count it on its way out
_SYN_ACK, _SYN = 0x12, 0x02


class Destination(NamedTuple):
    """`kind` is `tcp`, `udp` or `ip`; `port` is None when the protocol has none we can read."""

    kind: str
    address: str
    port: int | None

    def __str__(self) -> str:
        if self.port is None:
            return self.address
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


def capture_filter() -> bytes:
    """A program for SO_ATTACH_FILTER on an AF_PACKET SOCK_DGRAM socket."""
    program = bpf.Program()
    program.do(bpf.LOAD_WORD, _PACKET_TYPE)
    program.jump(bpf.JUMP_EQUAL, _OUTGOING, false="ignore")
    program.do(bpf.LOAD_WORD, _PROTOCOL)
    program.jump(bpf.JUMP_EQUAL, ETH_P_IPV6, true="version-6")
    program.jump(bpf.JUMP_EQUAL, ETH_P_IP, false="ignore")
    _filter_ipv4(program)
    _filter_ipv6(program)
    program.label("ignore")
    program.do(bpf.RETURN, 0)
    return program.assemble()


def _filter_ipv4(program: bpf.Program) -> None:
    network, mask = int(PINNED_NETWORK.network_address), int(PINNED_NETWORK.netmask)
    program.do(bpf.LOAD_WORD, 16)  # destination, RFC 791
    program.do(bpf.AND, mask)
    program.jump(bpf.JUMP_EQUAL, network, true="leaving-4")
    program.do(bpf.AND, 0xFF000000)
    program.jump(bpf.JUMP_EQUAL, 0x7F000000, true="ignore-4")
    program.label("leaving-4")
    program.do(bpf.LOAD_BYTE, 9)  # protocol
    # The kernel's own answer to a datagram nobody listens for; the server cannot send any.
    program.jump(bpf.JUMP_EQUAL, ICMP, true="ignore-4")
    program.jump(bpf.JUMP_EQUAL, TCP, false="take-4")
    program.do(bpf.LOAD_HALF, 6)  # flags and fragment offset
    program.jump(bpf.JUMP_BITS, 0x1FFF, true="take-4")
    program.do(bpf.LOAD_HEADER_LENGTH, 0)
    program.do(bpf.LOAD_BYTE_INDEXED, 13)  # TCP flags, RFC 9293
    program.do(bpf.AND, _SYN_ACK)
    program.jump(bpf.JUMP_EQUAL, _SYN, false="ignore-4")
    program.label("take-4")
    program.do(bpf.RETURN, SNAP_BYTES)
    program.label("ignore-4")
    program.do(bpf.RETURN, 0)


def _filter_ipv6(program: bpf.Program) -> None:
    program.label("version-6")
    for offset, word in ((24, 0), (28, 0), (32, 0), (36, 1)):  # destination, RFC 8200
        program.do(bpf.LOAD_WORD, offset)
        program.jump(bpf.JUMP_EQUAL, word, false="leaving-6")
    program.do(bpf.RETURN, 0)
    program.label("leaving-6")
    program.do(bpf.LOAD_BYTE, 6)  # next header
    program.jump(bpf.JUMP_EQUAL, ICMPV6, true="ignore-6")
    program.jump(bpf.JUMP_EQUAL, TCP, false="take-6")
    program.do(bpf.LOAD_BYTE, 40 + 13)
    program.do(bpf.AND, _SYN_ACK)
    program.jump(bpf.JUMP_EQUAL, _SYN, false="ignore-6")
    program.label("take-6")
    program.do(bpf.RETURN, SNAP_BYTES)
    program.label("ignore-6")
    program.do(bpf.RETURN, 0)


def parse(packet: bytes) -> Destination | None:
    """The destination of an IP packet; None when it is too short to have one."""
    if len(packet) < 20:
        return None
    version = packet[0] >> 4
    if version == 4:
        return _parse_ipv4(packet)
    if version == 6 and len(packet) >= 40:
        address = str(ipaddress.IPv6Address(packet[24:40]))
        return _transport(packet[6], address, packet[40:])
    return None


def _parse_ipv4(packet: bytes) -> Destination:
    header = 4 * (packet[0] & 0xF)
    (fragment,) = struct.unpack_from(">H", packet, 6)
    address = str(ipaddress.IPv4Address(packet[16:20]))
    if header < 20 or fragment & 0x1FFF:
        return Destination("ip", address, None)
    return _transport(packet[9], address, packet[header:])


def _transport(protocol: int, address: str, payload: bytes) -> Destination:
    kind = {TCP: "tcp", UDP: "udp"}.get(protocol, "ip")
    if kind == "ip" or len(payload) < 4:
        return Destination(kind, address, None)
    return Destination(kind, address, struct.unpack_from(">H", payload, 2)[0])
