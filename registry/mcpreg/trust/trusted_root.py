"""Which Sigstore is believed: the roots of its authorities, never from a cache.

The public instance's trusted root ships with the package (`scripts/update_trusted_root.py` renews
it). A registry that signs with a private Sigstore names that root's digest in its policy, and the
root itself is an offline TUF target; both are signed by the offline role alone.
"""

from __future__ import annotations

from importlib.resources import files

from mcpreg.core import canonical
from mcpreg.core.index import SigstorePolicy
from mcpreg.errors import VerificationError

SHIPPED = "sigstore_trusted_root.json"


def shipped() -> bytes:
    """The trusted root of the public Sigstore instance, as JSON."""
    return (files("mcpreg.trust") / SHIPPED).read_bytes()


def for_policy(policy: SigstorePolicy, target: bytes | None) -> bytes:
    """The root that the policy means: the one it names by digest, or the shipped one.

    Raises:
        VerificationError: `target`, the offline target, is missing or another root.
    """
    if policy.trusted_root is None:
        return shipped()
    if target is None or canonical.sha256(target) != policy.trusted_root:
        raise VerificationError(
            "the Sigstore root that the registry's policy names is not the one it serves",
            hint="the registry's operators publish it with mcpreg-site keys",
        )
    return target
