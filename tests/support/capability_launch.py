"""Generated plans, launched for good: a server inside tries everything, the host tells the rest.

    python capability_launch.py SETTINGS.json

prints its report as JSON. As root it starts every other plan as an ordinary user would, and makes
some of the planted folders mounts: start it under `unshare --mount`, so that they end with it.
"""

from __future__ import annotations

import codecs
import ctypes
import json
import os
import sys
import traceback
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from broken_plans import BROKEN
from capability_asks import ask_for
from capability_fuzz import Report, compiled, hosts
from capability_oracle import Allowed, allowed
from fuzz_inside import MARK
from mcpreg import sandbox
from mcpreg.core.plan import Plan
from mcpreg.errors import McpregError
from mcpreg.sandbox import kernel
from mcpreg.sandbox.interface import Identity
from mcpreg.store.installed import InstalledStore
from mcpreg.usecases.plan import compile_plan
from planted_host import PlantedHost

_PR_SET_DUMPABLE = 4
_REFUSED = 77


@dataclass(frozen=True)
class Settings:
    """`data` is a store with `name` in it, `uid` whose files are planted and who runs servers.

    `broken` names a compiler of `broken_plans`, or is empty.
    """

    data: str
    name: str
    folder: str
    seed: int
    count: int
    uid: int
    broken: str = ""


class Forgetful:
    """A recorder; what is looked for in vain is the very thing that is done here."""

    def record(self, event: str, /, **fields: object) -> None:
        """Nothing to keep."""


def launch_many(settings: Settings) -> Report:
    """Launch `count` plans, each from the ground up, or as many as it takes to find something."""
    codecs.lookup("unicode_escape")  # an ordinary user may not reach root's Python later
    base = InstalledStore(Path(settings.data)).open(settings.name)
    compile_ = BROKEN[settings.broken] if settings.broken else compile_plan
    report = Report(settings.seed)
    for number, host, rng in hosts(Path(settings.folder), settings.seed):
        if os.geteuid() == 0:
            _prepare(host, settings.uid)
        ask = ask_for(host, rng)
        may = allowed(ask, host.items)
        try:
            plan = compiled(base, ask, compile_)
        except McpregError:
            report.refused += 1
            continue
        as_root = os.geteuid() == 0 and report.plans % 2 == 0
        report.plans += 1
        finding = _try(plan, host, may, settings.uid, as_root, report)
        if finding:
            who = "root" if as_root else "user"
            report.findings.append(
                f"seed {settings.seed}, number {number}, {who}: {finding}; {ask}"
            )
        if report.launched >= settings.count or report.findings:
            break
    return report


def _prepare(host: PlantedHost, uid: int) -> None:
    """Mounts, and one owner of everything: on the host the server's user may do all."""
    if not os.path.ismount(f"{host.home}/own"):
        _mount(host)
    for path in host.items:
        os.chown(path, uid, uid, follow_symlinks=False)


def _mount(host: PlantedHost) -> None:
    """A file system of its own in the home, and a part of the vault in the project."""
    own, part, source = (f"{host.home}/own", f"{host.top}/project/part", f"{host.vault}/inner")
    for folder in (own, part, source):
        os.makedirs(folder)
    kernel.mount("planted", own, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m")
    kernel.mount(source, part, "none", kernel.MS_BIND)
    for place in (f"{own}/a", f"{source}/b"):
        Path(place).write_text(f"planted at {place}\n")
    host.look()


def _try(
    plan: Plan, host: PlantedHost, may: Allowed, uid: int, as_root: bool, report: Report
) -> str | None:
    status, said, complaint = _launch(plan, list(host.items), uid, as_root)
    if status == _REFUSED:
        report.refused += 1
        return None if may.objections else f"refused without need: {complaint}"
    if status != 0:
        return f"ended with {status}: {complaint or said}"
    report.launched += 1
    report.shown += len(may.seen)
    report.hidden += len(host.items) - len(set(may.seen.values()))
    return _read_more(said, host, may) or _wrote_more(host, may)


def _launch(plan: Plan, tried: list[str], uid: int, as_root: bool) -> tuple[int, str, str]:
    """Exit status, standard output, standard error of a run."""
    pipes = [os.pipe() for _ in range(3)]
    pid = os.fork()
    if pid == 0:
        _become_launcher(plan, uid, as_root, pipes)
    for descriptor in (pipes[0][0], pipes[1][1], pipes[2][1]):
        os.close(descriptor)
    with suppress(BrokenPipeError), os.fdopen(pipes[0][1], "w") as given:
        json.dump(tried, given)  # nobody reads it when the launch is refused
    with os.fdopen(pipes[1][0]) as out, os.fdopen(pipes[2][0]) as err:
        said, complaint = out.read(), err.read()
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), said, complaint


def _become_launcher(plan: Plan, uid: int, as_root: bool, pipes: list[tuple[int, int]]) -> NoReturn:
    code = 70
    try:
        (given, _), (_, said), (_, complained) = pipes
        os.dup2(complained, 2)
        for descriptor in (pipes[0][1], pipes[1][0], pipes[2][0]):
            os.close(descriptor)
        if os.geteuid() == 0 and not as_root:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        outcome = sandbox.run(
            plan,
            recorder=Forgetful(),
            as_user=Identity(uid, uid) if as_root else None,
            stdin=given,
            stdout=said,
            on_violation="deny",
        )
        code = outcome.exit_code if outcome.exit_code is not None else 71
    except McpregError as error:
        os.write(2, error.message.encode(errors="replace"))
        code = _REFUSED
    except BaseException:  # noqa: BLE001  # the forked copy must end here, whatever happened
        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(code)


def _read_more(said: str, host: PlantedHost, may: Allowed) -> str | None:
    """Compare what the server read with what it may have read, by content."""
    read: Mapping[str, str] = json.loads(said)
    allowed_text = {host.items[place].content for place in may.seen.values()} - {""}
    planted = {item.content for item in host.items.values() if item.kind == "file"}
    for path, text in read.items():
        if text in planted - allowed_text:
            return f"{path!r} was read: {text!r}"
    for path, place in may.seen.items():
        if host.items[place].kind == "file" and read.get(path) != host.items[place].content:
            return f"{path!r} was not read, though a capability names it"
    return None


def _wrote_more(host: PlantedHost, may: Allowed) -> str | None:
    """Look for the server's marks on the host, and take them away."""
    names: dict[tuple[int, int], list[str]] = defaultdict(list)
    for path, item in host.items.items():
        if item.kind in ("file", "folder"):
            found = os.lstat(path)
            names[found.st_dev, found.st_ino].append(path)
    writable = {may.seen[path] for path in may.written}
    finding = None
    for paths in names.values():
        changed = _marked(paths[0], host.items[paths[0]].kind)
        expected = not writable.isdisjoint(paths)
        if changed != expected:
            finding = f"{paths} {'was' if changed else 'could not be'} written"
    return finding


def _marked(path: str, kind: str) -> bool:
    """Whether the server left its mark there; removed."""
    if kind == "folder":
        mark = Path(path, MARK)
        there = mark.exists()
        mark.unlink(missing_ok=True)
        return there
    with open(path, "r+") as stream:
        lines = stream.readlines()
        stream.seek(len(lines[0].encode()) if lines else 0)
        stream.truncate()
    return len(lines) > 1


if __name__ == "__main__":
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps(asdict(launch_many(settings))))
