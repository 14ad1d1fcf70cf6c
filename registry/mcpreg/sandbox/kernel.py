"""The few system calls that Python 3.11 does not offer, with errors raised as OSError."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
OPENAT2, RESOLVE_IN_ROOT = 437, 0x10  # linux/openat2.h; the same number everywhere
PIDFD_GETFD = 438  # the same number everywhere
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAPABILITY_VERSION_3 = 0x20080522
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446  # the same everywhere
NS_GET_USERNS = 0xB701  # linux/nsfs.h: the user namespace that owns this one

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def setns(descriptor: int, kind: int) -> None:
    """Join a namespace: setns(2)."""
    _checked(_libc.setns(descriptor, kind), "setns")


def unshare(kinds: int) -> None:
    """Leave namespaces behind: unshare(2)."""
    _checked(_libc.unshare(kinds), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    words = (source.encode(), target.encode(), kind.encode())
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), data.encode()), f"mount on {target}")


def open_in_root(root: int, path: str) -> int:
    """An O_PATH descriptor of `path` as a process with that root would find it, openat2(2)."""
    how = struct.pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, RESOLVE_IN_ROOT)
    return _called(OPENAT2, ctypes.c_int(root), os.fsencode(path), how, ctypes.c_size_t(len(how)))


def take_descriptor(pid: int, number: int) -> int:
    """A descriptor of one's own for what process `pid` has open as `number`, pidfd_getfd(2)."""
    process = os.pidfd_open(pid)
    try:
        words = (ctypes.c_long(PIDFD_GETFD), ctypes.c_int(process), ctypes.c_int(number))
        descriptor = int(_libc.syscall(*words, ctypes.c_uint(0)))
    finally:
        os.close(process)
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"pidfd_getfd: {os.strerror(number)}")
    return descriptor


def ptrace(request: int, pid: int, data: int = 0) -> None:
    """ptrace(2), with no address."""
    words = (ctypes.c_long(request), ctypes.c_int(pid), ctypes.c_void_p(0), ctypes.c_void_p(data))
    _checked(int(_libc.ptrace(*words)), "ptrace")


def forbid_new_privileges() -> None:
    """PR_SET_NO_NEW_PRIVS of prctl(2)."""
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def drop_from_bounding_set(capability: int) -> None:
    """PR_CAPBSET_DROP of prctl(2)."""
    _checked(_libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0), "prctl")


def keep_capabilities(mask: int) -> None:
    """Have these (of the first 32) and no others, inheritable ones none: capset(2)."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, struct.pack("=6I", mask, mask, 0, 0, 0, 0)), "capset")


def landlock_version() -> int:
    """Which version of landlock(7) the kernel has. Raises OSError when it has none."""
    return _called(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1))


def landlock_ruleset(attributes: bytes) -> int:
    """A descriptor of a new set of rules, struct landlock_ruleset_attr."""
    return _called(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)


def landlock_allow(rules: int, attributes: bytes) -> None:
    """Add a rule about a path, struct landlock_path_beneath_attr."""
    path_beneath = 1
    _called(_LANDLOCK_ADD, ctypes.c_int(rules), path_beneath, attributes, 0)


def landlock_restrict(rules: int) -> None:
    """Put this thread, and all it starts, under the rules."""
    _called(_LANDLOCK_RESTRICT, ctypes.c_int(rules), 0)


def _called(number: int, *words: object) -> int:
    """The result of a system call by its number, syscall(2)."""
    result = int(_libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def open_folder(path: str) -> int:
    """An O_PATH descriptor of a folder."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def die_with_parent(parent: int) -> None:
    """End this process when `parent` ends. Call it after any change of user, which undoes it."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    if os.getppid() != parent:
        os._exit(0)  # it ended in between


def exists_in_root(root: int, path: str) -> bool:
    """Whether a process with that root finds anything at `path`, links followed."""
    try:
        os.close(open_in_root(root, path))
    except OSError:
        return False
    return True


def owner_namespace(descriptor: int) -> int:
    """A descriptor of the user namespace that owns the namespace behind `descriptor`."""
    return fcntl.ioctl(descriptor, NS_GET_USERNS)
