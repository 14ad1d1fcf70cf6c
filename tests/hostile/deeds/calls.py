"""System calls that no server needs."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import signal
import socket
import struct
import time
from pathlib import Path

NUMBERS = {
    "x86_64": {"clone": 56, "ptrace": 101, "process_vm_readv": 310, "mount": 165, "umount2": 166,
               "unshare": 272, "keyctl": 250, "bpf": 321, "perf_event_open": 298,
               "userfaultfd": 323, "add_key": 248, "memfd_create": 319, "shmget": 29,
               "process_vm_writev": 311, "seccomp": 317, "setns": 308},
    "aarch64": {"clone": 220, "ptrace": 117, "process_vm_readv": 270, "mount": 40, "umount2": 39,
                "unshare": 97, "keyctl": 219, "bpf": 280, "perf_event_open": 241,
                "userfaultfd": 282, "add_key": 217, "memfd_create": 279, "shmget": 194,
                "process_vm_writev": 271, "seccomp": 277, "setns": 268},
}[platform.machine()] | {
    "open_tree": 428, "fsopen": 430, "clone3": 435, "openat2": 437, "pidfd_getfd": 438,
    "io_uring_setup": 425, "mount_setattr": 442, "fspick": 433,
}  # fmt: skip
CLONE_NEWUSER = 0x10000000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(name: str, *arguments: object) -> int:
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(_libc.syscall(ctypes.c_long(NUMBERS[name]), *words))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def inject(high_bits: bool) -> str:
    """Type a character into the terminal on standard input: TIOCSTI."""
    command = 0x5412 | (1 << 32 if high_bits else 0)
    if _libc.ioctl(0, ctypes.c_ulong(command), ctypes.c_char_p(b"x")):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return "typed"


def console(subcode: int) -> str:
    """Ask the virtual console on standard input for something: TIOCLINUX, ioctl_console(2)."""
    if _libc.ioctl(0, ctypes.c_ulong(0x541C), ctypes.byref(ctypes.c_char(subcode))) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return "told"


def x32() -> str:
    """getpid(2) by the numbers of the x32 ABI."""
    if int(_libc.syscall(ctypes.c_long(0x40000000 | 39))) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return "called"


def unshare_user() -> int:
    return call("unshare", CLONE_NEWUSER)


def clone_user() -> str:
    child = call("clone", CLONE_NEWUSER | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "cloned"


def clone3() -> str:
    arguments = (ctypes.c_uint64 * 11)()
    arguments[4] = signal.SIGCHLD
    child = call("clone3", ctypes.byref(arguments), ctypes.sizeof(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return "cloned"


def mount(folder: str) -> str:
    path = ctypes.c_char_p(folder.encode())
    call("mount", ctypes.c_char_p(b"none"), path, ctypes.c_char_p(b"tmpfs"), 0, None)
    call("umount2", path, 0)
    return "mounted"


def open_tree() -> str:
    recursive_clone = 0x8000 | 1  # AT_RECURSIVE | OPEN_TREE_CLONE
    os.close(call("open_tree", -100, ctypes.c_char_p(b"/"), recursive_clone))
    return "cloned"


def fsopen() -> str:
    os.close(call("fsopen", ctypes.c_char_p(b"tmpfs"), 0))
    return "opened"


def mount_setattr() -> str:
    attributes = (ctypes.c_uint64 * 4)()  # that nothing be changed: it may be done to a real one
    call("mount_setattr", -100, ctypes.c_char_p(b"/"), 0, ctypes.byref(attributes), 32)
    return "set"


def fspick() -> str:
    os.close(call("fspick", -100, ctypes.c_char_p(b"/"), 0))
    return "picked"


def join_namespace() -> str:
    """The one it is in already: it may be done to a real one."""
    own = os.open("/proc/self/ns/uts", os.O_RDONLY)
    call("setns", own, 0)
    os.close(own)
    return "joined"


def own_listener() -> str:
    """Be asked about one's own calls first, so that nobody else is: seccomp_unotify(2)."""
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
    program = struct.pack("@HP", 1, ctypes.addressof(allow))
    _libc.prctl(38, 1, 0, 0, 0)
    os.close(call("seccomp", 1, 8, ctypes.c_char_p(program)))
    return "asked"


