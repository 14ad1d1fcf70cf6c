"""The report of a version's checks: what did not simply pass comes first and in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mcpreg.core.index import CheckOutcome, CheckResult, Record

_ORDER: tuple[CheckResult, ...] = ("fail", "warn", "not-run")
_WORDS = {"fail": "failed", "warn": "warned", "not-run": "not run"}


@dataclass(frozen=True, slots=True)
class Report:
    """`others` did not pass; `date` is the day of the newest check."""

    passed: tuple[CheckOutcome, ...]
    others: tuple[CheckOutcome, ...]
    date: str
    tool_versions: tuple[str, ...]

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """How many failed, warned or did not run, in words; those that happened."""
        found = Counter(check.result for check in self.others)
        return tuple((_WORDS[result], found[result]) for result in _ORDER if found[result])


def report(record: Record | None) -> Report | None:
    """The record's checks, or None when it has none."""
    if record is None or not record.report:
        return None
    others = [check for check in record.report if check.result != "pass"]
    return Report(
        passed=tuple(check for check in record.report if check.result == "pass"),
        others=tuple(sorted(others, key=lambda check: (_ORDER.index(check.result), check.id))),
        date=max(check.date for check in record.report),
        tool_versions=tuple(dict.fromkeys(check.tool_version for check in record.report)),
    )
