"""A small assembler for classic BPF, which both seccomp and packet sockets speak.

Instruction: 16-bit code, 8-bit jump offsets for true and false, 32-bit constant, in host byte
order (linux/filter.h, struct sock_filter). Jumps go forward only, to labels.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
LOAD_HALF = 0x28  # BPF_LD | BPF_H | BPF_ABS
LOAD_BYTE = 0x30  # BPF_LD | BPF_B | BPF_ABS
LOAD_BYTE_INDEXED = 0x50  # BPF_LD | BPF_B | BPF_IND: at X + k
LOAD_HEADER_LENGTH = 0xB1  # BPF_LDX | BPF_B | BPF_MSH: X = 4 * (byte[k] & 0xf)
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_BITS = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

_MAX_JUMP = 255
_MAX_LENGTH = 4096  # BPF_MAXINSNS


class _Instruction(NamedTuple):
    code: int
    k: int
    true: str | None = None
    false: str | None = None


class Program:
    """Instructions in order; `assemble` turns labels into offsets."""

    def __init__(self) -> None:
        self._instructions: list[_Instruction] = []
        self._labels: dict[str, int] = {}

    def do(self, code: int, k: int) -> None:
        """Append a load, an arithmetic step or a return."""
        self._instructions.append(_Instruction(code, k))

    def jump(self, code: int, k: int, true: str | None = None, false: str | None = None) -> None:
        """Append a comparison of A with `k`; None falls through to the next instruction."""
        self._instructions.append(_Instruction(code, k, true, false))

    def label(self, name: str) -> None:
        """Name the next instruction. Raises ValueError when the name is taken."""
        if name in self._labels:
            raise ValueError(f"label {name!r} is there twice")
        self._labels[name] = len(self._instructions)

    def assemble(self) -> bytes:
        """Bytes as the kernel takes them. Raises ValueError for a jump that cannot be encoded."""
        if len(self._instructions) > _MAX_LENGTH:
            raise ValueError("program too long")
        return b"".join(
            struct.pack("=HBBI", i.code, self._offset(i.true, at), self._offset(i.false, at), i.k)
            for at, i in enumerate(self._instructions)
        )

    def _offset(self, name: str | None, at: int) -> int:
        if name is None:
            return 0
        distance = self._labels[name] - at - 1
        if not 0 <= distance <= _MAX_JUMP:
            raise ValueError(f"label {name!r} is {distance} instructions away")
        return distance
