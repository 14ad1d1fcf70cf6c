"""What a new version brings with it that the last approved one did not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcpreg.checks import examples
from mcpreg.checks.case import Case, Previous, Surroundings
from mcpreg.checks.examples import BASE, TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.difference import artifact_changes
from mcpreg.core.lock import LOCK_FILE, Wheel, parse_lock
from mcpreg.core.manifest import Manifest

MANY = 5  # artifacts; fewer come with any update of a dependency, and reviewers would stop reading
_SHOWN = 20  # names in one message


def _check(case: Case) -> Iterator[Problem]:
    previous = case.surroundings.previous
    if previous is None or previous.lock is None or case.lock is None:
        return
    changes = artifact_changes(previous.lock, case.lock)
    if len(changes.added) > MANY:
        yield Problem(
            f"brings {len(changes.added)} artifacts that {previous.version} had not: "
            f"{_listed(changes.added)}",
            file=LOCK_FILE,
            fix="reviewers: is each what its name says, and needed?",
        )
    swapped = [item for item in changes.changed if "→" not in item]
    if swapped:
        yield Problem(
            f"not the bytes that {previous.version} had: {_listed(swapped)}",
            file=LOCK_FILE,
            fix="an index never changes what it published: find out who did",
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _lock(count: int) -> bytes:
    wheels = tuple(
        Wheel(name=f"part-{number}", version="1.0", sha256=f"{number:064x}", platforms=())
        for number in range(count)
    )
    return examples.lock(wheels=wheels)


_PREVIOUS = Previous(
    "1.1.0", Manifest.model_validate(BASE | {"version": "1.1.0"}), parse_lock(_lock(1))
)
_AROUND = Surroundings(today=TODAY, previous=_PREVIOUS)

RULE = CaseRule(
    id="dependency-changes",
    severity=Severity.WARNING,
    rationale=(
        "Code that arrives as a dependency runs with the same rights and is read by fewer people; "
        "many new ones at once, or a known one with other bytes, are worth a look."
    ),
    fires=Example(files={LOCK_FILE: _lock(10)}, surroundings=_AROUND),
    silent=Example(files={LOCK_FILE: _lock(2)}, surroundings=_AROUND),
    check=_check,
)
