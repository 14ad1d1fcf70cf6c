"""One process that has imported all that `mcpreg` and `mcpreg-site` import, to be forked for calls.

The imports of a command take ten times as long as what most tests let it do. A call is a process
of its own all the same: its arguments, environment, folder, streams, signals and exit code are
those that the test gave it and sees. What it cannot show is an import that is missing, or one too
many: tests marked `cold` start each command in the ordinary way, and `test_start_is_light` counts
imports.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import marshal
import os
import pkgutil
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NoReturn, TextIO

import warm_launch
from compiled_once import compile_all

VARIABLE = "MCPREG_TESTS_WARM"
"""Where the process listens; the workers of a test run have it from the one that began them."""
_LAZY = (
    "boto3.session",
    "botocore.httpsession",
    "dns.resolver",
    "jsonschema",
    "rich.console",
    "sigstore.sign",
    "sigstore.verify",
    "tuf.ngclient",
)
"""What commands import within functions."""


def started(module: str) -> list[str]:
    """The words that start `python -m module`; the arguments come after them."""
    address = os.environ.get(VARIABLE)
    if address is None:
        return [sys.executable, "-m", module]
    return [sys.executable, "-I", "-S", warm_launch.__file__, address, module]


@contextmanager
def listening() -> Iterator[None]:
    """The process, for as long as this is open; it ends with whoever opened it, come what may."""
    folder = tempfile.mkdtemp(prefix="mcpreg-warm-")
    address = f"{folder}/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        command = [sys.executable, __file__, str(listener.fileno())]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])
    os.environ[VARIABLE] = address
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        server.communicate()
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Call:
    """What a forked process is to become."""

    module: str
    arguments: list[str]
    environment: dict[bytes, bytes]
    folder: str
    umask: int
    streams: tuple[int, ...]


@dataclass
class Warm:
    """The loop: accept a call, fork for it, tell its caller how it ended."""

    listener: socket.socket
    calls: dict[int, socket.socket] = field(default_factory=dict)
    imported: bool = False
    compiled: bool = False

    def serve(self) -> Call | None:
        """A call, in a process forked for it; None in this one, once nobody listens any more."""
        told, wakes = os.pipe()
        for descriptor in (told, wakes):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        while True:
            for ready in self._ready(told):
                if ready == 0:
                    for process in self.calls:
                        os.kill(process, signal.SIGKILL)
                        os.waitpid(process, 0)
                    return None
                if ready == told:
                    os.read(told, 4096)
                    self._reap()
                elif ready == self.listener.fileno():
                    call = self._accept()
                    if call is not None:
                        os.close(told)
                        os.close(wakes)
                        return call
                else:
                    self._pass_on(ready)

    def _ready(self, told: int) -> list[int]:
        with selectors.DefaultSelector() as selector:
            callers = (caller.fileno() for caller in self.calls.values())
            for descriptor in (0, told, self.listener.fileno(), *callers):
                selector.register(descriptor, selectors.EVENT_READ)
            return [key.fd for key, _ in selector.select()]

    def _reap(self) -> None:
        """Tell the callers of those that have ended."""
        while self.calls:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            with self.calls.pop(process) as caller, contextlib.suppress(BrokenPipeError):
                code = os.waitstatus_to_exitcode(status)
                caller.sendall(code.to_bytes(4, "big", signed=True))

    def _pass_on(self, ready: int) -> None:
        """Signals that the caller got are the call's; when the caller is gone, so is the call."""
        for process, caller in self.calls.items():
            if caller.fileno() == ready:
                numbers = caller.recv(1)
                # SAFETY: whoever has ended is not reaped yet, so the number is still its own.
                os.kill(process, numbers[0] if numbers else signal.SIGKILL)

    def _accept(self) -> Call | None:
        """The call in the forked process, None in this one."""
        caller, _ = self.listener.accept()
        call = self._read(caller)
        if call is None:
            return None
        self._prepare(call)
        process = os.fork()
        if process == 0:
            self.listener.close()
            for other in (caller, *self.calls.values()):
                other.close()
            return call
        for descriptor in call.streams:
            os.close(descriptor)
        self.calls[process] = caller
        return None

    def _prepare(self, call: Call) -> None:
        """Do once what each process would do for itself."""
        if not self.imported:
            _import_all()
        builds = (call.module, *call.arguments[:1]) == ("mcpreg_site", "build")
        if builds and not self.compiled:
            compile_all()
        if not self.imported or (builds and not self.compiled):
            gc.collect()
            gc.freeze()  # what is never looked through is never copied
        self.imported = True
        self.compiled |= builds

    @staticmethod
    def _read(caller: socket.socket) -> Call | None:
        """The call, unless it comes from other surroundings, which are then told so."""
        size, streams, _, _ = socket.recv_fds(caller, 4, 3)
        wanted, request = int.from_bytes(size, "big"), b""
        while len(request) < wanted:
            part = caller.recv(wanted - len(request))
            if not part:
                break
            request += part
        if len(size) == 4 and len(request) == wanted and len(streams) == 3:
            module, arguments, environment, folder, umask, theirs = marshal.loads(request)
            if theirs == warm_launch.surroundings():
                return Call(module, arguments, environment, folder, umask, tuple(streams))
            caller.sendall(warm_launch.COLD.to_bytes(4, "big", signed=True))
        for descriptor in streams:
            os.close(descriptor)
        caller.close()
        return None


def _import_all() -> None:
    for name in ("mcpreg", "mcpreg_site"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in _LAZY:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise RuntimeError("an import began a thread, which a fork would lose")


def _become(call: Call) -> None:
    """Take over what the caller handed over, as if Python had just started with it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for number, stream in enumerate(call.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.umask(call.umask)
    os.chdir(call.folder)
    os.environ.clear()
    os.environb.update(call.environment)
    time.tzset()
    tempfile.tempdir = None
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = _output(1, "strict")
    sys.stderr = _output(2, "backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc, assignment]  # constants elsewhere, and this is where they begin
    sys.path[0] = call.folder  # not the folder of this file
    sys.argv = [call.module, *call.arguments]


def _output(descriptor: int, errors: str) -> TextIO:
    """A stream as Python's start makes it."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    return io.TextIOWrapper(
        os.fdopen(descriptor, "wb", 0 if unbuffered else -1, closefd=False),
        encoding="utf-8",
        errors=errors,
        line_buffering=not unbuffered and (descriptor == 2 or os.isatty(descriptor)),
        write_through=unbuffered,
    )


def _finish(module: str) -> NoReturn:
    """End as Python ends, short of taking every module apart, which takes longer than the rest."""
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            code = end.code
        elif end.code is not None:
            code = 1
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001  # Python's own last door
        code = 1
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]  # what Python's end calls
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 120  # documented for sys.exit: clean-up could not flush
    os._exit(code)


if __name__ == "__main__":
    called = Warm(socket.socket(fileno=int(sys.argv[1]))).serve()
    if called is not None:
        _become(called)
        _finish(called.module)
