"""What reaches a terminal from a server's standard error."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.sandbox.printable import Printable

COLOUR = rb"\x1b\[[0-9;:]*m"


def shown(*pieces: bytes) -> bytes:
    printable = Printable()
    return b"".join(part for piece in pieces for part in printable.feed(piece)) + b"".join(
        printable.end()
    )


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (b"plain\ttext\r\n", b"plain\ttext\r\n"),
        ("grün £ 你\n".encode(), "grün £ 你\n".encode()),
        (b"\x1b[1;31mred\x1b[0m", b"\x1b[1;31mred\x1b[0m"),
        (b"\x1b]52;c;cGFzdGVk\x07", b"?]52;c;cGFzdGVk?"),
        (b"\x1b[2J\x1b[6n", b"?[2J?[6n"),
        (b"\xc2\x9b31n", b"?31n"),
        (b"\x1b[" + b"1" * 100 + b"m", b"?[" + b"1" * 100 + b"m"),
        (b"ends with \x1b", b"ends with ?"),
    ],
)
def test_colours_pass_and_commands_do_not(said: bytes, seen: bytes) -> None:
    assert shown(said) == seen


@given(st.lists(st.sampled_from([b"\x1b", b"[", b"3", b";", b"m", b"n", b"\xc2", b"\x9b", b"a"])))
def test_no_division_into_pieces_lets_a_command_through(pieces: list[bytes]) -> None:
    rest = re.sub(COLOUR, b"", shown(*pieces))
    assert b"\x1b" not in rest
    assert b"\xc2\x9b" not in rest
    assert shown(*pieces) == shown(b"".join(pieces))
