"""What people read about a rule: the same words in docs/checks.md and on the catalog's page."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcpreg.checks.interface import CaseRule, Example, ReadingRule, RuleInfo, Severity
from mcpreg.checks.registry import LISTED_RULES
from mcpreg.core.evidence import Evidence

SHOWN = 600  # characters of an example
PLAIN = "the plain example"
"""Stands for an example that changes nothing of `examples.BASE`."""


@dataclass(frozen=True, slots=True)
class Described:
    """A rule in words. `fires` and `silent` are examples as code; None is the plain example.

    `needs` names the evidence without which it is not run; `listed` says whether a mirrored entry
    that nobody locked is held to it as well.
    """

    id: str
    severity: Severity
    needs: tuple[str, ...]
    listed: bool
    rationale: str
    fires: str | None
    silent: str | None


def describe(rule: RuleInfo) -> Described:
    """The rule's own words and its two examples."""
    return Described(
        id=rule.id,
        severity=rule.severity,
        needs=rule.needs if isinstance(rule, CaseRule) else (),
        listed=isinstance(rule, ReadingRule) or rule.id in LISTED_RULES,
        rationale=rule.rationale,
        fires=_example(rule.fires),
        silent=_example(rule.silent),
    )


def _example(shown: Example) -> str | None:
    """An example in one line of code, cut to what a person reads."""
    if shown.raw is not None:
        return _cut(repr(shown.raw)[1:])
    said: dict[str, Any] = dict(shown.changes)
    if shown.identity:
        said["(folder)"] = shown.identity
    if shown.unreadable:
        said["(file)"] = shown.unreadable
    for name, data in (shown.files or {}).items():
        said[f"(file {name})"] = data.decode(errors="replace")[:200]
    if shown.surroundings is not None:
        said |= {f"({key})": value for key, value in _changed(shown.surroundings)}
    if shown.evidence is not None:
        said |= {f"({key})": value for key, value in _changed(shown.evidence)}
    return _cut(json.dumps(said, ensure_ascii=True, default=_plain)) if said else None


def _changed(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # one of two dataclasses
    """The members that an example sets."""
    empty = Evidence() if isinstance(value, Evidence) else None
    for item in dataclasses.fields(value):
        found = getattr(value, item.name)
        if found in (None, (), {}, False) or item.name == "today":
            continue
        if empty is not None and found == getattr(empty, item.name):
            continue
        yield item.name, found


def _plain(value: object) -> object:
    """What `json` cannot write by itself."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: found
            for item in dataclasses.fields(value)
            if (found := getattr(value, item.name)) not in (None, (), "", 0, False)
        }
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
