"""Looking for a host file that a server may read or write and that no capability names.

`compile_many` makes plans and mounts them in its head, `capability_launch` starts them for good.
Both compare with `capability_oracle`, which works out the same from the capabilities' text.
"""

from __future__ import annotations

import itertools
import random
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capability_asks import ask_for
from capability_oracle import Allowed, Ask, allowed
from mcpreg.core.install import InputSpec, InstallRecord
from mcpreg.core.plan import Access, Plan
from mcpreg.errors import McpregError
from mcpreg.sandbox import pin
from mcpreg.sandbox.layout import check_layout, within
from mcpreg.store import installed as store
from mcpreg.store.installed import Installed
from mcpreg.usecases.plan import Surroundings, compile_plan
from planted_host import PlantedHost

Compile = Callable[[Installed, Surroundings], Plan]
DIRECTORY = InputSpec("positional", "directory", repeated=True)
ASKS_A_HOST = 500
ASKS_A_CHANGE = 50
MOST_FINDINGS = 5


@dataclass
class Report:
    """What was tried and found. `plans` were compiled, `refused` not; `shown` and `hidden` count
    files and folders over all plans, `reasons` the refusals by what their sentences have in common.
    """

    seed: int
    plans: int = 0
    refused: int = 0
    launched: int = 0
    shown: int = 0
    hidden: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def compile_many(
    base: Installed,
    folder: Path,
    seed: int,
    count: int,
    compile_: Compile = compile_plan,
    enough: int = MOST_FINDINGS,
) -> Report:
    """Compile until `count` plans are not refused; `folder` is empty and reached by no link."""
    report = Report(seed)
    for number, host, rng in hosts(folder, seed):
        ask = ask_for(host, rng)
        finding = _examine(base, ask, host, compile_, report)
        if finding:
            report.findings.append(f"seed {seed}, number {number}: {finding}; {ask}")
        if report.plans >= count or len(report.findings) >= enough:
            break
    return report


def hosts(folder: Path, seed: int) -> Iterator[tuple[int, PlantedHost, random.Random]]:
    """Numbers without end, each with a host that is changed now and then, and its own chance."""
    host: PlantedHost | None = None
    for number in itertools.count():
        rng = random.Random(f"{seed} {number}")
        if host is None or number % ASKS_A_HOST == 0:
            top = folder / f"h{number}"
            top.mkdir()
            if host is not None:
                host.remove()
            host = PlantedHost(str(top), rng)
            host.plant()
        elif number % ASKS_A_CHANGE == 0:
            host.random = rng
            host.change()
        yield number, host, rng


def _examine(
    base: Installed, ask: Ask, host: PlantedHost, compile_: Compile, report: Report
) -> str | None:
    may = allowed(ask, host.items)
    try:
        plan = compiled(base, ask, compile_)
        check_layout(plan)
        pin.close_all(pin.pin_all(plan.binds))
    except McpregError as error:
        report.refused += 1
        _count(report, error.message)
        return None if may.objections else f"refused without need: {error.message}"
    except Exception:  # noqa: BLE001  # a finding like any other
        return traceback.format_exc()
    report.plans += 1
    seen, written = mounted(plan, host)
    report.shown += len(seen)
    report.hidden += len(host.items) - len(set(seen.values()))
    return _difference(seen, written, may)


def restated(base: Installed, record: InstallRecord) -> Installed:
    """As if the store had opened this record, with a lock that says the same."""
    return Installed(record, {"sandbox": list(record.sandbox)}, store.SEAL)


def compiled(base: Installed, ask: Ask, compile_: Compile = compile_plan) -> Plan:
    """The plan for one person, by the real compiler or another."""
    record = base.record._replace(sandbox=ask.capabilities, inputs=(DIRECTORY,))
    installed = restated(base, record)
    around = Surroundings(
        cwd=ask.cwd,
        home=ask.home,
        environment={},
        arguments=ask.arguments,
        grants=ask.grants,
    )
    return compile_(installed, around)


def mounted(plan: Plan, host: PlantedHost) -> tuple[dict[str, str], set[str]]:
    """What a sandbox made of this plan shows: path inside to path outside; what can be written."""
    seen: dict[str, tuple[str, bool]] = {}
    for bind in plan.binds:
        seen = {path: what for path, what in seen.items() if not within(path, bind.target)}
        for place, item in host.items.items():
            if item.kind in ("file", "folder") and within(place, bind.source):
                path = bind.target + place[len(bind.source) :]
                seen[path] = (place, bind.access is Access.WRITE)
    return (
        {path: place for path, (place, _) in seen.items()},
        {path for path, (_, writable) in seen.items() if writable},
    )


def _difference(seen: Mapping[str, str], written: set[str], may: Allowed) -> str | None:
    for path, place in seen.items():
        if may.seen.get(path) != place:
            return f"{place} is shown at {path!r}, which no capability names"
    for path in written - may.written:
        return f"{path!r} can be written, which no capability allows"
    for path in may.seen.keys() - seen.keys():
        return f"{path!r} is not shown, though a capability names it"
    for path in may.written - written:
        return f"{path!r} cannot be written, though a capability allows it"
    return None


def _count(report: Report, message: str) -> None:
    """Under what is constant in the message, roughly: the words that are in no path."""
    words = " ".join(word for word in message.split() if word.isalpha() and word.isascii())
    report.reasons[words] = report.reasons.get(words, 0) + 1
