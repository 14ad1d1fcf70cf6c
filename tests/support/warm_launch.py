"""`python -m MODULE ARGS…` in a fork of a process that has imported everything already.

`python -I -S warm_launch.py SOCKET MODULE ARGS…` hands over what a process inherits (arguments,
environment, folder, umask, the three standard streams), passes signals on, and ends as the other
ended. Whatever cannot be handed over (user, namespaces, limits, PYTHON… variables) has to be the
same on both sides; where it is not, and where a stream is closed, the module is started cold.

It stands in for a start of Python some thousands of times, so it imports nothing that takes time:
`_socket` and `_signal` are what `socket` and `signal` wrap.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the standard library's, and has no stub
import _socket
import marshal
import os
import sys

COLD = 256
"""The answer to a call from elsewhere; every other answer is what waitpid's exit code would be."""
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
_SIGNALS = ("SigIgn", "SigBlk")
_LIBRARYS_OWN = 3 << 31
"""32 and 33, signal(7): glibc takes them for itself with a process's first thread."""


def _plain(line: str) -> str:
    name, _, value = line.partition(":")
    return f"{name}:{int(value, 16) & ~_LIBRARYS_OWN:x}" if name in _SIGNALS else line


def surroundings() -> str:
    """What a process has from its parent and cannot be given by somebody else."""
    with open("/proc/self/limits") as limits, open("/proc/self/status") as status:
        kept = ("Groups", "Cap", "NoNewPrivs", "Seccomp:", "Cpus_allowed:")
        lines = [_plain(line) for line in status if line.startswith((*kept, *_SIGNALS))]
        spaces = [os.readlink(f"/proc/self/ns/{name}") for name in _NAMESPACES]
        python = [name for name in os.environ if name.startswith("PYTHON") and name[6:7] != "_"]
        flags = [(name, os.environ[name]) for name in sorted(python)]
        return repr((os.getresuid(), os.getresgid(), limits.read(), lines, spaces, flags))


def _call(address: str, module: str, arguments: list[str]) -> int:
    """The exit code of the call, negative for a signal; `COLD` when it cannot be handed over."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(address)
    around = surroundings()  # before a signal that is ignored (nohup's) no longer looks it
    for number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
        _signal.signal(number, lambda number, _: connection.send(bytes([number])))
    umask = os.umask(0)
    os.umask(umask)
    told = (module, arguments, dict(os.environb), os.getcwd(), umask, around)
    request = marshal.dumps(told)
    size = len(request).to_bytes(4, "big")
    streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
    try:
        connection.sendmsg([size], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
    except OSError:  # one of the three is closed
        return COLD
    connection.sendall(request)
    answer = connection.recv(4)
    if len(answer) < 4:
        sys.exit("the process that commands of tests are forked from has ended")
    return int.from_bytes(answer, "big", signed=True)


def _main(address: str, module: str, *arguments: str) -> None:
    code = _call(address, module, list(arguments))
    if code == COLD:
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    if code < 0:
        if -code != _signal.SIGKILL:
            _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)  # nothing is left to do, and to take Python down properly takes time


if __name__ == "__main__":
    _main(*sys.argv[1:])
