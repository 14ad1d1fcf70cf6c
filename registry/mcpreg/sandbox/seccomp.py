"""The system call filter: what no MCP server needs and the kernel should not be asked.

A deny list on top of namespaces, dropped capabilities and mounts: it closes what those leave
open (sockets in bound folders, the terminal, nested namespaces) and takes away large, rarely
used parts of the kernel. Layout of the data: linux/seccomp.h, struct seccomp_data.
"""

from __future__ import annotations

import errno
import os

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import bpf
from mcpreg.sandbox.syscalls import ARCHITECTURES, Architecture

ALLOW = 0x7FFF0000
KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS
ERROR = 0x00050000  # SECCOMP_RET_ERRNO, number in the low 16 bits

_NUMBER, _ARCH, _ARGS = 0, 4, 16

NOT_PERMITTED = (
    # other processes' memory and descriptors
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    # the file system tree and its limits
    "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "mknod", "mknodat", "quotactl",
    "quotactl_fd", "name_to_handle_at", "open_by_handle_at", "fanotify_init", "acct",
    # namespaces
    "unshare", "setns", "sethostname", "setdomainname",
    # keys of the session, kernel programs, performance counters, page faults
    "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd",
    # modules, another kernel, clock, log, swap, ports
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "syslog", "swapon", "swapoff",
    "ioperm", "iopl", "modify_ldt", "vhangup", "personality",
    # memory policy, and memory that no limit counts unless it is mapped
    "mbind", "set_mempolicy", "set_mempolicy_home_node", "get_mempolicy", "migrate_pages",
    "move_pages", "memfd_secret", "vmsplice", "shmget", "msgget", "mq_open",
    # relics
    "lookup_dcookie", "nfsservctl", "uselib", "sysfs", "ustat", "_sysctl",
)  # fmt: skip

# Libraries probe for these and fall back when the kernel is too old to have them; the calls that
# they fall back to have arguments a filter can read.
NOT_IMPLEMENTED = (
    "clone3", "openat2", "memfd_create", "io_uring_setup", "io_uring_enter", "io_uring_register",
)  # fmt: skip

# Newer calls than this filter was written against are unknown, hence absent.
LAST_KNOWN_CALL = 470

# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. NEWTIME (0x80) lies in
# the exit signal's byte of clone(2), where no signal is that high.
NAMESPACE_FLAGS = 0x7E020080
TERMINAL_INJECTION = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX, TIOCSETD
SOCKET_FAMILIES = (2, 10)  # AF_INET, AF_INET6
SOCKET_TYPES = (1, 2)  # SOCK_STREAM, SOCK_DGRAM
PAIR_TYPES = (1, 5)  # SOCK_STREAM, SOCK_SEQPACKET: connected to each other for good
SOCKET_PROTOCOLS = (0, 6, 17)  # default, TCP, UDP
SETID_BITS = 0o6000
CREATES = 0o100 | 0o20000000  # O_CREAT, __O_TMPFILE: only then is there a mode argument


def build(machine: str | None = None) -> bytes:
    """The filter for a machine name such as `x86_64`; the running one by default.

    Raises:
        SandboxSetupError: there is no table for this machine.
    """
    name = machine or os.uname().machine
    if name not in ARCHITECTURES:
        raise SandboxSetupError(
            f"no system call table for {name}", hint="supported: " + ", ".join(ARCHITECTURES)
        )
    return _Filter(ARCHITECTURES[name]).assemble()


