"""`mcpreg run` to the first answer against the bare start of the same server (SPEC section 7).

    make demo && .venv/bin/python -m benchmarks run

Target: at most 150 ms more than bare, and at most 0.7 times `docker run` of the same server, by the
engine that answers (DOCKER_HOST or the usual place), or by one that is started for this, as root
where dockerd is installed (`python3 scripts/setup.py --with docker`). Uses what `make demo`
installed; all sides are started in turn, and timed from starting the process to the answer to
`initialize`.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.servers import ROOT, first_answer
from mcpreg.core.install import InstallRecord
from mcpreg.sandbox import bubblewrap, engine, image
from mcpreg.store.installed import InstalledStore

sys.path.insert(0, str(ROOT / "tests/support"))

import docker_daemon  # the tests' own engine, once the path is set

OWNER = "io.github.modelcontextprotocol"
NAMES = (f"{OWNER}/server-time", f"{OWNER}/server-everything")
PAIRS = 15


def main() -> None:
    home = ROOT / ".demo/home"
    if not (home / "data").is_dir():
        print("left out: nothing is installed yet; make demo installs what this measures")
        return
    with own_engine():
        for name in NAMES:
            measure(name, home)


@contextmanager
def own_engine() -> Iterator[None]:
    """A Docker engine while this lasts, where none answers and one can be started."""
    if engine.is_there() or docker_daemon.why_not():
        yield
        return
    try:
        running = contextlib.ExitStack()
        started = running.enter_context(docker_daemon.running(os.getgid()))
    except pytest.skip.Exception as problem:
        print(f"dockerd: {problem}")
        yield
        return
    with running:
        os.environ["DOCKER_HOST"] = started.host
        yield
        del os.environ["DOCKER_HOST"]


def measure(name: str, home: Path) -> None:
    record = InstalledStore(home / "data/mcpreg").open(name).record
    app = record.app
    entry = [word.replace("/app", app, 1) for word in record.entry[1:]]
    arguments = ["--local-timezone", "UTC"] if name.endswith("time") else ["stdio"]
    bare = [record.runtime.executable, *entry, *arguments]
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": app}
    kinds = ("CONFIG", "DATA", "CACHE", "STATE")
    ours = dict(os.environ) | {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
    command = [str(Path(sys.executable).parent / "mcpreg"), "run", name]
    sides = {"bare": (bare, variables), "mcpreg run": (command, ours)}
    if engine.is_there():
        words = docker_run(record, arguments)
        sides["docker run"] = (words, dict(os.environ))
        sides["mcpreg run --backend docker"] = ([*command, "--backend", "docker"], ours)
    else:
        print("left out: no Docker engine answers here, and none can be started")
    rounds = [
        [first_answer(words, environment, home) for words, environment in sides.values()]
        for _ in range(PAIRS + 1)
    ][1:]
    medians = [statistics.median(side) * 1000 for side in zip(*rounds, strict=True)]
    print(f"{name.rpartition('/')[2]:18}" + "   ".join(
        f"{side} {median:.0f} ms" for side, median in zip(sides, medians, strict=True)
    ))  # fmt: skip
    more = statistics.median((times[1] - times[0]) * 1000 for times in rounds)
    print(f"{'':18}mcpreg run - bare {more:.0f} ms   target <= 150")
    if len(sides) > 2:
        ratio = statistics.median(times[1] / times[2] for times in rounds)
        print(f"{'':18}mcpreg run / docker run {ratio:.2f}   target <= 0.7")


def docker_run(record: InstallRecord, arguments: list[str]) -> list[str]:
    """What a person would type for the same files: our base image, with /usr and the app bound."""
    base = image.base([*bubblewrap.LINKS, *record.runtime.links])
    with tempfile.TemporaryDirectory() as folder:
        engine.find(Path(folder)).call("load", "--quiet", send=base.archive)
    words = ["docker", "run", "--rm", "--interactive", "--network", "none", "--pull", "never"]
    words += ["--volume", "/usr:/usr:ro", "--volume", f"{record.app}:/app:ro"]
    words += ["--env", "PYTHONPATH=/app", "--env", "PYTHONDONTWRITEBYTECODE=1"]
    return [*words, base.ids[0], record.runtime.executable, *record.entry[1:], *arguments]


if __name__ == "__main__":
    main()
