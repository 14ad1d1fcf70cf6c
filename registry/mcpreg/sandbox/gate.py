"""The gate: the first program in a container, which becomes the server when it is let.

Docker starts what it is told to start at once, while bubblewrap holds it until its mounts have been
compared, its limits set and its network watched. So what Docker starts is this: a program of a few
dozen instructions, bound into the container, that needs nothing there. It

1. gives up gaining privileges, and makes a user and a network namespace. They belong to the
   launcher's user, who may therefore do from outside what under bubblewrap it may: prepare the
   network, and read what the server reaches for. To the server the rest of the container (its
   first process runs under the same number) is another namespace's, and so out of reach;
2. drops every capability that it got with them;
3. has its own files asked about, through a listener that is taken from it while it is stopped;
4. installs the very filter that the other backend uses (a Docker profile cannot say all of it:
   libseccomp of Debian 12 does not know the newest calls);
5. stops itself: what is checked and prepared from outside happens now;
6. once continued, enters the working folder (Docker would make one that is not there, as root) and
   becomes the server. Its words are that folder, the places to look for the program, an empty
   word, and the server's own words, so that `node` is found as execvp(3) would find it.

Exit status 70 means that a step was refused, 71 that it was the namespaces, 127 that no place had
the program.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import notify, seccomp
from mcpreg.sandbox.syscalls import ARCHITECTURES

PLACE = "/.mcpreg-gate"  # inside
REFUSED, NO_NAMESPACE, NOT_FOUND = 70, 71, 127

_BASE = 0x400000  # where the one segment is loaded; the code itself runs anywhere
_ELF_HEADER, _PROGRAM_HEADER = 64, 56  # bytes, elf(5)
_READ_EXECUTE = 5  # PF_R | PF_X
_PROGRAM = struct.Struct("<H6xQ")  # struct sock_fprog: the number of instructions, where they are
# capset(2): the header (_LINUX_CAPABILITY_VERSION_3, this process), and two halves of three sets.
_CAPABILITIES = struct.pack("<Ii", 0x20080522, 0) + bytes(24)


@dataclass(frozen=True, slots=True)
class _Machine:
    """ELF machine number, and `gate_<name>.s` assembled (a test does it again)."""

    number: int
    code: bytes


_MACHINES: Mapping[str, _Machine] = {
    "x86_64": _Machine(62, bytes.fromhex("""
        4989e4b89d000000bf26000000be0100000031d24531d24531c00f0585c00f8503010000b810010000bf000000
        500f0585c00f85e800000031dbb89d000000bf1800000089de0f05ffc385c074ecb87e000000488d3dfe000000
        488d35ff0000000f0585c00f85bc000000bb28000000b83d010000bf0100000089de488d15c50000000f0585c0
        791083fb080f8495000000bb08000000ebd7b83d010000bf0100000031f6488d158c0000000f0585c07575b827
        0000000f0589c7b83e000000be130000000f0585c0755c498b7c2410b8500000000f0585c0754c498d5c241849
        89dd498b45004885c0743b4983c50880380075ee498b04244d8d74c410488b3b803f0074134c89ee4c89f2b83b
        0000000f054883c308ebe5bf7f000000eb0cbf47000000eb05bf46000000b83c0000000f050000000000
    """)),
    "aarch64": _Machine(183, bytes.fromhex("""
        f3030091e81480d2c00480d2210080d2020080d2030080d2040080d2010000d4400800b5280c80d20000aad201
        0000d4800700b5170080d2e81480d2000380d2e10317aa020080d2010000d4f706009140ffffb4680b80d20008
        001021080010010000d4200600b5170580d2a82280d2200080d2e10317aa82060010010000d4a000f8b6ff2200
        f100050054170180d2f7ffff17a82280d2200080d2010080d2c2040010010000d4000400b5881580d2010000d4
        281080d2610280d2010000d4400300b5600a40f9280680d2010000d4c00200b574620091f50314aaa98640f849
        0200b42a014039aaffff35690240f9760e098bd6420091808640f80a004039ca000034e10315aae20316aaa81b
        80d2010000d4f9ffff17e00f80d204000014e00880d202000014c00880d2a80b80d2010000d400000000
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
    kind = _MACHINES[name]
    headers = _ELF_HEADER + _PROGRAM_HEADER
    data = _data(name, _BASE + headers + len(kind.code))
    size = headers + len(kind.code) + len(data)
    segment = struct.pack("<IIQQQQQQ", 1, _READ_EXECUTE, 0, _BASE, _BASE, size, size, 0x1000)
    return _header(kind.number, headers) + segment + kind.code + data


def _data(machine: str, address: int) -> bytes:
    """What the code refers to by its distance from `program`, which lies at `address`."""
    rules, asking = seccomp.build(machine), notify.build(ARCHITECTURES[machine])
    first = address + 2 * _PROGRAM.size + len(_CAPABILITIES)
    programs = _PROGRAM.pack(len(rules) // 8, first)
    programs += _PROGRAM.pack(len(asking) // 8, first + len(rules))
    return programs + _CAPABILITIES + rules + asking


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
