"""The report card of a version: its checks by the question they answer, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from mcpreg.core.index import CheckOutcome, CheckResult, Record
from mcpreg_site.pages.checks import OTHER_TITLE, URL, groups, known

_ORDER: tuple[CheckResult, ...] = ("fail", "warn", "not-run", "pass")
_WORDS = {"fail": "failed", "warn": "warned", "not-run": "not run", "pass": "passed"}


@dataclass(frozen=True, slots=True)
class Row:
    """One check's outcome. `url` leads to what it is about; None for one that is no rule now."""

    check: CheckOutcome
    rationale: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Section:
    """The checks that answer one question; `others` did not pass."""

    title: str
    passed: tuple[Row, ...]
    others: tuple[Row, ...]

    @property
    def worst(self) -> CheckResult:
        """The result that speaks for the section."""
        return self.others[0].check.result if self.others else "pass"


@dataclass(frozen=True, slots=True)
class Report:
    """The card. `date` is the day of the newest check; `counts` has every result that happened."""

    sections: tuple[Section, ...]
    counts: tuple[tuple[CheckResult, str, int], ...]
    total: int
    date: str
    tool_versions: tuple[str, ...]


def report(record: Record | None) -> Report | None:
    """The record's checks, or None when it has none."""
    if record is None or not record.report:
        return None
    titles = (*(group.title for group in groups()), OTHER_TITLE)
    grouped: dict[str, list[Row]] = {title: [] for title in titles}
    for check in sorted(record.report, key=lambda check: (_ORDER.index(check.result), check.id)):
        group, rule = known().get(check.id, (None, None))
        row = Row(check, rule.rationale if rule else "", f"{URL}#{rule.id}" if rule else None)
        grouped[group.title if group else OTHER_TITLE].append(row)
    found = Counter(check.result for check in record.report)
    return Report(
        sections=tuple(_section(title, rows) for title, rows in grouped.items() if rows),
        counts=tuple((result, _WORDS[result], found[result]) for result in _ORDER if found[result]),
        total=len(record.report),
        date=max(check.date for check in record.report),
        tool_versions=tuple(dict.fromkeys(check.tool_version for check in record.report)),
    )


def _section(title: str, rows: list[Row]) -> Section:
    return Section(
        title,
        passed=tuple(row for row in rows if row.check.result == "pass"),
        others=tuple(row for row in rows if row.check.result != "pass"),
    )
