"""What the process beside the supervisor does: it is asked about each file, judges and reports.

It reports and never denies: a path can be changed after it was read, so mounts are what enforces.
What it reports as a violation is left unanswered, so the thread that asked does nothing more until
the supervisor has ended it.
"""

from __future__ import annotations

import codecs
import json
import os
import socket
import time
from pathlib import Path

from mcpreg.core.plan import Plan
from mcpreg.sandbox import kernel
from mcpreg.sandbox.links import leads_out
from mcpreg.sandbox.notify import EXECUTES, Listener, Question
from mcpreg.sandbox.reach import Places, Reach

MAX_MISSES = 200  # different paths recorded in one run
_ESCAPES = "unicode_escape"
_MAX_PATH = 4096  # PATH_MAX
_PAGE = 4096
_USUAL = 256  # longer paths take a second look
_MAX_MEMORIES = 64  # descriptors kept
_AT_FDCWD = -100
_COARSE = 0.01  # seconds that the clock of file systems may lag behind


class Watcher:
    """One loop: receive, judge, report, answer. The `server`-th program executed is the server."""

    def __init__(self, plan: Plan, outlet: socket.socket, *, kill: bool, server: int) -> None:
        codecs.lookup(_ESCAPES)  # imports a module at its first use
        self._outlet = outlet
        self._places = Places(plan)
        self._kill = kill
        self._server = server
        self._memories: dict[int, int] = {}
        self._executed = 0
        self._root = -1
        self._began = 0.0
        self._missed: set[str] = set()

    def serve(self, listener: Listener) -> None:
        """Until nobody is left to ask."""
        while (question := listener.receive()) is not None:
            if question.call in EXECUTES:
                self._count()
            if self._executed < self._server or self._passes(question, listener):
                listener.go_on(question)

    def _count(self) -> None:
        self._executed += 1
        for memory in self._memories.values():
            os.close(memory)
        self._memories.clear()  # a program's memory goes with it

    def _passes(self, question: Question, listener: Listener) -> bool:
        """Whether to answer; False leaves the thread held for good."""
        try:
            folder, address = _where(question)
            path = self._text(question.thread, address)
            if self._places.is_own_code(path):
                return True
            if self._root < 0:
                self._root = kernel.open_folder(f"/proc/{question.thread}/root")
                self._began = time.time() - _COARSE
            kind, shown = self._judged(question, folder, os.fsdecode(path))
        except OSError:
            return True  # the thread is gone, or its path unreadable: the kernel's to say
        if kind is None or not listener.still_asks(question):
            return True
        if kind == "miss":
            self._report_miss(shown)
            return True
        self._outlet.send(_message(kind, shown))
        return not self._kill

    def _judged(self, question: Question, folder: int, text: str) -> tuple[str | None, str]:
        if not text:
            return None, ""
        base = "/" if text.startswith("/") else self._base(question.thread, folder)
        reached = self._places.judge(text, base)
        path = reached.path
        match reached.reach:
            case Reach.OURS:
                return None, path
            case Reach.GRANTED:
                out = leads_out(self._root, path, self._places, since=self._began)
                return ("escape", f"{path} -> {out}") if out else (None, path)
            case Reach.ESCAPE:
                return "escape", path
            case Reach.SENSITIVE:
                own = _creates(question) and self._places.is_provided(path)
                return (None if own or kernel.exists_in_root(self._root, path) else "file"), path
            case Reach.ELSEWHERE:
                return (None if kernel.exists_in_root(self._root, path) else "miss"), path

    def _base(self, thread: int, folder: int) -> str:
        name = "cwd" if folder == _AT_FDCWD else f"fd/{folder}"
        return str(Path(f"/proc/{thread}/{name}").readlink())

    def _text(self, thread: int, address: int) -> bytes:
        """The NUL-terminated path at an address of the asking thread's memory."""
        # Up to the page's end: what follows may not be there.
        data = self._peek(thread, address, min(_USUAL, _PAGE - address % _PAGE))
        end = data.find(b"\0")
        if end < 0:
            data += self._peek(thread, address + len(data), _MAX_PATH)
            end = data.find(b"\0")
        return data[: end if 0 <= end < _MAX_PATH else _MAX_PATH]

    def _peek(self, thread: int, address: int, count: int) -> bytes:
        memory = self._memories.get(thread)
        if memory is not None:
            try:
                if data := os.pread(memory, count, address):
                    return data
            except OSError:  # of a thread that had this number before
                pass
            os.close(self._memories.pop(thread))
        if len(self._memories) >= _MAX_MEMORIES:
            os.close(self._memories.pop(next(iter(self._memories))))
        memory = os.open(f"/proc/{thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
        self._memories[thread] = memory
        return os.pread(memory, count, address)

    def _report_miss(self, path: str) -> None:
        if path in self._missed or len(self._missed) >= MAX_MISSES:
            return
        self._missed.add(path)
        self._outlet.send(_message("miss", path))


def _where(question: Question) -> tuple[int, int]:
    """The folder's descriptor and the path's address among the arguments."""
    if question.call in ("openat", "execveat"):
        number = question.arguments[0] & 0xFFFFFFFF
        return number - (1 << 32) if number >> 31 else number, question.arguments[1]
    return _AT_FDCWD, question.arguments[0]


def _creates(question: Question) -> bool:
    """Whether the call makes the file when there is none."""
    flags = {"open": 1, "openat": 2}.get(question.call)
    return question.call == "creat" or (
        flags is not None and bool(question.arguments[flags] & os.O_CREAT)
    )


def _message(kind: str, path: str) -> bytes:
    # What cannot be text is escaped: the audit log and terminals get printable characters.
    shown = path if path.isprintable() else path.encode(_ESCAPES, "replace").decode()
    return json.dumps({"kind": kind, "path": shown[:_MAX_PATH]}).encode()
