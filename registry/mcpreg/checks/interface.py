"""What a rule is.

A rule looks at one submission and yields problems; it knows no file system, no line numbers and no
output format. It carries an example on which it fires and one on which it does not: the tests run
both, and the documentation prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mcpreg.core.evidence import Evidence, EvidenceKind
from mcpreg.core.position import Place, Pointer

if TYPE_CHECKING:  # these build on this module
    from mcpreg.checks.case import Case, Surroundings
    from mcpreg.checks.reading import Reading
    from mcpreg.checks.subject import Subject


class Severity(StrEnum):
    """Errors keep a version out of the registry; warnings are shown to reviewers."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the manifest.

    `fix` says what to write instead. `at_key` places it at the member's key rather than its value;
    `place` is given only where no JSON value exists to point at, `file` when it is a neighbour's.
    `severity` differs from the rule's own only to lower it, as for entries that are curated.
    """

    message: str
    pointer: Pointer = ()
    fix: str | None = None
    at_key: bool = False
    place: Place | None = None
    file: str | None = None
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A submission in few words: changes to `examples.BASE` (None removes), or bytes as they are.

    `identity` is `namespace/name/version` as the folder has it. `files` are its neighbours; they
    are looked at only when given. `surroundings` and `evidence` are for rules about a case; the
    lock of such an example is in `files`.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    identity: str | None = None
    file: str = "mcps.json"
    unreadable: str | None = None
    files: Mapping[str, bytes] | None = None
    surroundings: Surroundings | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What people read about a rule."""

    id: str
    severity: Severity
    rationale: str
    fires: Example
    silent: Example


@dataclass(frozen=True, slots=True)
class ReadingRule(RuleInfo):
    """A rule about bytes and shape: it runs on whatever was submitted."""

    check: Callable[[Reading], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Rule(RuleInfo):
    """A rule about meaning: it runs on a manifest, the misshapen parts of which were left out."""

    check: Callable[[Subject], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class CaseRule(RuleInfo):
    """A rule about a version among the others, or about what was found out about it.

    `needs` names the evidence it judges; when one is missing, the check is not run and says why.
    It is pure, like every rule: what looks at the world is in `mcpreg.evidence`.
    """

    check: Callable[[Case], Iterable[Problem]]
    needs: tuple[EvidenceKind, ...] = ()
    found: Callable[[Case], str] | None = None
    """One line about what was seen, for people, whatever comes of it."""
