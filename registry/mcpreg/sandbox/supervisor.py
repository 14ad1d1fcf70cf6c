"""From released to ended: one loop that relays, watches, records and, when it must, kills."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from mcpreg.errors import SandboxSetupError
from mcpreg.sandbox import filewatch, limits
from mcpreg.sandbox.cgroup import Group
from mcpreg.sandbox.filewatch import FileWatch
from mcpreg.sandbox.interface import Held, Outcome, Resolver, Violation
from mcpreg.sandbox.launch import Launch
from mcpreg.sandbox.loop import READ, Loop
from mcpreg.sandbox.netns import Network
from mcpreg.sandbox.outlet import Outlet
from mcpreg.sandbox.pins import Pins
from mcpreg.sandbox.ready import readable

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 2.0  # between asking the server to end and ending it
MAX_VIOLATIONS = 1000  # recorded in one run that goes on after them


class Signals:
    """While entered, the ending signals are bytes on a pipe instead of interruptions."""

    def __init__(self) -> None:
        self.pipe, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: dict[
            signal.Signals, Callable[[int, FrameType | None], object] | int | None
        ] = {}

    def __enter__(self) -> Signals:
        try:
            self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        except ValueError as error:
            raise SandboxSetupError("a sandbox can only be run from the main thread") from error
        for number in ENDING:
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # nohup(1): what it starts outlives its terminal
            # Only counted: the pipe carries them to the loop.
            self._before[number] = signal.signal(number, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.pipe)
        os.close(self._write)


class _Client:
    """Who speaks with the server: on the far ends of the pipes that the server was given."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._waiting = set(descriptors)
        self._is_known = bool(descriptors)

    def has_left(self) -> bool:
        """Whether nobody is at the far end of any of them: nobody will ask, nobody will hear.

        One end alone says nothing: who has asked all there is to ask closes its end, and listens.
        A file or a terminal never hangs up.
        """
        for descriptor in list(self._waiting):
            poll = select.poll()
            poll.register(descriptor, 0)  # hang-up and error are always reported, poll(2)
            if any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(0)):
                self._waiting.discard(descriptor)
        return self._is_known and not self._waiting


