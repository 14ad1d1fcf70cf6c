"""A well-known name is its owner's to use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.brands import BRANDS, is_theirs, labels, words_of
from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.rules.look_alike_name import skeleton
from mcpreg.core.position import Pointer

_OFFICIAL = re.compile(r"\b(official|verified|certified)\b", re.IGNORECASE)
_EMPTY_WORDS = frozenset(("mcp", "server", "official", "the"))


def _check(case: Case) -> Iterator[Problem]:
    namespace, _, name = case.manifest.name.partition("/")
    title = case.manifest.title or ""
    for brand in BRANDS:
        if is_theirs(namespace, brand):
            continue
        if any(_looks_like(brand, label) for label in labels(namespace)):
            yield _problem(case, f"the namespace {namespace} looks like {brand}", ("name",))
        elif any(brand in words_of(label) for label in labels(namespace)):
            message = f"the namespace {namespace} names {brand}, and is not {brand}'s"
            yield _problem(case, message, ("name",), Severity.WARNING)
        if _OFFICIAL.search(title) and brand in words_of(title):
            message = f"the title {title!r} claims to be {brand}'s own"
            yield _problem(case, message, ("title",))
        for text, pointer in ((name, "name"), (title, "title")):
            if [word for word in words_of(text) if word not in _EMPTY_WORDS] == [brand]:
                message = f"{text!r} is {brand}'s name, and {namespace} is not {brand}'s"
                yield _problem(case, message, (pointer,), Severity.WARNING)


def _looks_like(brand: str, label: str) -> bool:
    return brand != label and skeleton(brand) == skeleton(label)


def _problem(case: Case, message: str, place: Pointer, severity: Severity | None = None) -> Problem:
    if case.surroundings.curated:
        severity = Severity.WARNING
    return Problem(message, place, "say whose it is: 'NAME for …'", severity=severity)


RULE = CaseRule(
    id="borrowed-name",
    severity=Severity.ERROR,
    rationale=(
        "A server that reads like a company's own is trusted with that company's secrets. Claiming "
        "to be official, or a namespace that looks like theirs, is refused; a bare name is warned "
        "about."
    ),
    fires=Example({"title": "Official GitHub server"}),
    silent=Example({"title": "Clock for GitHub"}),
    check=_check,
)
