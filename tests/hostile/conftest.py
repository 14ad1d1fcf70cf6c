"""A host worth attacking, and one way to run the same deed outside and inside the sandbox."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core.plan import Access, Bind, Endpoint, Limits, Plan
from mcpreg.sandbox.planfile import write_plan

HERE = Path(__file__).parent
SERVER_USER = 54321  # an ordinary user that owns nothing else on any machine
CANARY = "canary-5f3a9c"
TIMEOUT = 30


@dataclass(frozen=True)
class Result:
    """What a deed printed, how its process ended, and what the sandbox recorded."""

    answer: dict[str, Any] | None
    code: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def did(self) -> Any:  # noqa: ANN401  # whatever JSON the deed printed
        assert self.answer is not None and "did" in self.answer, self
        return self.answer["did"]

    @property
    def refused(self) -> str:
        assert self.answer is not None and "refused" in self.answer, self
        return str(self.answer["refused"])

    @property
    def did_nothing_more(self) -> bool:
        """Whether the deed was cut off before it could end by itself."""
        return self.answer is None

    @property
    def violations(self) -> list[tuple[str, str]]:
        return [(e["kind"], e["target"]) for e in self.events if e["event"] == "violation"]


@dataclass(frozen=True)
class World:
    """A home with secrets beside a project, owned by the user as whom the server will run.

    `mode` is `root` (the launcher is root and drops) or `user` (an ordinary user starts it);
    `engine` is the value of DOCKER_HOST where the backend is Docker.
    """

    mode: str
    backend: str
    engine: str | None
    folder: Path
    code: Path
    uid: int
    python: str
    runtime: tuple[Bind, ...]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def server_uid(self) -> int:
        """As whom the server sees itself."""
        return 1000 if self.backend == "bubblewrap" else self.uid

    @property
    def project(self) -> Path:
        return self.folder / "home" / "project"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Of a launcher: nothing of the test's own but the place of the code."""
        base = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.home)}
        code = {"PYTHONPATH": str(self.code), "PYTHONDONTWRITEBYTECODE": "1"}
        engine = {} if self.engine is None else {"DOCKER_HOST": self.engine}
        return {**base, **code, **engine, **(more or {})}

    def credentials(self, uid: int) -> dict[str, Any]:
        """For subprocess: become `uid` when that takes becoming someone."""
        if os.geteuid() == uid:
            return {}
        return {"user": uid, "group": uid, "extra_groups": []}

    def outside(
        self,
        deed: str,
        *,
        as_root: bool = False,
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        **parameters: object,
    ) -> Result:
        """The deed, unprotected, as the server's user (or root)."""
        done = subprocess.run(
            [*prefix, *self.command(deed, parameters)],
            env=self.environment(env),
            cwd=self.folder,
            timeout=TIMEOUT,
            capture_output=True,
            text=True,
            check=False,
            **self.credentials(0 if as_root else self.uid),
        )
        return Result(_answer(done.stdout), done.returncode, done.stdout, done.stderr)

    def command(self, deed: str, parameters: Mapping[str, object]) -> list[str]:
        main = self.code / "deeds" / "main.py"
        return [self.python, str(main), deed, json.dumps(parameters)]

    def plan(self, deed: str, parameters: Mapping[str, object]) -> Plan:
        """A server that does one deed; the project is granted for writing."""
        return Plan(
            name="io.github.test/deed@1.0.0",
            argv=("/opt/python/bin/python3", "/app/main.py", deed, json.dumps(parameters)),
            # A shared libpython beside an interpreter that is not under /usr.
            env={"PYTHONDONTWRITEBYTECODE": "1", "LD_LIBRARY_PATH": "/opt/python/lib"},
            binds=(
                *self.runtime,
                Bind(str(self.code / "deeds"), "/app", role="app"),
                Bind(str(self.project), str(self.project), Access.WRITE),
            ),
            limits=Limits(memory=256 << 20, tmp=4 << 20, dev=1 << 20),
        )

    def inside(self, deed: str, *, changes: Mapping[str, Any] | None = None, **p: object) -> Result:
        """The deed in the sandbox; `changes` replaces members of the plan."""
        return self.launch(self.plan(deed, p)._replace(**(changes or {})))

    def launch(
        self,
        plan: Plan,
        *,
        options: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> Result:
        """Run a plan to its end, as root or as the ordinary user that `mode` says."""
        arguments, events = self.launcher(plan, options)
        done = subprocess.run(
            arguments,
            env=self.environment(env),
            cwd=self.folder,
            timeout=TIMEOUT,
            pass_fds=pass_fds,
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            **self.launcher_credentials(),
        )
        recorded = [json.loads(line) for line in events.read_text().splitlines()]
        return Result(_answer(done.stdout), done.returncode, done.stdout, done.stderr, recorded)

    def launcher_credentials(self) -> dict[str, Any]:
        return self.credentials(0 if self.mode == "root" else self.uid)

    def launcher(
        self, plan: Plan, options: Mapping[str, object] | None = None
    ) -> tuple[list[str], Path]:
        """The launcher's argv, and the file that its events go to."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        file, events = folder / "plan.json", folder / "events.jsonl"
        file.write_bytes(write_plan(plan))
        events.touch()
        _own(folder, self.uid)
        as_user = [str(self.uid)] if self.mode == "root" else []
        if options is None:
            start = ["-m", "mcpreg.sandbox", str(file), "--events", str(events)]
            start += ["--as-user", *as_user] if as_user else []
            start += ["--backend", self.backend]
        else:
            own: dict[str, str] = {"as_user": as_user[0]} if as_user else {}
            chosen = {**options, **own, "backend": self.backend}
            start = [str(self.code / "launch.py"), str(file), str(events), json.dumps(chosen)]
        return [self.python, *start], events

    def egress(self, *endpoints: tuple[str, int]) -> dict[str, Any]:
        return {"egress": tuple(Endpoint(host, port) for host, port in endpoints)}

    def without_network(self) -> Sequence[str]:
        """A command prefix: a network and a mount namespace of one's own, as its root."""
        return ["unshare", "--mount", "--net", *([] if os.geteuid() == 0 else ["-Ur"])]


def _answer(stdout: str) -> dict[str, Any] | None:
    for line in reversed(stdout.splitlines()):
        if line.startswith("{") and '"heard"' not in line:
            answer: dict[str, Any] = json.loads(line)
            return answer
    return None


def _own(folder: Path, uid: int) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)


