"""Attestations against the registry's own policy: what CI checks before it publishes one."""

from __future__ import annotations

from collections.abc import Mapping

from mcpreg.core import canonical
from mcpreg.core.index import POLICY_TARGET, TRUSTED_ROOT_TARGET, File, Policy, Record
from mcpreg.trust.vouched import vouch


class Attestations:
    """The policy under `trust/`, and the verification that every client makes with it."""

    def __init__(self, trust: Mapping[str, bytes]) -> None:
        self.policy = Policy.model_validate_json(trust[POLICY_TARGET])
        self._trusted_root = trust.get(TRUSTED_ROOT_TARGET)

    @property
    def needed(self) -> bool:
        """Whether every version that can be installed must have one."""
        return self.policy.mode == "sigstore"

    def bind(self, record: Record, bundle: bytes) -> Record:
        """The record as the attestation has it: its time, and the bundle's digest.

        Raises:
            VerificationError: the bundle is not this registry's workflow's statement about this
                very version, number, report and commit.
        """
        publication = vouch(self.policy, self._trusted_root, record, bundle).publication
        return record.model_copy(
            update={
                "published_at": publication.published_at,
                "attestation": File(sha256=canonical.sha256(bundle), length=len(bundle)),
            }
        )