class _Filter:
    def __init__(self, architecture: Architecture) -> None:
        self._architecture = architecture
        self._program = bpf.Program()
        self._blocks = 0

    def assemble(self) -> bytes:
        program = self._program
        self._prologue()
        for name in NOT_PERMITTED:
            self._refuse(name, errno.EPERM)
        for name in NOT_IMPLEMENTED:
            self._refuse(name, errno.ENOSYS)
        self._bits("clone", 0, NAMESPACE_FLAGS)
        self._one_of("ioctl", 1, TERMINAL_INJECTION)
        self._sockets()
        self._modes()
        program.do(bpf.RETURN, ALLOW)
        return program.assemble()

    def _prologue(self) -> None:
        """Calls of another architecture or ABI have other numbers: they end the process."""
        program, architecture = self._program, self._architecture
        program.do(bpf.LOAD_WORD, _ARCH)
        program.jump(bpf.JUMP_EQUAL, architecture.audit, true="native")
        program.do(bpf.RETURN, KILL)
        program.label("native")
        program.do(bpf.LOAD_WORD, _NUMBER)
        if architecture.x32_bit is not None:
            program.jump(bpf.JUMP_AT_LEAST, architecture.x32_bit, false="one-abi")
            program.do(bpf.RETURN, KILL)
            program.label("one-abi")
        program.jump(bpf.JUMP_GREATER, LAST_KNOWN_CALL, false="known")
        program.do(bpf.RETURN, ERROR | errno.ENOSYS)
        program.label("known")

    def _refuse(self, name: str, error: int) -> None:
        if (end := self._begin(name)) is not None:
            self._program.do(bpf.RETURN, ERROR | error)
            self._program.label(end)

    def _bits(self, name: str, argument: int, bits: int) -> None:
        """EPERM when any of `bits` is set in an argument."""
        if (end := self._begin(name)) is not None:
            self._load(argument)
            self._program.jump(bpf.JUMP_BITS, bits, false=f"{end}-clear")
            self._program.do(bpf.RETURN, ERROR | errno.EPERM)
            self._program.label(f"{end}-clear")
            self._finish(end)

    def _one_of(self, name: str, argument: int, values: tuple[int, ...]) -> None:
        """EPERM when the low 32 bits of an argument are one of `values`."""
        if (end := self._begin(name)) is not None:
            self._load(argument)
            for value in values:
                self._program.jump(bpf.JUMP_EQUAL, value, true=f"{end}-refuse")
            self._program.do(bpf.RETURN, ALLOW)
            self._program.label(f"{end}-refuse")
            self._program.do(bpf.RETURN, ERROR | errno.EPERM)
            self._program.label(end)

    def _sockets(self) -> None:
        """Only TCP and UDP over IP; no Unix sockets, since a bound folder may hold one."""
        if (end := self._begin("socket")) is not None:
            self._only(end, 0, 0xFFFFFFFF, SOCKET_FAMILIES, errno.EAFNOSUPPORT)
            self._only(end, 1, 0xF, SOCKET_TYPES, errno.EPERM)
            self._only(end, 2, 0xFFFFFFFF, SOCKET_PROTOCOLS, errno.EPROTONOSUPPORT)
            self._finish(end)
        if (end := self._begin("socketpair")) is not None:
            self._only(end, 0, 0xFFFFFFFF, (1,), errno.EAFNOSUPPORT)
            # One of a pair of datagram sockets can be sent from to any other by its path.
            self._only(end, 1, 0xF, PAIR_TYPES, errno.EPERM)
            self._finish(end)

    def _modes(self) -> None:
        """No set-user-id bit on a file that outlives the sandbox in a writable folder."""
        for name, mode in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)):
            self._bits(name, mode, SETID_BITS)
        self._bits("creat", 1, SETID_BITS)
        for name, flags in (("open", 1), ("openat", 2)):
            if (end := self._begin(name)) is not None:
                self._load(flags)
                self._program.jump(bpf.JUMP_BITS, CREATES, false=f"{end}-clear")
                self._load(flags + 1)
                self._program.jump(bpf.JUMP_BITS, SETID_BITS, false=f"{end}-clear")
                self._program.do(bpf.RETURN, ERROR | errno.EPERM)
                self._program.label(f"{end}-clear")
                self._finish(end)

    def _only(self, end: str, argument: int, mask: int, values: tuple[int, ...], no: int) -> None:
        passed = f"{end}-{argument}"
        self._load(argument)
        self._program.do(bpf.AND, mask)
        for value in values:
            self._program.jump(bpf.JUMP_EQUAL, value, true=passed)
        self._program.do(bpf.RETURN, ERROR | no)
        self._program.label(passed)

    def _begin(self, name: str) -> str | None:
        """Skip to the label returned unless the call is `name`; None when there is no such call."""
        number = self._architecture.numbers.get(name)
        if number is None:
            return None
        self._blocks += 1
        end = f"{name}-{self._blocks}"
        self._program.jump(bpf.JUMP_EQUAL, number, false=end)
        return end

    def _load(self, argument: int) -> None:
        # The low half, little-endian: the kernel looks at no more of an int, and a filter that
        # compared all 64 bits would miss TIOCSTI with high bits set (CVE-2019-10063).
        self._program.do(bpf.LOAD_WORD, _ARGS + 8 * argument)

    def _finish(self, end: str) -> None:
        # A is no longer the call's number.
        self._program.do(bpf.RETURN, ALLOW)
        self._program.label(end)
