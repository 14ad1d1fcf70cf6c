"""semgrep in an environment of its own: it pins an older `mcp` than ours.

The environment is made on demand from `requirements/semgrep.lock` (hashes, no addresses) below the
cache folder, named by the lock's digest, and is complete once its marker is written: one that was
killed half-way is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import uv

from mcpreg.errors import McpregError, NotFoundError
from mcpreg.packages.client import INSTALL_SECONDS, call
from mcpreg.packages.interface import Progress

RULES_FOLDER = Path(__file__).with_name("semgrep_rules")
SECONDS = 600  # one scan; the largest real bundle (2.4 MB, minified) takes 90
MAX_OUTPUT = 64 << 20
_FILE_SECONDS = 60  # one rule on one file; 25 on that bundle, and a slow machine must agree
_MEMORY_MB = 2500  # of a worker, before it gives a file up
_MARKER = "complete"
_PACKAGED, _CHECKOUT = "semgrep.lock", "requirements/semgrep.lock"


@dataclass(frozen=True)
class Semgrep:
    """An environment that has semgrep in it; `folder` is the environment's."""

    folder: Path

    @cached_property
    def version(self) -> str:
        """`semgrep 1.182.0`, as its lock says."""
        (line,) = [
            row for row in lock_file().read_text().splitlines() if row.startswith("semgrep==")
        ]
        return f"semgrep {line.split()[0].partition('==')[2]}"

    def run(self, source: Path, work: Path, rules: Path = RULES_FOLDER) -> dict[str, Any]:
        """Scan every file below `source`; `work` is a folder of ours for its settings and answer.

        Returns semgrep's JSON document. Raises `McpregError`: it failed, or said too much.
        """
        output, home = work / "answer.json", work / "home"
        home.mkdir(exist_ok=True)
        command = [str(self.folder / "bin/python"), "-I", str(self.folder / "bin/semgrep"), "scan"]
        command += ["--metrics", "off", "--disable-version-check", "--config", str(rules)]
        command += ["--json", "--output", str(output), "--quiet", "--jobs", "2"]
        command += ["--no-git-ignore", "--disable-nosem", "--max-target-bytes", "0"]
        command += ["--timeout", str(_FILE_SECONDS), "--timeout-threshold", "0"]
        command += ["--max-memory", str(_MEMORY_MB), str(source)]
        code = self._call(command, work, home)
        # 0 and 1: without and with findings; anything else: it could not do its work
        if code not in (0, 1) or not output.is_file():
            raise McpregError(f"semgrep ended with {code}")
        if output.stat().st_size > MAX_OUTPUT:
            raise McpregError(f"semgrep answered with more than {MAX_OUTPUT >> 20} MiB")
        return _answer(output.read_bytes())

    def _call(self, command: list[str], work: Path, home: Path) -> int:
        env = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(work)}
        env |= {"SEMGREP_SEND_METRICS": "off", "PYTHONUTF8": "1", "LANG": "C.UTF-8"}
        process = subprocess.Popen(
            command,
            cwd=work,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise McpregError(f"semgrep took longer than {SECONDS} s") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()


def _answer(data: bytes) -> dict[str, Any]:
    """Raises `McpregError`: not a document, or something failed that is not about one file.

    semgrep leaves out a rule that it cannot read, says so among the errors, and ends with 0.
    """
    try:
        document = json.loads(data)
    except ValueError as error:
        raise McpregError("semgrep's answer is not JSON") from error
    if not isinstance(document, dict):
        raise McpregError("semgrep answered something else than an object")
    for problem in document.get("errors", ()):
        if not problem.get("path"):
            text = " ".join(str(problem.get("message")).split())
            raise McpregError(f"semgrep could not use every rule: {text[:300]}")
    return document


def environment(cache: Path, progress: Progress) -> Semgrep:
    """The environment below `cache`, made now if it is not there.

    Raises:
        NotFoundError: no uv, or no lock of semgrep beside this package.
        UnreachableError, VerificationError, McpregError: as installing a package does.
    """
    lock = lock_file()
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(lock.read_bytes() + minor.encode()).hexdigest()[:16]
    folder = cache / f"semgrep-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"semgrep-{digest}.lock"):
        if not (folder / _MARKER).exists():
            progress("installing semgrep into an environment of its own, once")
            _make(folder, lock)
    return Semgrep(folder)


def lock_file() -> Path:
    """The packaged lock, else the checkout's. Raises `NotFoundError`."""
    here = Path(__file__)
    for path in (here.with_name(_PACKAGED), here.parents[3] / _CHECKOUT):
        if path.is_file():
            return path
    raise NotFoundError(f"{_CHECKOUT} is missing", hint="run the checks from a checkout")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two checks at once must not make the same environment."""
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _make(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        binary = uv.find_uv_bin()
    except FileNotFoundError as error:
        raise NotFoundError("uv is missing", hint="pip install uv") from error
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        place = Path(work)
        (place / "uv.toml").touch()  # no settings of a folder above
        quiet = ["--quiet", "--no-progress", "--no-python-downloads"]
        venv = [binary, "venv", *quiet, "--python", sys.executable, str(folder.resolve())]
        call(venv, cwd=place, seconds=INSTALL_SECONDS, what="make an environment for semgrep")
        install = [
            binary,
            "pip",
            "install",
            *quiet,
            "--python",
            str(folder.resolve() / "bin/python"),
        ]
        install += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", str(lock)]
        call(install, cwd=place, seconds=INSTALL_SECONDS, what="install semgrep")
    (folder / _MARKER).touch()
