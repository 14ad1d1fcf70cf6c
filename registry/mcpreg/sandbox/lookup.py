"""Resolving a name without stopping the supervisor: a forked child asks, a pipe answers."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mcpreg.sandbox import kernel
from mcpreg.sandbox.interface import Resolver
from mcpreg.sandbox.loop import READ, Loop

MAX_ANSWER = 65536
SECONDS = 15  # then the child is ended by its own alarm
Answered = Callable[[Sequence[str], str | None], None]
"""Called with the addresses, or with none and the reason."""


@dataclass(slots=True)
class _Pending:
    pid: int
    text: bytes = b""
    waiting: list[Answered] = field(default_factory=list)


class Lookups:
    """At most one running lookup a host and port; answers are not kept."""

    def __init__(self, loop: Loop, resolver: Resolver) -> None:
        self._loop = loop
        self._resolver = resolver
        self._pending: dict[tuple[str, int], _Pending] = {}

    def ask(self, host: str, port: int, answered: Answered) -> None:
        """Call `answered` from the loop, later."""
        pending = self._pending.get((host, port))
        if pending is None:
            pending = self._start(host, port)
        pending.waiting.append(answered)

    def close(self) -> None:
        """End the children that still run."""
        for pending in self._pending.values():
            with suppress(ProcessLookupError):
                os.kill(pending.pid, signal.SIGKILL)
            os.waitpid(pending.pid, 0)

    def _start(self, host: str, port: int) -> _Pending:
        read, write = os.pipe()
        supervisor = os.getpid()
        pid = os.fork()
        if pid == 0:
            _child(self._resolver, host, port, write, supervisor)
        os.close(write)
        pending = _Pending(pid)
        self._pending[host, port] = pending
        self._loop.watch(read, READ, lambda _: self._read(read, host, port))
        return pending

    def _read(self, descriptor: int, host: str, port: int) -> None:
        pending = self._pending[host, port]
        part = os.read(descriptor, 4096)
        pending.text += part
        if part and len(pending.text) <= MAX_ANSWER:
            return
        self._loop.watch(descriptor, 0, lambda _: None)
        os.close(descriptor)
        os.waitpid(pending.pid, 0)
        del self._pending[host, port]
        addresses, problem = _parse(pending.text)
        for answered in pending.waiting:
            answered(addresses, problem)


def _child(resolver: Resolver, host: str, port: int, write: int, supervisor: int) -> None:
    try:
        # It holds all that the supervisor does: the leash of the guardian, the log's lock, and the
        # client's pipes, whose ends would not be seen.
        kernel.die_with_parent(supervisor)
        signal.set_wakeup_fd(-1)  # the supervisor's signals are not ours to report
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.alarm(SECONDS)
        try:
            answer: dict[str, object] = {"addresses": list(resolver(host, port))}
        except OSError as error:
            answer = {"problem": str(error)}
        os.write(write, json.dumps(answer).encode())
    finally:
        os._exit(0)


def _parse(text: bytes) -> tuple[Sequence[str], str | None]:
    try:
        answer = json.loads(text)
    except ValueError:
        return (), "no answer in time"
    return answer.get("addresses", ()), answer.get("problem")
