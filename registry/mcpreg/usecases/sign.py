"""`mcpreg ci sign`: attest every new version that can be installed, once.

The job that calls this holds the workflow's identity and nothing else: it reads git and the reports
of the job before, runs no submitted code, and writes one bundle a version for the job after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core.report import outcomes_digest
from mcpreg.errors import UsageError
from mcpreg.gitrepo import PUBLISHED, Snapshot
from mcpreg.store.files import write_atomic
from mcpreg.trust.repository import load_offline
from mcpreg.trust.statement import Publication, statement
from mcpreg.usecases.admission import Admitted, LeftOut, digests_of, is_attested, take_in
from mcpreg.usecases.attested import Attestations
from mcpreg.usecases.handed import Handed, bundle_file


@dataclass(frozen=True, slots=True)
class Signed:
    """Which versions were attested, which did not need it, and which may not come in yet."""

    new: tuple[str, ...]
    unneeded: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


def sign(  # each is a different thing of the job
    repository: Path,
    rev: str,
    handed: Handed,
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
        handed: the reports; a new version that none lets in is left out.
        bundles: where they go.
        now: the moment of publishing (UTC), which the attestation freezes.
        trust_config: a private Sigstore's `ClientTrustConfig` as JSON; None is the public one.
        progress: takes one sentence a version.

    Raises:
        UsageError: the registry is key-only, or nothing here can say who it is (no OIDC token).
        VerificationError: a report is about other bytes.
        McpregError: a published version changed or vanished.
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
    intake = take_in(main, before, handed.report_of)
    items: list[tuple[str, bytes]] = []
    unneeded: list[str] = []
    for new in intake.new:
        entry = new.entry
        if not is_attested(entry) or (bundles / bundle_file(entry.folder)).exists():
            unneeded.append(f"{entry.name}@{entry.version}")
        else:
            items.append((entry.folder, _statement(new, main, policy.registry, now)))
    signed: list[str] = []
    for folder, bundle in sign_all(items, trust_config=trust_config, progress=progress):
        write_atomic(bundles / bundle_file(folder), bundle)
        signed.append(folder.removeprefix("servers/"))
    return Signed(tuple(signed), tuple(unneeded), intake.left_out)


def _statement(new: Admitted, main: Snapshot, registry: str, now: datetime) -> bytes:
    outcomes = new.report.outcomes()
    publication = Publication(
        registry=registry,
        name=new.entry.name,
        version=new.entry.version,
        commit=main.commit,
        sequence=new.sequence,
        published_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        checks={outcome.id: outcome.result for outcome in outcomes},
        report=outcomes_digest(outcomes),
    )
    return statement(publication, *digests_of(new.entry))
