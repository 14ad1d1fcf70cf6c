"""git as a process that cannot ask, wander, hang or fill the disk."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mcpreg_site.sources.interface import SourceInvalidError, SourceUnavailableError
from mcpreg_site.sources.limits import Limits

_POLL = 0.1  # seconds between two looks at the disk
_OUTPUT = 32 << 20  # bytes that git may print; trees that hold themselves print for ever
_MEMORY = 3 << 30  # bytes of address space: git holds whole trees, however large they inflate
_SAID = 500  # characters of git's complaint that a person gets to read
_FOREVER = (
    "not found",
    "does not exist",
    "does not appear to be a git repository",
    "authentication failed",
    "could not read username",
    "could not read password",
    "error: 401",
    "error: 403",
    "error: 404",
    "error: 301",
    "error: 302",
    "couldn't find remote ref",
    "not our ref",
    "unadvertised object",
    "certificate",
    "not allowed",
    "redirect",
)
"""What git says when trying again will not help."""


@dataclass(frozen=True, slots=True)
class Git:
    """git in one bare repository, with the settings of one file."""

    repository: Path
    home: Path
    settings: Path
    place: str
    """Where from, for people to read in errors."""
    limits: Limits

    def run(self, *arguments: str, stdin: bytes = b"", room: int = _OUTPUT) -> bytes:
        """Standard output of a command on what is here already, at most `room` bytes.

        Raises:
            SourceInvalidError: git does not like what it found.
        """
        try:
            return self._run(arguments, stdin, room)
        except _FailedError as error:
            raise SourceInvalidError(f"{self.place}: git {arguments[0]}: {error}") from error

    def remote(self, *arguments: str) -> str:
        """Standard output of a command that talks to another machine.

        Raises:
            SourceUnavailableError: it failed; `lasting` when another attempt would, too.
            SourceInvalidError: the repository is too large, or damaged.
        """
        try:
            return self._run(arguments, b"", _OUTPUT).decode("utf-8", "replace")
        except _FailedError as error:
            said = str(error)
            if "fsck error" in said or "bad object" in said or "badTree" in said:
                raise SourceInvalidError(f"{self.place} is damaged: {said}") from error
            if "signal 25" in said or "File too large" in said:  # SIGXFSZ: the kernel's limit
                raise self._too_large() from error
            lasting = any(words in said.lower() for words in _FOREVER)
            raise SourceUnavailableError(f"{self.place}: {said}", lasting=lasting) from error

    def _run(self, arguments: tuple[str, ...], stdin: bytes, room: int) -> bytes:
        with (
            tempfile.TemporaryFile(dir=self.home) as source,
            tempfile.TemporaryFile(dir=self.home) as out,
            tempfile.TemporaryFile(dir=self.home) as complaint,
        ):
            source.write(stdin)
            source.seek(0)
            process = subprocess.Popen(
                [_git(), "--literal-pathspecs", *arguments],
                cwd=self.home,
                env=self._environment(),
                stdin=source,
                stdout=out,
                stderr=complaint,
                start_new_session=True,  # its helpers end with it
            )
            try:
                _bound(process.pid, max(self.limits.git_bytes, room))
                self._watch(process, out.fileno(), room)
            finally:
                _end(process)
            if process.returncode != 0:
                raise _FailedError(_tail(complaint))
            out.seek(0)
            data = out.read(room + 1)
            if len(data) > room:
                raise self._too_much(room)
            return data

    def _watch(self, process: subprocess.Popen[bytes], output: int, room: int) -> None:
        """Wait for the end, or make one when time or disk run out."""
        until = time.monotonic() + self.limits.git_seconds
        while True:
            try:
                process.wait(timeout=_POLL)
                self._weigh()  # a fast one ends between two looks, its helpers before any bound
                return
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    seconds = f"{self.limits.git_seconds:.0f} seconds"
                    message = f"{self.place}: git took longer than {seconds}"
                    raise SourceUnavailableError(message) from None
                self._weigh()
                if os.fstat(output).st_size > room:
                    raise self._too_much(room) from None

    def _weigh(self) -> None:
        total = 0
        for folder, _, files in os.walk(self.home):
            for name in files:
                try:
                    total += (Path(folder) / name).lstat().st_size
                except OSError:  # git renames its temporary files while we look
                    continue
        if total > self.limits.git_bytes:
            raise self._too_large()

    def _too_large(self) -> SourceInvalidError:
        return SourceInvalidError(
            f"{self.place} needs more than {self.limits.git_bytes} bytes, one commit deep",
            hint="offer the registry's file by url, or in a repository of its own",
        )

    def _too_much(self, room: int) -> SourceInvalidError:
        return SourceInvalidError(f"{self.place}: git prints more than {room} bytes about it")

    def _environment(self) -> dict[str, str]:
        """Nothing of ours but the search path and the trust in certificates."""
        passed = ("PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "SSH_AUTH_SOCK")
        return {name: os.environ[name] for name in passed if name in os.environ} | {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "GIT_DIR": str(self.repository),
            "GIT_CONFIG_GLOBAL": str(self.settings),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes",
            "GIT_NO_LAZY_FETCH": "1",
            "LC_ALL": "C",
        }


class _FailedError(Exception):
    """git ended with an error; the message is its complaint."""


def _git() -> str:
    found = shutil.which("git")
    if found is None:
        raise SourceUnavailableError("git is not installed", lasting=True)
    return found


def _bound(pid: int, disk: int) -> None:
    """Limits that the kernel holds, for the process and for what it starts from here on."""
    with contextlib.suppress(ProcessLookupError):  # it may have ended already
        resource.prlimit(pid, resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (disk, disk))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of the process survives: git's helpers are in its group."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(complaint: IO[bytes]) -> str:
    complaint.seek(0, os.SEEK_END)
    complaint.seek(max(0, complaint.tell() - 4 * _SAID))
    lines = complaint.read().decode("utf-8", "replace").splitlines()
    return "; ".join(line.strip() for line in lines if line.strip())[-_SAID:] or "git failed"
