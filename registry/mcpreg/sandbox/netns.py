"""Preparing the sandbox's network namespace: routes, a packet socket, listeners.

A forked child joins the namespaces, makes the sockets and hands them out with SCM_RIGHTS; sockets
stay in the namespace they were made in. It is a fork without exec, which costs 2 ms instead of 20,
and it gains no privilege: the launcher's user owns the sandbox's user namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import inside, kernel, packets

BACKLOG = 64
_BATCH = 200  # the kernel passes at most 253 descriptors in one message (SCM_MAX_FD)
_PACKET_BUFFER = 4 << 20
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33

# linux/rtnetlink.h
_RTM_NEWROUTE, _NLMSG_ERROR = 24, 2
_REQUEST_ACK_CREATE_EXCLUSIVE = 0x1 | 0x4 | 0x400 | 0x200
_TABLE_LOCAL, _PROTOCOL_BOOT, _SCOPE_HOST, _TYPE_LOCAL, _RTA_OIF = 255, 3, 254, 2, 4


class Network(NamedTuple):
    """Sockets that live in the sandbox's network namespace.

    `spare` are unbound TCP sockets for names that are pinned later. `ipv6` is False where the
    kernel has none: then no IPv6 address can be reached, and none needs watching.
    """

    packets: socket.socket
    dns_udp: socket.socket
    dns_tcp: socket.socket
    listeners: tuple[socket.socket, ...]
    spare: list[socket.socket]
    ipv6: bool


def prepare(
    pid: int, listen: Sequence[tuple[str, int]], spare: int, as_owner: Callable[[], None]
) -> Network:
    """Set up the network namespace of process `pid`.

    Args:
        pid: the sandbox's first process, blocked.
        listen: pinned addresses and ports.
        spare: how many unbound sockets to make as well.
        as_owner: called in the child first, to become the user who owns the sandbox and do what
            only that user may.

    Raises:
        SandboxSetupError: a step was refused; the message says which.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        _child(pid, listen, spare, theirs, as_owner)
    theirs.close()
    try:
        return _receive(ours, len(listen))
    finally:
        ours.close()
        os.waitpid(child, 0)


def _child(
    pid: int,
    listen: Sequence[tuple[str, int]],
    spare: int,
    out: socket.socket,
    as_owner: Callable[[], None],
) -> NoReturn:
    try:
        as_owner()
        _join(pid)
        _raise_loopback()
        ipv6 = _route_everything_here()
        sockets = list(_sockets(listen, spare))
        out.send(json.dumps({"count": len(sockets), "ipv6": ipv6}).encode())
        for at in range(0, len(sockets), _BATCH):
            batch = [item.fileno() for item in sockets[at : at + _BATCH]]
            socket.send_fds(out, [b"+"], batch)
    except BaseException as error:  # noqa: BLE001  # nothing may run on in the forked copy
        with suppress(OSError):
            out.send(json.dumps({"error": str(error)}).encode())
    finally:
        os._exit(0)


def _join(pid: int) -> None:
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if os.fstat(namespace).st_ino == Path("/proc/self/ns/net").stat().st_ino:
        # Nothing below may ever touch the host's own network.
        raise OSError("the sandbox has no network namespace of its own")
    owner = kernel.owner_namespace(namespace)
    kernel.setns(owner, kernel.CLONE_NEWUSER)
    kernel.setns(namespace, kernel.CLONE_NEWNET)


def _raise_loopback() -> None:
    """`ip link set lo up`, netdevice(7): bubblewrap has done it, Docker's gate has not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH22x", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


def _route_everything_here() -> bool:
    """Make every address a local one; returns whether there is IPv6."""
    _add_local_default(socket.AF_INET)
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    with suppress(OSError):
        setting = Path("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
        if setting.read_text().strip() == "1":
            # The machine has it off. Attempts to use it are to be seen: it leads nowhere instead.
            with suppress(OSError):
                setting.write_text("0")
        if setting.read_text().strip() == "1":
            return False
    _add_local_default(socket.AF_INET6)
    return True


def _add_local_default(family: int) -> None:
    """`ip route add local default dev lo`, rtnetlink(7)."""
    interface = socket.if_nametoindex("lo")
    route = struct.pack(
        "=8BI", family, 0, 0, 0, _TABLE_LOCAL, _PROTOCOL_BOOT, _SCOPE_HOST, _TYPE_LOCAL, 0
    ) + struct.pack("=HHI", 8, _RTA_OIF, interface)
    header = struct.pack(
        "=IHHII", 16 + len(route), _RTM_NEWROUTE, _REQUEST_ACK_CREATE_EXCLUSIVE, 1, 0
    )
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.send(header + route)
        reply = link.recv(4096)
    kind, error = struct.unpack_from("=H", reply, 4)[0], struct.unpack_from("=i", reply, 16)[0]
    if kind != _NLMSG_ERROR or error != 0:
        raise OSError(-error, f"adding a route in the sandbox: {os.strerror(-error)}")


def _sockets(listen: Sequence[tuple[str, int]], spare: int) -> Iterator[socket.socket]:
    """The packet socket first: it must see everything that follows."""
    yield _packet_socket()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        resolver = socket.socket(socket.AF_INET, kind)
        resolver.bind((inside.RESOLVER, 53))
        if kind == socket.SOCK_STREAM:
            resolver.listen(BACKLOG)
        yield resolver
    for address in listen:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen(BACKLOG)
        yield listener
    for _ in range(spare):
        yield socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def _packet_socket() -> socket.socket:
    # Protocol 0 receives nothing until it is bound, when the filter is already in place.
    watcher = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    code = packets.capture_filter()
    program = ctypes.create_string_buffer(code, len(code))
    described = struct.pack("HP", len(code) // 8, ctypes.addressof(program))  # struct sock_fprog
    watcher.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
    with suppress(OSError):  # a smaller buffer overflows earlier, which is noticed
        watcher.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _PACKET_BUFFER)
    watcher.bind(("lo", packets.ETH_P_ALL))
    return watcher


def _receive(ours: socket.socket, listeners: int) -> Network:
    report = json.loads(ours.recv(65536) or b'{"error": "the helper died"}')
    if "error" in report:
        raise SandboxSetupError(
            f"the sandbox could not be set up: {report['error']}", hint="mcpreg doctor"
        )
    descriptors: list[int] = []
    while len(descriptors) < report["count"]:
        _, batch, _, _ = socket.recv_fds(ours, 1, _BATCH)
        if not batch:
            raise SandboxSetupError("too few descriptors are free", hint="ulimit -n 4096")
        descriptors.extend(batch)
    sockets = [_adopt(number) for number in descriptors]
    return Network(
        packets=sockets[0],
        dns_udp=sockets[1],
        dns_tcp=sockets[2],
        listeners=tuple(sockets[3 : 3 + listeners]),
        spare=sockets[3 + listeners :],
        ipv6=bool(report["ipv6"]),
    )


def _adopt(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    adopted = socket.socket(fileno=descriptor)
    adopted.setblocking(False)
    return adopted
