"""Which versions a publication adds, and whether each may come in.

`ci sign` and `ci publish` arrive at the same versions and numbers independently, from the two
branches and the reports; a report and an attestation count only when they are about the very bytes
on main. A version that cannot come in yet is left out and takes no number, so that it stops no
other; the next run looks at it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from mcpreg.checks.registry import CASE_RULES, RULES
from mcpreg.core import canonical
from mcpreg.core.entry import Entry
from mcpreg.core.report import MAX_REPORT_BYTES, VersionReport
from mcpreg.core.settings import Settings
from mcpreg.errors import McpregError, VerificationError
from mcpreg.gitrepo import Snapshot

_LEFT_OUT_HINT = (
    "it is not published yet, so a pull request may still change or remove it; "
    "the next run looks at it again"
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A new version that may come in, with its number and the report that says so."""

    sequence: int
    entry: Entry
    report: VersionReport


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A new version (`name@version`) that may not come in yet: why, and what to do."""

    version: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Intake:
    """The versions of main: the published, as they were; the new, numbered; those left out."""

    known: tuple[Entry, ...]
    new: tuple[Admitted, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def take_in(
    main: Snapshot, before: Snapshot | None, report_of: Callable[[Entry], VersionReport]
) -> Intake:
    """Compare the two branches and judge each new version by itself.

    Numbers go on from the published ones without a gap.

    Raises:
        McpregError: a published version changed, vanished or came to be marked as mirrored.
        VerificationError: a report that lets a version in is about other bytes. Nobody can make
            one by submitting something, so none of the others is believed either.
    """
    known, new = _divide(main, before)
    sequence = max((entry.record.sequence for entry in known if entry.record), default=0)
    admitted: list[Admitted] = []
    left_out: list[LeftOut] = []
    for entry in new:
        try:
            report = report_of(entry)
            admit(entry, report, main)
        except VerificationError:
            raise
        except McpregError as error:
            name = f"{entry.name}@{entry.version}"
            left_out.append(LeftOut(name, error.message, error.hint or _LEFT_OUT_HINT))
        else:
            sequence += 1
            admitted.append(Admitted(sequence, entry, report))
    return Intake(known, tuple(admitted), tuple(left_out))


def keep(main: Snapshot, before: Snapshot | None) -> Intake:
    """What is published already and nothing else. Raises `McpregError` as `take_in`."""
    return Intake(_divide(main, before)[0])


def _divide(main: Snapshot, before: Snapshot | None) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """The versions of main that are published, as they were, and those that are not."""
    published = {(e.name, e.version): e for e in before.entries if e.record} if before else {}
    _require_immutable(main.entries, published)
    known: list[Entry] = []
    new: list[Entry] = []
    for entry in main.entries:
        old = published.get((entry.name, entry.version))
        if old is None:
            new.append(entry)
        else:
            _require_synced(entry, main)
            known.append(replace(entry, record=old.record, attestation=old.attestation))
    return tuple(known), tuple(new)


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


def admit(entry: Entry, report: VersionReport, main: Snapshot) -> None:
    """Let a version in, or say why not.

    Raises:
        VerificationError: no check of the report failed, but it is about other bytes.
        McpregError: a check failed, or one that this registry requires was not made.
    """
    if report.failed:
        said = "; ".join(f"{check.id}: {check.evidence()}" for check in report.failed[:5])
        raise McpregError(
            f"{entry.name}@{entry.version} fails {len(report.failed)} checks: {said}",
            hint=f"mcpreg validate {entry.folder}; {_LEFT_OUT_HINT}",
        )
    about = (report.name, report.version, report.folder, report.manifest, report.lock)
    if about != (entry.name, entry.version, entry.folder, *digests_of(entry)):
        raise VerificationError(
            f"the report of {entry.name}@{entry.version} is about other bytes than main has",
            hint="check again: mcpreg ci check",
        )
    _require_synced(entry, main)
    if is_attested(entry):
        _require_full(entry, report, main.settings)


def _require_synced(entry: Entry, main: Snapshot) -> None:
    """A mark that no sync made would let a submission past the checks it would fail."""
    if entry.origin is not None and entry.origin.source not in main.synced:
        raise McpregError(
            f"{entry.folder} says that it comes from source {entry.origin.source!r}, "
            "which was never synced",
            hint=f"remove {entry.folder}/source.json: only mcpreg-site sync writes it",
        )


def _require_full(entry: Entry, report: VersionReport, settings: Settings) -> None:
    """A locked version without a full report is not published (SPEC section 3.5)."""
    made = {check.id for check in report.checks}
    lacking = [rule.id for rule in (*RULES, *CASE_RULES) if rule.id not in made]
    if lacking:
        raise McpregError(
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