class Supervisor:
    """Owns the sandbox's processes until they have ended."""

    def __init__(self, launch: Launch, held: Held, group: Group | None) -> None:
        self._client = _Client(launch.client)
        self._plan = launch.plan
        self._sandbox = held
        self._recorder = launch.recorder
        self._on_violation = launch.on_violation
        self._group = group
        self._loop = Loop()
        self._violations = 0
        self._killed_for: Violation | None = None
        self._ended = False
        self._deadline: float | None = None
        self._attending: list[Callable[[], None]] = []
        self._drains: list[Callable[[], None]] = []
        self._closes: list[Callable[[], None]] = [self._loop.close]

    def serve(self, network: Network, pins: Pins, resolver: Resolver) -> None:
        """Take over the network of the sandbox, as soon as the server has been let go.

        Its sockets hear from the first packet on and keep what they hear. What answers them is
        loaded beside the server's own start: the client waits for that anyway.
        """
        self._attending.append(lambda: self._attend(network, pins, resolver))

    def _attend(self, network: Network, pins: Pins, resolver: Resolver) -> None:
        from mcpreg.sandbox.egress import Egress  # noqa: PLC0415  # see `serve`
        from mcpreg.sandbox.responder import Responder  # noqa: PLC0415
        from mcpreg.sandbox.watch import PacketWatch  # noqa: PLC0415

        egress = Egress(self._loop, pins, self._recorder, resolver)
        watch = PacketWatch(network.packets, pins, self._violate)
        responder = Responder(
            self._loop,
            pins,
            lambda name: pins.add(name) and egress.bind(network.spare, name),
            self._violate,
        )
        self._loop.watch(network.packets, READ, watch.read)
        responder.serve(network.dns_udp, network.dns_tcp)
        names = [(name, port) for name in pins.addresses for _, port in pins.listeners(name)]
        for listener, (name, port) in zip(network.listeners, names, strict=True):
            egress.listen(listener, name, port)
        self._drains += [watch.read, lambda: responder.read_datagrams(network.dns_udp)]
        self._closes.insert(0, egress.close)

    def listen(self, files: FileWatch) -> None:
        """Take over the watch on files."""

        def read(_events: int = 0) -> None:
            files.read(self._recorder, self._violate, self._unwatched)

        self._loop.watch(files.reports, READ, read)
        self._drains.append(read)
        self._closes.insert(0, files.end)

    def pump(self, outlet: Outlet) -> None:
        """Take over one of the server's outputs, which the server has by now."""
        outlet.started()
        self._attending.append(lambda: self._watch_output(outlet))
        self._closes.insert(0, outlet.close)

    def _watch_output(self, outlet: Outlet) -> None:
        outlet.watch(self._loop, self._refuse)
        self._drains.append(outlet.drain)

    def _refuse(self, reason: str) -> None:
        if self._killed_for is None:
            self._kill_for(Violation("toolset", reason))

    def _unwatched(self) -> None:
        if not self._ended and self._killed_for is None:
            raise filewatch.lost()

    def run(self, signals: int) -> Outcome:
        """Release the server and stay until it has ended; `signals` is `Signals.pipe`.

        Whatever goes wrong in here, audit log included, ends the server.
        """
        started = time.monotonic()
        self._loop.watch(self._sandbox.monitor_fd, READ, self._end)
        self._loop.watch(self._sandbox.first_fd, READ, self._first_ended)
        self._loop.watch(signals, READ, lambda _: self._asked_to_end(signals))
        try:
            self._sandbox.release()
            for attend in self._attending:
                attend()
            while not self._ended:
                self._loop.turn(limits.WATCH_SECONDS)
                self._look()
        finally:
            status = self._finish()
        seconds = time.monotonic() - started
        code = os.waitstatus_to_exitcode(status)
        # bubblewrap reports a server that a signal ended as 128 + signal, like a shell.
        number = -code if code < 0 else code - 128
        if number in _SIGNALS and (code < 0 or code > 128):
            return Outcome(None, number, self._killed_for, seconds)
        return Outcome(code, None, self._killed_for, seconds)

    def _end(self, _events: int) -> None:
        self._ended = True

    def _first_ended(self, _events: int) -> None:
        """Ask its control group first: an engine removes one when it hears that this has ended."""
        self._loop.watch(self._sandbox.first_fd, 0, lambda _: None)
        self._ask_group()
        self._sandbox.let_hear()

    def _look(self) -> None:
        """What no descriptor reports: memory and the end of a grace period."""
        self._sandbox.tend()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._sandbox.kill()
        used, allowed = limits.memory_of(self._sandbox.first), self._plan.limits.memory
        if used > allowed and self._killed_for is None:
            self._kill_for(Violation("memory", f"{used} bytes"))
        entries = limits.scratch_entries(self._sandbox.first)
        if entries > limits.allowed_entries(self._plan.limits) and self._killed_for is None:
            self._kill_for(Violation("memory", f"{entries} files in scratch space"))
        self._ask_group()
        if self._deadline is None and self._client.has_left():
            self._recorder.record("client-left")
            self._ask_server()

    def _ask_group(self) -> None:
        if self._group is not None and self._killed_for is None and self._group.ran_out():
            allowed = self._plan.limits.memory
            self._kill_for(Violation("memory", f"more than {allowed} bytes"))

    def _violate(self, violation: Violation) -> None:
        if self._on_violation == "kill":
            if self._killed_for is None:
                self._kill_for(violation)
            return
        self._violations += 1
        if self._violations <= MAX_VIOLATIONS:
            self._record(violation, "denied")

    def _kill_for(self, violation: Violation) -> None:
        self._killed_for = violation
        try:
            self._record(violation, "killed")  # first: a record must not depend on the kill
        finally:
            self._sandbox.kill()

    def _record(self, violation: Violation, action: str) -> None:
        self._recorder.record(
            "violation", kind=violation.kind, target=violation.target, action=action
        )

    def _asked_to_end(self, signals: int) -> None:
        """Ask the server first, once; the sandbox ends with it or after the grace period."""
        numbers = os.read(signals, 64)
        for number in numbers:
            self._recorder.record("asked-to-end", signal=number)
        if self._deadline is not None or len(numbers) > 1:
            self._sandbox.kill()
            return
        self._ask_server()

    def _ask_server(self) -> None:
        self._deadline = time.monotonic() + GRACE_SECONDS
        for pid in _children(self._sandbox.first):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)

    def _finish(self) -> int:
        """End what is left, hear what it still had to say, and give everything back."""
        self._sandbox.kill()
        # Somebody else reaps it, and until then its descriptor says whether it has ended.
        readable(self._sandbox.first_fd, 5.0)
        try:
            self._ask_group()
        finally:
            self._sandbox.settle()
            _, status = os.waitpid(self._sandbox.monitor, 0)
            self._give_back()
        return status

    def _give_back(self) -> None:
        try:
            for drain in self._drains:
                drain()
        finally:
            for close in self._closes:
                close()
            self._sandbox.close()
            if self._group is not None:
                self._group.remove()


def take_over(
    launch: Launch,
    held: Held,
    group: Group | None,
    *,
    network: Network,
    pins: Pins,
    files: FileWatch,
) -> Supervisor:
    """A supervisor of a sandbox that is set up, with everything that it has to watch."""
    supervisor = Supervisor(launch, held, group)
    supervisor.serve(network, pins, launch.resolver)
    supervisor.listen(files)
    for outlet in launch.outlets:
        supervisor.pump(outlet)
    return supervisor


_SIGNALS: Sequence[int] = [int(number) for number in signal.valid_signals()]


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
