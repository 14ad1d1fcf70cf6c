"""What people decided about versions, as files on main that other people reviewed.

    owners/<namespace>.json      who holds a namespace
    reviews/<namespace>/<name>/<version>/
        approval.json            a maintainer approved a held difference
        exceptions.json          rules that this version need not pass
        <kind>.dsse.json         a signed review, see `mcpreg.trust.reviews`

They are read from the base branch, never from the pull request that they decide about.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mcpreg.core import canonical
from mcpreg.core.lock import Sha256, Timestamp
from mcpreg.core.manifest import Model

OWNERS_FOLDER = "owners"
REVIEWS_FOLDER = "reviews"
APPROVAL_FILE = "approval.json"
EXCEPTIONS_FILE = "exceptions.json"
MAX_REVIEW_BYTES = 64 << 10

Reason = Annotated[str, StringConstraints(min_length=10, max_length=1000)]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")]


class GitHubOwner(Model):
    """A GitHub account; the id counts, because a login can change hands."""

    login: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}$")]
    id: Annotated[int, Field(gt=0)]


class NamespaceOwner(Model):
    """`owners/<namespace>.json`: pinned when the namespace's first version is published."""

    owner_version: Literal[1] = 1
    namespace: str
    github: tuple[GitHubOwner, ...] = ()
    """Accounts that may submit for the namespace."""
    proof: Literal["github", "dns", "well-known"] | None = None
    """How the namespace was proven when it was pinned; None: it is curated."""

    def canonical(self) -> bytes:
        """RFC 8785 bytes."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class Approval(Model):
    """`approval.json`: one maintainer lets one very difference through."""

    approval_version: Literal[1] = 1
    name: str
    version: str
    previous: str
    """The version that it was compared with."""
    difference: Sha256
    """`mcpreg.core.difference.digest_of` what widens: another difference needs another approval."""
    approved_by: str
    approved_at: Timestamp
    reason: Reason

    def canonical(self) -> bytes:
        """RFC 8785 bytes."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class RuleException(Model):
    """A rule that one version need not pass, why, and until when (a day, UTC, inclusive)."""

    rule: str
    reason: Reason
    expires: Day
    approved_by: str


class Exceptions(Model):
    """`exceptions.json`."""

    exceptions_version: Literal[1] = 1
    exceptions: Annotated[tuple[RuleException, ...], Field(min_length=1, max_length=20)]

    def canonical(self) -> bytes:
        """RFC 8785 bytes."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))
