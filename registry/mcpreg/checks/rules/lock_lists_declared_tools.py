"""The locked toolset is the declared one, by name."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks import examples
from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.lock import LOCK_FILE


def _check(case: Case) -> Iterator[Problem]:
    if case.lock is None:
        return
    if case.lock.canonical() != case.lock_bytes:
        yield Problem("the lock is not canonical JSON", fix="mcpreg lock", file=LOCK_FILE)
    declared = {tool.name for tool in case.manifest.capabilities.tools}
    listed = set(case.lock.toolset.tools)
    for name in sorted(listed - declared):
        yield Problem(f"the server offers {name!r}, which is not declared", file=LOCK_FILE)
    for name in sorted(declared - listed):
        yield Problem(f"{name!r} is declared, but the server does not offer it", file=LOCK_FILE)


RULE = CaseRule(
    id="lock-lists-declared-tools",
    severity=Severity.ERROR,
    rationale="What people read about a server is what they get: no tool more, no tool less.",
    fires=Example(files={LOCK_FILE: examples.lock("now", "later")}),
    silent=Example(files={LOCK_FILE: examples.lock("now")}),
    check=_check,
)
