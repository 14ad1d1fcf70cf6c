"""`.mcpreg/head.json`: which publication is current, and who may change that.

Decision: one small document, changed only by compare-and-swap (`If-Match`, and `If-None-Match: *`
for the first), is lock, journal and pointer at once. Considered and left:

- *A lock object of its own*, deleted at the end: a crash leaves it, and between lock and pointer
  there are two truths. Here a lease that ran out, the publications and the attempts that broke off
  are read and replaced in one step.
- *Compare-and-swap of the pointer alone, no lease*: two deploys would both upload, and the one that
  loses at the end would have mixed its pages into the other's.
- *`If-Match` on every object*: 300,000 ETags to remember. Pointers have it; for the rest the lease.

A deploy holds the lease for `LEASE_SECONDS`, renews it while it works, writes nothing when it could
not, and writes the pointers only if nobody else did. So a second deploy waits or is refused, and a
first one that slept too long finds its lease gone. What its requests already on the way may still
do is written over by the second, which treats whatever the first announced as unknown.

A deploy that was killed leaves its lease. Where the process can be seen to be gone (same machine),
nobody waits for it; elsewhere for `LEASE_SECONDS`.

All times are the host's own (the `Date` of its answers), so that machines need not agree.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from mcpreg.core import canonical
from mcpreg.core.manifest import Model
from mcpreg.errors import VerificationError

LEASE_SECONDS = 90
MAX_BYTES = 4 << 20


class Lease(Model):
    """Who deploys now, in words and for `same machine` tests, and until when."""

    owner: str
    until: str


class Publication(Model):
    """One publication: `inventory` is its id. `replaced_at` is absent for the current one."""

    number: int
    inventory: str = Field(pattern=r"^[0-9a-f]{64}$")
    at: str
    commit: str = ""
    files: int
    restores: int | None = None
    replaced_at: str | None = None


class Head(Model):
    """The state of a bucket. `publications` are the ones that can be restored, current last.

    `attempts` are inventories that a broken-off deploy may have begun to write; `pointers` the
    ETags of the files that are changed only if nobody else did; `settled` says that caches were
    told and what is past its grace is deleted; `obsolete` are inventories to delete.
    """

    mcpreg_deploy: Literal[1] = 1
    publications: tuple[Publication, ...] = ()
    attempts: tuple[str, ...] = ()
    pointers: dict[str, str] = Field(default_factory=dict)
    settled: bool = True
    obsolete: tuple[str, ...] = ()
    lease: Lease | None = None

    @property
    def current(self) -> Publication | None:
        """The publication that readers see."""
        return self.publications[-1] if self.publications else None

    def to_bytes(self) -> bytes:
        """The document as stored."""
        return canonical.pretty(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def parse_head(data: bytes) -> Head:
    """The head. Raises `VerificationError` when somebody wrote something else there."""
    try:
        return Head.model_validate_json(data)
    except ValidationError as error:
        raise VerificationError(
            f".mcpreg/head.json in the bucket is not readable: {error.error_count()} problems",
            hint="a newer mcpreg-site may have written it; removing it uploads everything again",
        ) from error
