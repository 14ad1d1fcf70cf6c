"""`mcpreg ci sign`: attest every new version that can be installed, once.

The job that calls this holds the workflow's identity and nothing else: it reads git and the reports
of the job before, runs no submitted code, and writes one bundle a version for the job after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core.entry import Entry
from mcpreg.core.report import VersionReport, outcomes_digest
from mcpreg.errors import UsageError, VerificationError
from mcpreg.gitrepo import PUBLISHED, Snapshot
from mcpreg.store.files import write_atomic
from mcpreg.trust.repository import load_offline
from mcpreg.trust.statement import Publication, statement
from mcpreg.usecases.admission import admit, digests_of, divide, is_attested
from mcpreg.usecases.attested import Attestations
from mcpreg.usecases.handed import bundle_file


@dataclass(frozen=True, slots=True)
class Signed:
    """Which versions were attested, and which did not need it."""

    new: tuple[str, ...]
    left: tuple[str, ...]


def sign(  # each is a different thing of the job
    repository: Path,
    rev: str,
    reports: Mapping[str, VersionReport],
    bundles: Path,
    *,
    now: datetime,
    trust_config: bytes | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Signed:
    """Write `<namespace>/<name>/<version>.sigstore.json` below `bundles`; one that is there stays.

    Args:
        repository: the registry's.
        rev: main's commit.
        reports: of each new version, by folder.
        bundles: where they go.
        now: the moment of publishing (UTC), which the attestation freezes.
        trust_config: a private Sigstore's `ClientTrustConfig` as JSON; None is the public one.
        progress: takes one sentence a version.

    Raises:
        UsageError: the registry is key-only, or nothing here can say who it is (no OIDC token).
        VerificationError: a report is missing or about other bytes.
        McpregError: a check failed, or one that the registry requires was not made.
    """
    from mcpreg.trust.signing import sign_all  # slow to import

    main = gitrepo.read(repository, rev)
    repo = gitrepo.open_repository(repository)
    before = gitrepo.read(repository, PUBLISHED) if gitrepo.branch_exists(repo, PUBLISHED) else None
    load_offline(main.trust)  # verifies the policy
    policy = Attestations(main.trust).policy
    if policy.mode != "sigstore":
        raise UsageError(
            "this registry's policy is key-only: nothing is to be attested",
            hint="mcpreg ci publish signs with the registry's own keys; docs/keys.md changes it",
        )
    items: list[tuple[str, bytes]] = []
    left: list[str] = []
    for sequence, entry in divide(main, before).new:
        file = bundles / bundle_file(entry.folder)
        if not is_attested(entry) or file.exists():
            left.append(f"{entry.name}@{entry.version}")
            continue
        report = reports.get(entry.folder)
        if report is None:
            raise VerificationError(
                f"there is no report of {entry.name}@{entry.version}", hint="mcpreg ci check"
            )
        admit(entry, report, main.settings)
        items.append(
            (entry.folder, _statement(entry, sequence, report, main, policy.registry, now))
        )
    signed: list[str] = []
    for folder, bundle in sign_all(items, trust_config=trust_config, progress=progress):
        write_atomic(bundles / bundle_file(folder), bundle)
        signed.append(folder.removeprefix("servers/"))
    return Signed(tuple(signed), tuple(left))


def _statement(  # noqa: PLR0917
    entry: Entry,
    sequence: int,
    report: VersionReport,
    main: Snapshot,
    registry: str,
    now: datetime,
) -> bytes:
    outcomes = report.outcomes()
    publication = Publication(
        registry=registry,
        name=entry.name,
        version=entry.version,
        commit=main.commit,
        sequence=sequence,
        published_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        checks={outcome.id: outcome.result for outcome in outcomes},
        report=outcomes_digest(outcomes),
    )
    return statement(publication, *digests_of(entry))
