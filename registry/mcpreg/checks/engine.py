"""Run every rule over one submission."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from mcpreg.checks.finding import Finding, visible
from mcpreg.checks.interface import Problem, ReadingRule, Rule, RuleInfo
from mcpreg.checks.reading import Submission, read
from mcpreg.checks.registry import LISTED_RULES, RULES
from mcpreg.checks.subject import Subject, subject_of
from mcpreg.core.position import Place, Positions, to_text

MAX_FINDINGS = 200  # of a rule, and in all: a submission with more is not a slip

_READING_RULES = tuple(rule for rule in RULES if isinstance(rule, ReadingRule))
_MEANING_RULES = tuple(rule for rule in RULES if isinstance(rule, Rule))
_LISTED_MEANING_RULES = tuple(rule for rule in _MEANING_RULES if rule.id in LISTED_RULES)


def run(submission: Submission) -> tuple[Finding, ...]:
    """Every problem of a submission, in the order of the file. Never raises.

    A mirrored entry without a lock is held to `LISTED_RULES` only.
    """
    reading = read(submission)
    subject = subject_of(reading)
    found: list[tuple[RuleInfo, Problem]] = [
        (rule, problem)
        for rule in _READING_RULES
        for problem in islice(rule.check(reading), MAX_FINDINGS)
    ]
    if subject is not None:
        found += _about_meaning(subject, listed=submission.is_listed)
    if not found:
        return ()
    everything = placed(found, reading.text, reading.submission.file)
    return tuple(sorted(everything, key=_order)[:MAX_FINDINGS])


def _about_meaning(subject: Subject, *, listed: bool) -> Iterator[tuple[RuleInfo, Problem]]:
    for rule in _LISTED_MEANING_RULES if listed else _MEANING_RULES:
        for problem in islice(rule.check(subject), MAX_FINDINGS):
            if not subject.blind or not subject.is_blind(problem.pointer):
                yield rule, problem


def placed(found: Sequence[tuple[RuleInfo, Problem]], text: str, file: str) -> Iterator[Finding]:
    """Problems with their places in `text`, the manifest that `file` names."""
    wanted = [problem.pointer for _, problem in found if problem.pointer]
    positions = Positions(text if wanted else "", wanted)
    for rule, problem in found:
        place = problem.place or Place(1, 1)
        if problem.place is None and problem.file is None:
            look = positions.of_key if problem.at_key else positions.of_value
            place = look(problem.pointer)
        yield Finding(
            rule=rule.id,
            severity=problem.severity or rule.severity,
            message=visible(problem.message),
            file=visible(problem.file or file),
            line=place.line,
            column=place.column,
            pointer=visible(to_text(problem.pointer)),
            fix=None if problem.fix is None else visible(problem.fix),
        )


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return (finding.file, finding.line, finding.column, finding.rule, finding.message)