def undying() -> str:
    """Make the first process forget that it is to end with its parent.

    Its code is written over where it waits for a child, and a child of its own then wakes it.
    """
    forget = "b89d000000bf0100000031f60f05"  # prctl(PR_SET_PDEATHSIG, 0)
    wait = "b8220000000f05ebf7"  # pause, for ever
    words = Path("/proc/1/syscall").read_text().split()
    with Path("/proc/1/mem").open("r+b", buffering=0) as memory:
        memory.seek(int(words[-1], 16))
        memory.write(bytes.fromhex(forget + wait))
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.2)
        os._exit(0)
    time.sleep(3)
    print("ready", flush=True)
    time.sleep(60)
    return "woke"


def write_memory() -> int:
    here = ctypes.create_string_buffer(b"secret")
    child = _sleeper()
    both = (ctypes.c_uint64 * 2)(ctypes.addressof(here), 6)
    try:
        return call("process_vm_writev", child, ctypes.byref(both), 1, ctypes.byref(both), 1, 0)
    finally:
        _end(child)


def io_uring() -> str:
    os.close(call("io_uring_setup", 1, ctypes.byref(ctypes.create_string_buffer(120))))
    return "set up"


def _sleeper() -> int:
    child = os.fork()
    if child == 0:
        time.sleep(20)
        os._exit(0)
    return child


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def trace() -> str:
    child = _sleeper()
    try:
        call("ptrace", 16, child, 0, 0)  # PTRACE_ATTACH
    finally:
        _end(child)
    return "attached"


def read_memory() -> str:
    secret = ctypes.create_string_buffer(b"secret")
    child = _sleeper()
    here = ctypes.create_string_buffer(6)
    local = (ctypes.c_uint64 * 2)(ctypes.addressof(here), 6)
    remote = (ctypes.c_uint64 * 2)(ctypes.addressof(secret), 6)
    try:
        call("process_vm_readv", child, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    finally:
        _end(child)
    return here.raw.decode()


def steal_descriptor() -> str:
    child = _sleeper()
    try:
        os.close(call("pidfd_getfd", os.pidfd_open(child), 0, 0))
    finally:
        _end(child)
    return "stolen"


def keyring() -> str:
    call("keyctl", 0, -3, 1)  # KEYCTL_GET_KEYRING_ID of the session
    return "found"


def add_key() -> str:
    call("add_key", ctypes.c_char_p(b"user"), ctypes.c_char_p(b"k"), ctypes.c_char_p(b"v"), 1, -3)
    return "added"


def bpf() -> str:
    attributes = (ctypes.c_uint32 * 32)(2, 4, 4, 1)  # BPF_MAP_CREATE of an array
    os.close(call("bpf", 0, ctypes.byref(attributes), 72))
    return "created"


def perf() -> str:
    attributes = (ctypes.c_uint32 * 28)(1, 112)  # PERF_TYPE_SOFTWARE
    os.close(call("perf_event_open", ctypes.byref(attributes), 0, -1, -1, 0))
    return "opened"


def userfaultfd() -> str:
    os.close(call("userfaultfd", 0))
    return "opened"


def memfd() -> str:
    os.close(call("memfd_create", ctypes.c_char_p(b"x"), 0))
    return "created"


def shared_memory() -> str:
    identifier = call("shmget", 0, 4096, 0o1600)
    _libc.shmctl(identifier, 0, None)
    return "created"


def openat2() -> str:
    how = (ctypes.c_uint64 * 3)()
    os.close(call("openat2", -100, ctypes.c_char_p(b"/"), ctypes.byref(how), 24))
    return "opened"


def other_architecture() -> int:
    """getpid(2) through the 32-bit entry, int 0x80: other numbers, other arguments."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20; int 0x80; ret
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)() == os.getpid())


def socket_of(family: int, kind: int, protocol: int = 0) -> str:
    socket.socket(family, kind, protocol).close()
    return "opened"


def user_after(program: str) -> int:
    """The effective user that a set-user-id program gets."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(write, 1)
        os.execv(program, [program, "-u"])
    os.close(write)
    os.waitpid(child, 0)
    return int(os.read(read, 32))


def who(path: str) -> int:
    return Path(path).stat().st_uid
