"""`mcpreg ci publish`: every version on main that `published` lacks gets a record; TUF signs all.

Never the difference of one push: runs get superseded, so what is missing is computed from the two
branches each time (SPEC section 3). A version that may not come in yet is left out, named, and
looked at again by the next run; it stops no other. The commit moves the branch by compare-and-swap;
a run that dies leaves the old branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core.catalog import build_targets
from mcpreg.core.entry import Entry
from mcpreg.core.index import OFFLINE_TARGETS, Record
from mcpreg.core.report import VersionReport
from mcpreg.core.reviews import OWNERS_FOLDER, NamespaceOwner
from mcpreg.errors import McpregError, VerificationError
from mcpreg.gitrepo import PUBLISHED, NewCommit, Snapshot
from mcpreg.trust.keys import load_signer
from mcpreg.trust.repository import Publication, load_offline, sign_online
from mcpreg.usecases.admission import (
    Admitted,
    Intake,
    LeftOut,
    digests_of,
    is_attested,
    keep,
    take_in,
)
from mcpreg.usecases.attested import Attestations
from mcpreg.usecases.handed import Handed
from mcpreg.usecases.report import Facts, folder_of, report_on
from mcpreg.usecases.standing import placed
from mcpreg.usecases.surroundings import Registry

_NOTHING_HANDED = Handed()


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did: the new commit and the versions that are new in it.

    `refused_reviews` are signed reviews that do not count, a sentence each; `left_out` are versions
    of main that may not come in yet.
    """

    commit: str
    new: tuple[str, ...]
    total: int
    refused_reviews: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def publish(
    repository: Path,
    rev: str,
    key_uri: str,
    *,
    now: datetime,
    environment: Mapping[str, str],
    handed: Handed = _NOTHING_HANDED,
    only_sign: bool = False,
) -> Published:
    """Publish what `rev` has and the published branch lacks, and sign the whole state.

    A version of which a check failed, or was not made though this registry requires it, is left
    out. With `only_sign` nothing new is looked at: what is published is signed again.

    Raises:
        McpregError: a published version changed or vanished; nothing is written.
        VerificationError: the published branch is not consistently signed, or a report or an
            attestation is not about what main has; nothing is written.
        UsageError: no keys yet, or the key is not the registry's.
    """
    main = gitrepo.read(repository, rev)
    repo = gitrepo.open_repository(repository)
    before = gitrepo.read(repository, PUBLISHED) if gitrepo.branch_exists(repo, PUBLISHED) else None
    if main.tuf or any(entry.record for entry in main.entries):
        raise McpregError(f"{rev} holds tuf/ or records/, which only {PUBLISHED} may hold")
    offline = load_offline(main.trust)
    signer = load_signer(key_uri, offline.online_keys, environment)
    desk = _Desk(main, Registry(main, before, now), Attestations(main.trust), handed, now)
    intake: Intake = keep(main, before) if only_sign else take_in(main, before, desk.report_of)
    fresh = [desk.enter(new) for new in intake.new]
    standing = placed(main, [*intake.known, *fresh], now.date())
    entries = standing.entries
    targets = build_targets(entries)
    publication = Publication(targets.files, _continued(before), now, main.settings.trust.expiry)
    tuf = sign_online(publication, offline, signer)
    commit = gitrepo.write_branch(
        repository,
        PUBLISHED,
        NewCommit(
            base=main.commit,
            parents=(*((before.commit,) if before else ()), main.commit),
            files=_files(tuf, main, before, entries, desk.owners)
            | {gitrepo.TIERS_FILE: standing.document()},
            message=_message([str(entry) for entry in map(_named, fresh)]),
        ),
        expected=before.commit if before else None,
    )
    new = tuple(map(_named, fresh))
    return Published(commit, new, len(entries), standing.refused, intake.left_out)


def _named(entry: Entry) -> str:
    return f"{entry.name}@{entry.version}"


def _files(
    tuf: Mapping[str, bytes],
    main: Snapshot,
    before: Snapshot | None,
    entries: Sequence[Entry],
    owners: Mapping[str, NamespaceOwner],
) -> dict[str, bytes]:
    """Everything that only CI writes: metadata, records, attestations, pinned owners."""
    files = {f"tuf/{name}": data for name, data in tuf.items()}
    for target in OFFLINE_TARGETS:
        if target in main.trust:
            files[f"tuf/{target}"] = main.trust[target]
    for entry in entries:
        if entry.record:
            files[gitrepo.record_path(entry.folder)] = entry.record.canonical()
        if entry.attestation:
            files[gitrepo.bundle_path(entry.folder)] = entry.attestation
    # Pinned once: who holds a namespace changes by a maintainer's hand on main only.
    pinned = {**owners, **(before.owners if before else {})}
    for namespace, owner in pinned.items():
        if namespace not in main.owners:
            files[f"{OWNERS_FOLDER}/{namespace}.json"] = owner.canonical()
    return files


class _Desk:
    """Where new versions come in: a report and, where the policy wants one, an attestation each."""

    def __init__(
        self,
        main: Snapshot,
        registry: Registry,
        attestations: Attestations,
        handed: Handed,
        now: datetime,
    ) -> None:
        self._main, self._registry, self._now = main, registry, now
        self._attestations, self._handed = attestations, handed
        self.owners: dict[str, NamespaceOwner] = {}

    def enter(self, new: Admitted) -> Entry:
        """The entry with its record. Raises as `publish`."""
        entry, report = new.entry, new.report
        if report.owner:
            self.owners.setdefault(report.owner.namespace, report.owner)
        manifest, lock = digests_of(entry)
        record = Record(
            name=entry.name,
            version=entry.version,
            sequence=new.sequence,
            published_at=self._now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            commit=self._main.commit,
            manifest=manifest,
            lock=lock,
            curated=self._main.settings.trust.is_curated(entry.name),
            report=report.outcomes(),
        )
        if not (self._attestations.needed and is_attested(entry)):
            return replace(entry, record=record)
        bundle = self._handed.bundles.get(entry.folder)
        if bundle is None:
            raise VerificationError(
                f"{_named(entry)} has no attestation, which this registry's policy requires",
                hint="mcpreg ci sign makes it, in the workflow that the policy names",
            )
        return replace(entry, record=self._attestations.bind(record, bundle), attestation=bundle)

    def report_of(self, entry: Entry) -> VersionReport:
        """What is known about a version. Raises `McpregError` when nobody judged it."""
        if self._handed.reports is not None:
            return self._handed.report_of(entry)
        around = self._registry.around(entry.folder, entry.name, entry.version)
        facts = Facts(around, exceptions=self._main.exceptions(entry.folder))
        return report_on(folder_of(entry, self._main.commit), facts, self._now)


def _continued(before: Snapshot | None) -> Mapping[str, bytes]:
    """The published metadata, whose version numbers go on; without it a client sees a rollback."""
    if before is None:
        return {}
    if "timestamp.json" not in before.tuf:
        raise VerificationError(
            f"branch {PUBLISHED} has no tuf/timestamp.json, so its version numbers cannot go on",
            hint="restore the branch from a clone; starting again would look like an attack",
        )
    return before.tuf


def _message(new: Sequence[str]) -> str:
    subject = f"Publish {len(new)} new versions" if new else "Sign again"
    return "\n".join([subject, "", *new]) + "\n"
