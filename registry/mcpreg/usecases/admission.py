"""Which versions a publication adds, and whether each may come in.

`ci sign` and `ci publish` arrive at the same versions and numbers independently, from the two
branches; a report and an attestation count only when they are about the very bytes on main.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcpreg.checks.registry import CASE_RULES, RULES
from mcpreg.core import canonical
from mcpreg.core.entry import Entry
from mcpreg.core.report import MAX_REPORT_BYTES, VersionReport
from mcpreg.core.settings import Settings
from mcpreg.errors import McpregError, VerificationError
from mcpreg.gitrepo import Snapshot


@dataclass(frozen=True, slots=True)
class Division:
    """The versions of main: those that are published, as they were, and the new, numbered."""

    known: tuple[Entry, ...]
    new: tuple[tuple[int, Entry], ...]


def divide(main: Snapshot, before: Snapshot | None) -> Division:
    """Compare the two branches.

    Raises:
        McpregError: a published version changed or vanished.
    """
    published = {(e.name, e.version): e for e in before.entries if e.record} if before else {}
    _require_immutable(main.entries, published)
    sequence = max((e.record.sequence for e in published.values() if e.record), default=0)
    known: list[Entry] = []
    new: list[tuple[int, Entry]] = []
    for entry in main.entries:
        old = published.get((entry.name, entry.version))
        if old is None:
            sequence += 1
            new.append((sequence, entry))
        else:
            known.append(replace(entry, record=old.record, attestation=old.attestation))
    return Division(tuple(known), tuple(new))


def _require_immutable(entries: Sequence[Entry], known: Mapping[tuple[str, str], Entry]) -> None:
    present = {(entry.name, entry.version): entry for entry in entries}
    problems = []
    for (name, version), old in known.items():
        new = present.get((name, version))
        if new is None:
            problems.append(f"{name}@{version} vanished from main")
        elif digests_of(new) != (old.record and (old.record.manifest, old.record.lock)):
            problems.append(f"{name}@{version} is not what was published")
    if problems:
        raise McpregError(
            f"published versions are immutable: {'; '.join(problems)}",
            hint="restore the folder; submit a new version, or deprecate this one",
        )


def digests_of(entry: Entry) -> tuple[str, str | None]:
    """The digest of the manifest and of the lock."""
    return entry.manifest.digest(), canonical.sha256(entry.lock_bytes) if entry.lock_bytes else None


def is_attested(entry: Entry) -> bool:
    """Whether a version gets an attestation: what can be installed does (docs/adr/0006)."""
    return not entry.is_listed and entry.lock is not None


def parse_report(data: bytes, where: str) -> VersionReport:
    """Read a report file. Raises `VerificationError`."""
    if len(data) > MAX_REPORT_BYTES:
        raise VerificationError(f"a report of {len(data)} bytes; at most {MAX_REPORT_BYTES}")
    try:
        return VersionReport.model_validate_json(data)
    except ValueError as error:
        first = str(error).partition("\n")[0]
        raise VerificationError(f"not a report: {first}", where=where) from error


def admit(entry: Entry, report: VersionReport, settings: Settings) -> None:
    """Let a version in, or say why not.

    Raises:
        VerificationError: the report is about other bytes.
        McpregError: a check failed, or one that this registry requires was not made.
    """
    about = (report.name, report.version, report.folder, report.manifest, report.lock)
    if about != (entry.name, entry.version, entry.folder, *digests_of(entry)):
        raise VerificationError(
            f"the report of {entry.name}@{entry.version} is about other bytes than main has",
            hint="check again: mcpreg ci check",
        )
    if report.failed:
        said = "; ".join(f"{check.id}: {check.evidence()}" for check in report.failed[:5])
        raise McpregError(
            f"{entry.name}@{entry.version} fails {len(report.failed)} checks: {said}",
            hint=f"mcpreg validate {entry.folder}",
        )
    if is_attested(entry):
        _require_full(entry, report, settings)


def _require_full(entry: Entry, report: VersionReport, settings: Settings) -> None:
    """A locked version without a full report is not published (SPEC section 3.5)."""
    made = {check.id for check in report.checks}
    lacking = [rule.id for rule in (*RULES, *CASE_RULES) if rule.id not in made]
    if lacking:
        raise VerificationError(
            f"the report of {entry.name}@{entry.version} lacks {', '.join(lacking[:5])}",
            hint="was it made by another version of mcpreg? check again: mcpreg ci check",
        )
    required = _required(entry, settings)
    missing = [check for check in report.not_run if check.id in required]
    if missing:
        said = "; ".join(f"{check.id}: {check.reason}" for check in missing[:5])
        raise McpregError(
            f"{entry.name}@{entry.version} is locked, but {len(missing)} checks that this registry "
            f"requires were not made: {said}",
            hint="mcpreg ci check makes them; [checks] require in mcpreg.toml says which",
        )


def _required(entry: Entry, settings: Settings) -> frozenset[str]:
    kinds = set(settings.checks.require)
    if settings.trust.is_curated(entry.name):
        kinds -= {"namespace", "ownership"}  # unproven ownership is a warning there, and shown
    return frozenset(rule.id for rule in CASE_RULES if kinds.intersection(rule.needs))
