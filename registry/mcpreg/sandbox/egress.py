"""What leaves the sandbox: connections to pinned names, relayed to the host they stand for."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence

from mcpreg.sandbox.interface import Recorder, Resolver
from mcpreg.sandbox.lookup import Lookups
from mcpreg.sandbox.loop import READ, WRITE, Loop
from mcpreg.sandbox.netns import BACKLOG
from mcpreg.sandbox.pins import Pins
from mcpreg.sandbox.relay import Relay, abort

MAX_CONNECTIONS = 200  # two descriptors each, below the usual limit of 1024
MAX_EVENTS = 10_000  # a run's audit file stays readable; what comes after is counted


class Egress:
    """Listeners inside, sockets outside."""

    def __init__(self, loop: Loop, pins: Pins, recorder: Recorder, resolver: Resolver) -> None:
        self._loop = loop
        self._pins = pins
        self._recorder = recorder
        self._lookups = Lookups(loop, resolver)
        self._open: set[Connection] = set()
        self._events = 0

    def listen(self, listener: socket.socket, host: str, port: int) -> None:
        """Serve a bound, listening socket that stands for `host` on `port`."""
        self._loop.watch(listener, READ, lambda _: self._accept(listener, host, port))

    def bind(self, spare: list[socket.socket], name: str) -> bool:
        """Listen for a name pinned just now; False when there are not enough sockets."""
        wanted = self._pins.listeners(name)
        if len(spare) < len(wanted):
            return False
        for address in wanted:
            listener = spare.pop()
            listener.bind(address)
            listener.listen(BACKLOG)
            self.listen(listener, name, address[1])
        return True

    def record(self, event: str, **fields: object) -> None:
        """Record, up to a bound: a server can make events, and must not fill the disk."""
        self._events += 1
        if self._events <= MAX_EVENTS:
            self._recorder.record(event, **fields)
        elif self._events == MAX_EVENTS + 1:
            self._recorder.record("suppressed", reason=f"more than {MAX_EVENTS} network events")

    def close(self) -> None:
        """Reset what is open and end lookups."""
        for connection in tuple(self._open):
            connection.fail()
        self._lookups.close()

    def _accept(self, listener: socket.socket, host: str, port: int) -> None:
        try:
            inner, _ = listener.accept()
        except OSError:  # gone again, or no descriptor free: the next turn tries once more
            return
        if len(self._open) >= MAX_CONNECTIONS:
            abort(inner)
            inner.close()
            self.record("egress-refused", host=host, port=port, reason="too many connections")
            return
        inner.setblocking(False)
        connection = Connection(self, self._loop, inner, host, port)
        self._open.add(connection)
        self._lookups.ask(host, port, connection.resolved)

    def forget(self, connection: Connection) -> None:
        """A connection is over."""
        self._open.discard(connection)


class Connection:
    """From accepted to relayed: resolve, connect to the first address that answers, splice."""

    def __init__(
        self, egress: Egress, loop: Loop, inner: socket.socket, host: str, port: int
    ) -> None:
        self._egress = egress
        self._loop = loop
        self._inner = inner
        self._host = host
        self._port = port
        self._addresses: list[str] = []
        self._outer: socket.socket | None = None
        self._relay: Relay | None = None
        self._over = False

    def resolved(self, addresses: Sequence[str], problem: str | None) -> None:
        """Go on with what the lookup found."""
        if self._over:
            return
        if problem is not None or not addresses:
            self._refuse(problem or "no address")
            return
        self._addresses = list(addresses)
        self._next("no address answered")

    def fail(self) -> None:
        """Reset the connection, wherever it is."""
        if self._relay is not None:
            self._relay.close(reset=True)
        else:
            self._drop()

    def _next(self, problem: str) -> None:
        """Try the next address: exactly the one that the resolver checked, never the name."""
        if not self._addresses:
            self._refuse(problem)
            return
        address = self._addresses.pop(0)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        outer: socket.socket | None = None
        try:
            outer = socket.socket(family, socket.SOCK_STREAM)
            outer.setblocking(False)
            code = outer.connect_ex((address, self._port))
        except OSError as error:
            if outer is not None:
                outer.close()
            self._next(str(error))
            return
        self._outer = connecting = outer
        if code not in (0, errno.EINPROGRESS):
            self._give_up(connecting, code)
        else:
            self._loop.watch(connecting, WRITE, lambda _: self._connected(connecting, address))

    def _connected(self, outer: socket.socket, address: str) -> None:
        code = outer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._give_up(outer, code)
            return
        self._egress.record("egress", host=self._host, port=self._port, address=address)
        for side in (outer, self._inner):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._relay = Relay(self._loop, self._inner, outer, self._ended)

    def _give_up(self, outer: socket.socket, code: int) -> None:
        self._loop.watch(outer, 0, lambda _: None)
        outer.close()
        self._outer = None
        self._next(os.strerror(code))

    def _refuse(self, reason: str) -> None:
        self._egress.record("egress-refused", host=self._host, port=self._port, reason=reason[:300])
        self._drop()

    def _drop(self) -> None:
        self._over = True
        if self._outer is not None:
            self._loop.watch(self._outer, 0, lambda _: None)
            self._outer.close()
        abort(self._inner)
        self._inner.close()
        self._egress.forget(self)

    def _ended(self, sent: int, received: int) -> None:
        self._over = True
        self._egress.record(
            "egress-end", host=self._host, port=self._port, sent=sent, received=received
        )
        self._egress.forget(self)