def _runs(python: str, uid: int) -> bool:
    """Whether that user can start this interpreter, and it is new enough."""
    drop: dict[str, Any] = {} if os.geteuid() == uid else {"user": uid, "group": uid}
    code = "import sys, ctypes; sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run(
            [python, "-c", code], check=False, capture_output=True, cwd="/", env={}, **drop
        )
    except OSError:
        return False
    return done.returncode == 0


def _python(uid: int) -> str | None:
    here = Path(sys.base_prefix) / "bin" / "python3"
    return next((p for p in ("/usr/bin/python3", str(here)) if _runs(p, uid)), None)


def _runtime(python: str) -> tuple[Bind, ...]:
    """What makes /opt/python/bin/python3 work inside."""
    executable = Path(python).resolve()
    if executable.is_relative_to("/usr"):
        # Its library is found under /usr/lib, which every sandbox has.
        return (Bind(str(executable), "/opt/python/bin/python3", role="runtime"),)
    prefix = executable.parent.parent
    return (Bind(str(prefix), "/opt/python", role="runtime"),)


def _build_home(folder: Path, uid: int) -> None:
    """The secrets and the project."""
    for path, text in (
        ("home/.ssh/id_ed25519", CANARY),
        ("home/.aws/credentials", CANARY),
        ("home/secret.txt", CANARY),
        ("home/project/readme.txt", "welcome"),
        ("home/project-2/notes.txt", CANARY),
    ):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    _own(folder, uid)


def _build_code(folder: Path, python: str) -> None:
    """Copies of the deeds and of the launcher that any user can read, compiled."""
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / "deeds", folder / "deeds", ignore=skip)
    for name in ("launch.py", "outside_net.py"):
        shutil.copy(HERE / name, folder / name)
    import mcpreg

    source, target = Path(mcpreg.__file__).parent, folder / "mcpreg"
    target.mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copy(source / name, target / name)
    for name in ("core", "sandbox"):
        shutil.copytree(source / name, target / name, ignore=skip)
    subprocess.run([python, "-m", "compileall", "-q", str(folder)], check=True)


@pytest.fixture(scope="session")
def python() -> str:
    """An interpreter for the server, and for a launcher that an ordinary user starts."""
    found = _python(os.geteuid() or SERVER_USER)
    if found is None:
        pytest.skip("no Python >= 3.11 that an ordinary user can start: apt-get install python3")
    return found


@pytest.fixture(scope="session")
def code(python: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-code-")).resolve()
    folder.chmod(0o755)
    try:
        _build_code(folder, python)
        yield folder
    finally:
        shutil.rmtree(folder)


WORLDS = ("bubblewrap-root", "bubblewrap-user", "docker-root", "docker-user")


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, python: str, code: Path) -> Iterator[World]:
    """Each test runs on each backend, started by root and started by an ordinary user."""
    backend, _, mode = str(request.param).partition("-")
    if mode == "root" and os.geteuid() != 0:
        pytest.skip("this half starts as root, and the tests run as an ordinary user")
    engine = None
    if backend == "docker":
        engine = request.getfixturevalue("docker_engine").host
    elif shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin") is None:
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    uid = os.geteuid() or SERVER_USER
    # Not in /tmp: every sandbox has one of its own, and what is looked for there is nobody's.
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-hostile-", dir="/var/tmp")).resolve()
    folder.chmod(0o755)
    try:
        _build_home(folder, uid)
        yield World(mode, backend, engine, folder, code, uid, python, _runtime(python))
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can do this deed outside the sandbox")
