"""The DNS messages the responder reads and writes, RFC 1035. Bytes in, bytes out.

Only questions are parsed, and only what a question may hold: anything else is not answered. Names
are compared as lower-case letters, digits, hyphens and underscores; a label with any other byte
is never equal to a declared name, whatever a resolver library may make of it.
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass

A, AAAA, IN = 1, 28, 1
NO_ERROR, SERVER_FAILURE, NO_SUCH_NAME = 0, 2, 3
MAX_MESSAGE = 4096  # a question is below 300 bytes; EDNS and padding add some
TTL_SECONDS = 60

_HEADER = struct.Struct(">HHHHHH")
_LABEL = rb"[a-z0-9_-]{1,63}"
_RESPONSE_BIT, _OPCODE_BITS, _RECURSION_DESIRED = 0x8000, 0x7800, 0x0100
_RECURSION_AVAILABLE = 0x0080
_POINTER_TO_QUESTION = 0xC00C


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `name` is lower-case without the final dot, or None when it has odd bytes.

    `shown` is printable whatever the bytes were; `section` is echoed in the answer, since
    resolvers check the case they sent (0x20 encoding).
    """

    identifier: int
    flags: int
    name: str | None
    shown: str
    kind: int
    section: bytes


def parse(message: bytes) -> Question | None:
    """Read a query; None when it is not one standard question of class IN."""
    if not _HEADER.size < len(message) <= MAX_MESSAGE:
        return None
    identifier, flags, questions, *_ = _HEADER.unpack_from(message)
    if flags & (_RESPONSE_BIT | _OPCODE_BITS) or questions != 1:
        return None
    found = _labels(message, _HEADER.size)
    if found is None:
        return None
    labels, end = found
    if len(message) < end + 4:
        return None
    kind, class_ = struct.unpack_from(">HH", message, end)
    if class_ != IN:
        return None
    name, shown = _name(labels)
    return Question(identifier, flags, name, shown, kind, message[_HEADER.size : end + 4])


def _labels(message: bytes, at: int) -> tuple[list[bytes], int] | None:
    """The labels from `at` on and where they end; no compression, 255 bytes at most."""
    labels: list[bytes] = []
    start = at
    while at < len(message) and at - start <= 255:
        length = message[at]
        if length == 0:
            return labels, at + 1
        if length > 63 or at + 1 + length > len(message):
            return None
        labels.append(message[at + 1 : at + 1 + length])
        at += 1 + length
    return None


def _name(labels: list[bytes]) -> tuple[str | None, str]:
    lower = [label.lower() for label in labels]
    plain = all(re.fullmatch(_LABEL, label) for label in lower)
    # A dot inside a label must not look like one between labels.
    shown = ".".join(
        label.decode("ascii", "backslashreplace").replace(".", "\\.") for label in lower
    )
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown) or "."
    return (shown if plain and labels else None), shown


def answer(question: Question, code: int, address: str | None = None) -> bytes:
    """A response: `address` as the one A record, or none. AA is not set, RA is."""
    flags = _RESPONSE_BIT | _RECURSION_AVAILABLE | (question.flags & _RECURSION_DESIRED) | code
    records = b""
    if address is not None and question.kind == A:
        records = struct.pack(">HHHIH", _POINTER_TO_QUESTION, A, IN, TTL_SECONDS, 4)
        records += socket.inet_aton(address)
    header = _HEADER.pack(question.identifier, flags, 1, 1 if records else 0, 0, 0)
    return header + question.section + records
