"""Whether an attestation vouches for a record: the one comparison that CI and clients share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcpreg.core.index import Policy, Record
from mcpreg.core.report import outcomes_digest
from mcpreg.errors import VerificationError

if TYPE_CHECKING:  # importing sigstore takes a quarter of a second
    from mcpreg.trust.attestation import Attested


def vouch(policy: Policy, trusted_root: bytes | None, record: Record, bundle: bytes) -> Attested:
    """Verify that the policy's workflow said exactly what the record says.

    Args:
        policy: the registry's, from an offline target.
        trusted_root: the offline target with a private Sigstore's root, if there is one.
        record: what is published, or about to be; its time is not compared.
        bundle: the Sigstore bundle, as the host sent it.

    Raises:
        VerificationError: the bundle is no such statement; the message says in what.
    """
    from mcpreg.trust.attestation import Expected, verify_bundle  # noqa: PLC0415  # slow to import
    from mcpreg.trust.trusted_root import for_policy  # noqa: PLC0415

    if policy.sigstore is None:
        raise VerificationError("the registry's policy names no workflow whose signature counts")
    expected = Expected(
        name=record.name,
        version=record.version,
        manifest=record.manifest,
        lock=record.lock,
        sequence=record.sequence,
    )
    attested = verify_bundle(
        bundle, policy.sigstore, expected, for_policy(policy.sigstore, trusted_root)
    )
    said = attested.publication
    subject = f"{record.name}@{record.version}"
    for what, theirs, ours in (
        ("another registry", said.registry, policy.registry),
        ("another commit", said.commit, record.commit),
        ("another report", said.report, outcomes_digest(record.report)),
    ):
        if theirs != ours:
            raise VerificationError(
                f"the attestation of {subject} is about {what}: {theirs}, not {ours}",
                hint="somebody replaced the record or the attestation; nothing was changed here",
            )
    return attested
