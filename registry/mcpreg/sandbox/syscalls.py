"""System call numbers of the two architectures that the filter knows.

From linux/arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h; a test
compares them with the headers of the machine. A name that an architecture lacks is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Architecture(NamedTuple):
    """`audit` is its AUDIT_ARCH value; `x32_bit` marks a second ABI under the same value."""

    audit: int
    numbers: Mapping[str, int]
    x32_bit: int | None = None


# Numbers from 403 on are the same everywhere (Linux 5.1 unified them).
_COMMON = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "clone3": 435, "openat2": 437, "pidfd_getfd": 438, "process_madvise": 440,
    "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447,
    "set_mempolicy_home_node": 450, "fchmodat2": 452, "open_tree_attr": 467,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
}  # fmt: skip

_X86_64 = {
    "acct": 163, "add_key": 248, "adjtimex": 159, "bpf": 321, "chmod": 90, "chroot": 161,
    "clock_adjtime": 305, "clock_settime": 227, "clone": 56, "creat": 85, "delete_module": 176,
    "execve": 59, "execveat": 322, "fanotify_init": 300, "fchmod": 91, "fchmodat": 268,
    "finit_module": 313,
    "get_mempolicy": 239, "init_module": 175, "ioctl": 16, "ioperm": 173, "iopl": 172,
    "kcmp": 312, "kexec_file_load": 320, "kexec_load": 246, "keyctl": 250,
    "lookup_dcookie": 212, "mbind": 237, "memfd_create": 319, "migrate_pages": 256,
    "mknod": 133, "mknodat": 259, "modify_ldt": 154, "mount": 165, "move_pages": 279,
    "mq_open": 240, "msgget": 68, "name_to_handle_at": 303, "nfsservctl": 180, "open": 2,
    "open_by_handle_at": 304, "openat": 257, "perf_event_open": 298, "personality": 135,
    "pivot_root": 155, "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101,
    "quotactl": 179, "reboot": 169, "request_key": 249, "seccomp": 317, "set_mempolicy": 238,
    "setdomainname": 171, "sethostname": 170, "setns": 308, "settimeofday": 164, "shmget": 29,
    "socket": 41, "socketpair": 53, "swapoff": 168, "swapon": 167, "sysfs": 139, "syslog": 103,
    "_sysctl": 156, "umount2": 166, "unshare": 272, "uselib": 134, "userfaultfd": 323,
    "ustat": 136, "vhangup": 153, "vmsplice": 278,
}  # fmt: skip

_AARCH64 = {
    "acct": 89, "add_key": 217, "adjtimex": 171, "bpf": 280, "chroot": 51,
    "clock_adjtime": 266, "clock_settime": 112, "clone": 220, "delete_module": 106,
    "execve": 221, "execveat": 281, "fanotify_init": 262, "fchmod": 52, "fchmodat": 53,
    "finit_module": 273,
    "get_mempolicy": 236, "init_module": 105, "ioctl": 29, "kcmp": 272,
    "kexec_file_load": 294, "kexec_load": 104, "keyctl": 219, "lookup_dcookie": 18,
    "mbind": 235, "memfd_create": 279, "migrate_pages": 238, "mknodat": 33, "mount": 40,
    "move_pages": 239, "mq_open": 180, "msgget": 186, "name_to_handle_at": 264,
    "nfsservctl": 42, "open_by_handle_at": 265, "openat": 56, "perf_event_open": 241,
    "personality": 92, "pivot_root": 41, "process_vm_readv": 270, "process_vm_writev": 271,
    "ptrace": 117, "quotactl": 60, "reboot": 142, "request_key": 218, "seccomp": 277,
    "set_mempolicy": 237,
    "setdomainname": 162, "sethostname": 161, "setns": 268, "settimeofday": 170, "shmget": 194,
    "socket": 198, "socketpair": 199, "swapoff": 225, "swapon": 224, "syslog": 116,
    "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58, "vmsplice": 75,
}  # fmt: skip

ARCHITECTURES: Mapping[str, Architecture] = {
    "x86_64": Architecture(0xC000003E, _X86_64 | _COMMON, x32_bit=0x40000000),
    "aarch64": Architecture(0xC00000B7, _AARCH64 | _COMMON),
}
"""By machine name, as `os.uname` gives it."""
