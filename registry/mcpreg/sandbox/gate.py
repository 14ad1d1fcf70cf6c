"""The gate: the first program in a container, which becomes the server when it is let.

Docker starts what it is told to start at once, while bubblewrap holds it until its mounts have been
compared, its limits set and its network watched. So what Docker starts is this: a program of a few
dozen instructions, bound into the container, that needs nothing there. It

1. gives up gaining privileges, and installs the very filter that the other backend uses (a Docker
   profile cannot say all of it: libseccomp of Debian 12 does not know the newest calls);
2. stops itself: what is checked and prepared from outside happens now;
3. once continued, enters the working folder (Docker would make one that is not there, as root) and
   becomes the server. Its words are that folder, the places to look for the program, an empty
   word, and the server's own words, so that `node` is found as execvp(3) would find it.

Exit status 70 means that a step was refused, 127 that no place had the program.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import seccomp

PLACE = "/.mcpreg-gate"  # inside
REFUSED, NOT_FOUND = 70, 127

_BASE = 0x400000  # where the one segment is loaded; the code itself runs anywhere
_ELF_HEADER, _PROGRAM_HEADER = 64, 56  # bytes, elf(5)
_READ_EXECUTE = 5  # PF_R | PF_X


@dataclass(frozen=True, slots=True)
class _Machine:
    """ELF machine number, and `gate_<name>.s` assembled (a test does it again)."""

    number: int
    code: bytes


_MACHINES: Mapping[str, _Machine] = {
    "x86_64": _Machine(62, bytes.fromhex("""
        4989e4b89d000000bf26000000be0100000031d24531d24531c00f0585c00f8587000000b83d010000bf010000
        0031f6488d15810000000f0585c0756eb8270000000f0589c7b83e000000be130000000f0585c07555498b7c24
        10b8500000000f0585c07545498d5c24184989dd498b45004885c074344983c50880380075ee498b04244d8d74
        c410488b3b803f0074134c89ee4c89f2b83b0000000f054883c308ebe5bf7f000000eb05bf46000000b83c0000
        000f0500
    """)),
    "aarch64": _Machine(183, bytes.fromhex("""
        f3030091e81480d2c00480d2210080d2020080d2030080d2040080d2010000d4800400b5a82280d2200080d201
        0080d282040010010000d4c00300b5881580d2010000d4281080d2610280d2010000d4000300b5600a40f92806
        80d2010000d4800200b574620091f50314aaa98640f8090200b42a014039aaffff35690240f9760e098bd64200
        91808640f80a004039ca000034e10315aae20316aaa81b80d2010000d4f9ffff17e00f80d202000014c00880d2
        a80b80d2010000d400000000
    """)),
}  # fmt: skip


def build(machine: str | None = None) -> bytes:
    """The program as a static ELF executable; for the running machine by default.

    Raises:
        SandboxSetupError: there is none for this machine.
    """
    name = machine or os.uname().machine
    if name not in _MACHINES:
        raise SandboxSetupError(f"no gate for {name}", hint="supported: " + ", ".join(_MACHINES))
    kind, rules = _MACHINES[name], seccomp.build(name)
    headers = _ELF_HEADER + _PROGRAM_HEADER
    after = _BASE + headers + len(kind.code)
    # struct sock_fprog: the number of instructions, and where they are.
    program = struct.pack("<H6xQ", len(rules) // 8, after + 16) + rules
    size = headers + len(kind.code) + len(program)
    segment = struct.pack("<IIQQQQQQ", 1, _READ_EXECUTE, 0, _BASE, _BASE, size, size, 0x1000)
    return _header(kind.number, headers) + segment + kind.code + program


def words(folder: str, places: Sequence[str], argv: Sequence[str]) -> list[str]:
    """The gate's own words: where to start, where to look for the program, and its words."""
    return [folder, *places, "", *argv]


def places(program: str, path: str) -> list[str]:
    """Where execvp(3) looks for a program, given the value of PATH inside."""
    if "/" in program:
        return [program]
    return [f"{folder}/{program}" for folder in path.split(":") if folder.startswith("/")]


def _header(machine: int, entry: int) -> bytes:
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)  # 64 bits, little-endian
    executable, version, no_sections = 2, 1, (64, 0, 0)
    return identification + struct.pack(
        "<HHIQQQIHHHHHH", executable, machine, version, _BASE + entry, _ELF_HEADER, 0, 0,
        _ELF_HEADER, _PROGRAM_HEADER, 1, *no_sections,
    )  # fmt: skip
