"""Attempts on files and system calls that one deed and one errno describe (notes/sandbox.md).

Each row is done outside first, with the same code; a row whose deed does not work unprotected on
this machine (a kernel without that feature, no root) is skipped in words, never counted.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.hostile.conftest import World

pytestmark = pytest.mark.sandbox

Parameters = Callable[[Path], dict[str, Any]]


@dataclass(frozen=True)
class Attempt:
    """A deed by name, its parameters made from the world's folder, and the errno that denies it.

    `inside` replaces parameters that mean another place inside. `privileged` deeds need root
    outside, or `namespace`: root of a user namespace of its own will do.
    """

    number: int
    sentence: str
    deed: str
    denial: str
    parameters: Parameters = field(default=lambda _: {})
    inside: Parameters | None = None
    privileged: bool = False
    namespace: bool = False


def home(path: str) -> Parameters:
    return lambda world: {"path": f"{world}/home/{path}"}


def same(**parameters: object) -> Parameters:
    return lambda _: dict(parameters)


FILES = [
    Attempt(1, "the password file", "files.look", "ENOENT", same(path="/etc/shadow")),
    *(
        Attempt(10, f"writing to {place}", "files.create", "EROFS",
                lambda w: {"folder": f"{w}/home"}, same(folder=place))
        for place in ("/", "/usr", "/usr/lib", "/etc", "/app", "/opt", "/home")
    ),
    # Docker's is a file system in memory that belongs to root.
    Attempt(10, "writing to /dev", "files.create", "EROFS|EACCES",
            lambda w: {"folder": f"{w}/home"}, same(folder="/dev")),
    Attempt(11, "a hard link out of the grant", "files.hard_link", "EXDEV",
            lambda w: {"source": f"{w}/home/project/readme.txt", "folder": f"{w}/home"},
            lambda w: {"source": f"{w}/home/project/readme.txt", "folder": "/tmp"}),
    Attempt(12, "a device of one's own", "files.make_device", "EPERM", home("project/null"),
            privileged=True),
    Attempt(13, "chmod 4755", "files.make_setuid", "EPERM", home("project/tool")),
    Attempt(13, "a set-user-id bit at creation", "files.create_setuid", "EPERM",
            home("project/tool")),
    Attempt(14, "a neighbour whose name starts alike", "files.read", "ENOENT",
            home("project-2/notes.txt")),
    Attempt(16, "core_pattern", "files.open_for_writing", "EACCES",
            same(path="/proc/sys/kernel/core_pattern"), privileged=True),
    Attempt(17, "sysrq", "files.open_for_writing", "EACCES|EROFS",
            same(path="/proc/sysrq-trigger"), privileged=True),
]  # fmt: skip

CALLS = [
    Attempt(29, "unshare a user namespace", "calls.unshare_user", "EPERM"),
    Attempt(30, "clone into a user namespace", "calls.clone_user", "EPERM"),
    Attempt(31, "clone3, whose flags no filter can read", "calls.clone3", "ENOSYS"),
    Attempt(33, "mount", "calls.mount", "EPERM", lambda w: {"folder": f"{w}/home/project"},
            privileged=True, namespace=True),
    Attempt(33, "open_tree", "calls.open_tree", "EPERM", privileged=True, namespace=True),
    Attempt(33, "fsopen", "calls.fsopen", "EPERM", privileged=True, namespace=True),
    Attempt(34, "io_uring", "calls.io_uring", "ENOSYS"),
    Attempt(35, "ptrace", "calls.trace", "EPERM"),
    Attempt(35, "process_vm_readv", "calls.read_memory", "EPERM"),
    Attempt(35, "pidfd_getfd", "calls.steal_descriptor", "EPERM"),
    Attempt(36, "the session's keyring", "calls.keyring", "EPERM"),
    Attempt(36, "a key", "calls.add_key", "EPERM"),
    Attempt(37, "a BPF map", "calls.bpf", "EPERM", privileged=True),
    Attempt(37, "a performance counter", "calls.perf", "EPERM", privileged=True),
    Attempt(37, "userfaultfd", "calls.userfaultfd", "EPERM", privileged=True),
    Attempt(41, "a packet socket", "calls.socket_of", "EAFNOSUPPORT",
            same(family=int(socket.AF_PACKET), kind=int(socket.SOCK_RAW)),
            privileged=True, namespace=True),
    Attempt(41, "a netlink socket", "calls.socket_of", "EAFNOSUPPORT",
            same(family=int(socket.AF_NETLINK), kind=int(socket.SOCK_RAW))),
    Attempt(41, "a vsock socket", "calls.socket_of", "EAFNOSUPPORT",
            same(family=int(socket.AF_VSOCK), kind=int(socket.SOCK_STREAM))),
    Attempt(41, "a kernel crypto socket", "calls.socket_of", "EAFNOSUPPORT",
            same(family=int(socket.AF_ALG), kind=int(socket.SOCK_SEQPACKET))),
    Attempt(41, "a raw socket", "calls.socket_of", "EPERM",
            same(family=int(socket.AF_INET), kind=int(socket.SOCK_RAW), protocol=1),
            privileged=True, namespace=True),
    Attempt(74, "real-time priority", "process.real_time", "EPERM", privileged=True),
    Attempt(73, "setns", "calls.join_namespace", "EPERM", privileged=True),
    Attempt(75, "mount_setattr", "calls.mount_setattr", "EPERM", privileged=True, namespace=True),
    Attempt(75, "fspick", "calls.fspick", "EPERM", privileged=True, namespace=True),
    Attempt(76, "process_vm_writev", "calls.write_memory", "EPERM"),
    Attempt(77, "a listener of one's own", "calls.own_listener", "EBUSY"),
    Attempt(78, "who may send ICMP", "files.open_for_writing", "EACCES|EROFS",
            same(path="/proc/sys/net/ipv4/ping_group_range"), privileged=True),
    Attempt(59, "memory that no limit counts: memfd", "calls.memfd", "ENOSYS"),
    Attempt(59, "memory that no limit counts: System V", "calls.shared_memory", "EPERM"),
    Attempt(13, "openat2, whose mode no filter can read", "calls.openat2", "ENOSYS"),
]  # fmt: skip


@pytest.mark.parametrize("attempt", [*FILES, *CALLS], ids=lambda a: f"{a.number}: {a.sentence}")
def test_denies_attempt(attempt: Attempt, world: World) -> None:
    parameters = attempt.parameters(world.folder)
    prefix: list[str] = []
    if attempt.privileged and os.geteuid() != 0:
        if not attempt.namespace:
            pytest.skip("only root can do this deed outside the sandbox")
        prefix = ["unshare", "-Urmn"]
    outside = world.outside(
        attempt.deed, as_root=attempt.privileged and not prefix, prefix=prefix, **parameters
    )
    absent = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT"}
    if attempt.number == 17:
        absent = {"ENOENT"}  # a kernel without the magic key
    if outside.answer is not None and outside.answer.get("refused") in absent:
        pytest.skip(f"this kernel does not have it: {outside.refused}")
    assert outside.did is not None
    inside = (attempt.inside or attempt.parameters)(world.folder)
    assert world.inside(attempt.deed, **inside).refused in attempt.denial.split("|")


def test_attempt_9_denies_writing_to_what_was_granted_for_reading(world: World) -> None:
    from mcpreg.core.plan import Bind

    path = str(world.project / "readme.txt")
    assert world.outside("files.append", path=path).did == 5
    plan = world.plan("files.append", {"path": path})
    granted = Bind(str(world.project), str(world.project))
    binds = (*plan.binds[:-1], granted)
    assert world.inside("files.append", changes={"binds": binds}, path=path).refused == "EROFS"


def test_a_grant_for_writing_can_be_written(world: World) -> None:
    path = str(world.project / "readme.txt")
    assert world.inside("files.append", path=path).did == 5
    assert Path(path).read_text().endswith("more\n")
    assert Path(path).stat().st_uid == world.uid  # ownership stays whose it was


@pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is an x86 entry")
def test_attempt_39_kills_the_other_architecture(world: World) -> None:
    outside = world.outside("calls.other_architecture")
    if outside.code == -11:
        pytest.skip("this kernel has no 32-bit system calls")
    assert outside.did == 1
    inside = world.inside("calls.other_architecture")
    assert (inside.code, inside.answer) == (128 + 31, None)  # SIGSYS


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is an ABI of x86-64")
def test_attempt_38_kills_the_x32_abi(world: World) -> None:
    inside = world.inside("calls.x32")
    assert (inside.code, inside.answer) == (128 + 31, None)  # SIGSYS
    outside = world.outside("calls.x32")
    if outside.answer is not None and outside.answer.get("refused") == "ENOSYS":
        pytest.skip("killed inside, but this kernel has no x32 system calls outside either")
    assert outside.did == "called"


def test_attempt_32_denies_a_bubblewrap_inside(world: World) -> None:
    from mcpreg.core.plan import Bind

    argv = [
        "/usr/bin/bwrap",
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "/opt/python/bin/python3",
        "-c",
        "",
    ]
    outside = [*argv[:-3], world.python, "-c", ""]
    assert world.outside("process.run", argv=outside).did == ""
    plan = world.plan("process.run", {"argv": argv})
    extra = Bind("/usr/bin/bwrap", "/usr/bin/bwrap", role="runtime")
    result = world.inside("process.run", changes={"binds": (*plan.binds, extra)}, argv=argv)
    assert result.did.startswith("exit 1: bwrap: ")
    assert "namespace" in result.did
