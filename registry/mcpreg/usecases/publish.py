"""`mcpreg ci publish`: every version on main that `published` lacks gets a record; TUF signs all.

Never the difference of one push: runs get superseded, so what is missing is computed from the two
branches each time (SPEC section 3). The commit moves the branch by compare-and-swap; a run that
dies leaves the old branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.catalog import build_targets
from mcpreg.core.entry import Entry
from mcpreg.core.index import POLICY_TARGET, CheckOutcome, Record
from mcpreg.core.settings import Settings
from mcpreg.errors import McpregError, VerificationError
from mcpreg.gitrepo import NewCommit, Snapshot
from mcpreg.trust.keys import load_signer
from mcpreg.trust.repository import Publication, load_offline, sign_online
from mcpreg.usecases.report import report_on

BRANCH = "published"


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did: the new commit and the versions that are new in it."""

    commit: str
    new: tuple[str, ...]
    total: int


def publish(
    repository: Path,
    rev: str,
    key_uri: str,
    *,
    now: datetime,
    environment: Mapping[str, str],
) -> Published:
    """Publish what `rev` has and the published branch lacks, and sign the whole state.

    Raises:
        McpregError: a check failed, a published version changed or vanished; nothing is written.
        VerificationError: the published branch is not consistently signed.
        UsageError: no keys yet, or the key is not the registry's.
    """
    main = gitrepo.read(repository, rev)
    repo = gitrepo.open_repository(repository)
    before = gitrepo.read(repository, BRANCH) if gitrepo.branch_exists(repo, BRANCH) else None
    if main.tuf or any(entry.record for entry in main.entries):
        raise McpregError(f"{rev} holds tuf/ or records/, which only {BRANCH} may hold")
    _require_sources(main)
    offline = load_offline(main.trust)
    signer = load_signer(key_uri, offline.online_keys, environment)
    entries, new = _with_records(main, before, now)
    targets = build_targets(entries)
    publication = Publication(targets.files, _continued(before), now, main.settings.trust.expiry)
    tuf = sign_online(publication, offline, signer)
    files = {f"tuf/{name}": data for name, data in tuf.items()}
    files[f"tuf/{POLICY_TARGET}"] = main.trust[POLICY_TARGET]
    files |= {
        gitrepo.record_path(entry.folder): entry.record.canonical()
        for entry in entries
        if entry.record
    }
    commit = gitrepo.write_branch(
        repository,
        BRANCH,
        NewCommit(
            base=main.commit,
            parents=(*((before.commit,) if before else ()), main.commit),
            files=files,
            message=_message(new),
        ),
        expected=before.commit if before else None,
    )
    return Published(commit, tuple(str(entry) for entry in new), len(entries))


def _continued(before: Snapshot | None) -> Mapping[str, bytes]:
    """The published metadata, whose version numbers go on; without it a client sees a rollback."""
    if before is None:
        return {}
    if "timestamp.json" not in before.tuf:
        raise VerificationError(
            f"branch {BRANCH} has no tuf/timestamp.json, so its version numbers cannot go on",
            hint="restore the branch from a clone; starting again would look like an attack",
        )
    return before.tuf


def _require_sources(main: Snapshot) -> None:
    """A mark that no sync made would let a submission past the checks it would fail."""
    for entry in main.entries:
        if entry.origin is not None and entry.origin.source not in main.synced:
            raise McpregError(
                f"{entry.folder} says that it comes from source {entry.origin.source!r}, "
                "which was never synced",
                where=f"{entry.folder}/source.json",
                hint="remove the file: only mcpreg-site sync writes it",
            )


def _message(new: Sequence[str]) -> str:
    subject = f"Publish {len(new)} new versions" if new else "Sign again"
    return "\n".join([subject, "", *new]) + "\n"


def _with_records(
    main: Snapshot, before: Snapshot | None, now: datetime
) -> tuple[list[Entry], list[str]]:
    known = {(e.name, e.version): e for e in before.entries if e.record} if before else {}
    _require_immutable(main.entries, known)
    sequence = max((e.record.sequence for e in known.values() if e.record), default=0)
    entries: list[Entry] = []
    new: list[str] = []
    for entry in main.entries:
        old = known.get((entry.name, entry.version))
        if old is not None:
            entries.append(replace(entry, record=old.record))
            continue
        sequence += 1
        entries.append(replace(entry, record=_record(entry, main, sequence, now)))
        new.append(f"{entry.name}@{entry.version}")
    return entries, new


def _require_immutable(entries: Sequence[Entry], known: Mapping[tuple[str, str], Entry]) -> None:
    present = {(entry.name, entry.version): entry for entry in entries}
    problems = []
    for (name, version), old in known.items():
        new = present.get((name, version))
        if new is None:
            problems.append(f"{name}@{version} vanished from main")
        elif _digests(new) != (old.record and (old.record.manifest, old.record.lock)):
            problems.append(f"{name}@{version} is not what was published")
    if problems:
        raise McpregError(
            f"published versions are immutable: {'; '.join(problems)}",
            hint="restore the folder; submit a new version, or deprecate this one",
        )


def _digests(entry: Entry) -> tuple[str, str | None]:
    return entry.manifest.digest(), canonical.sha256(entry.lock_bytes) if entry.lock_bytes else None


def _record(entry: Entry, main: Snapshot, sequence: int, now: datetime) -> Record:
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    report = report_on(entry, stamp)
    _require_passed(entry, report)
    return Record(
        name=entry.name,
        version=entry.version,
        sequence=sequence,
        published_at=stamp,
        commit=main.commit,
        manifest=entry.manifest.digest(),
        lock=entry.lock.digest() if entry.lock else None,
        curated=is_curated(entry.name, main.settings),
        report=report,
    )


def is_curated(name: str, settings: Settings) -> bool:
    """Whether the maintainers added the entry for others (`trust.curated` name patterns)."""
    return any(fnmatchcase(name, pattern) for pattern in settings.trust.curated)


def _require_passed(entry: Entry, report: Sequence[CheckOutcome]) -> None:
    failed = [f"{outcome.id}: {outcome.evidence}" for outcome in report if outcome.result == "fail"]
    if failed:
        raise McpregError(
            f"{entry.name}@{entry.version} fails {len(failed)} checks: {'; '.join(failed[:5])}",
            hint=f"mcpreg validate {entry.folder}",
        )
