"""The head while this process may change the bucket."""

from __future__ import annotations

import contextlib
import time
from datetime import timedelta
from typing import Any

from mcpreg.errors import McpregError
from mcpreg_site.deploy import owner
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.failures import ConflictError
from mcpreg_site.deploy.head import LEASE_SECONDS, MAX_BYTES, Head, Lease, parse_head
from mcpreg_site.deploy.plan import iso
from mcpreg_site.deploy.source import STATE
from mcpreg_site.deploy.stored import Body

HEAD = f"{STATE}/head.json"
_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_RENEW = LEASE_SECONDS / 3
_LOOK_AGAIN = 2.0  # seconds


def read_head(bucket: Bucket) -> Head:
    """The state of the bucket; an empty one when nobody deployed there yet."""
    found = bucket.get(HEAD, MAX_BYTES)
    return parse_head(found.data) if found else Head()


class Held:
    """The lease of a bucket and what the head says. Made by `hold`."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._owner = owner.myself()
        self._etag: str | None = None
        self._renewed = 0.0
        self.head = Head()
        self.conditional = True
        """Whether the host heeds conditions; some that speak S3 ignore them."""

    def acquire(self, wait: float) -> None:
        """Become the one who deploys; `wait` is in seconds.

        Raises:
            ConflictError: another still does then.
        """
        until = time.monotonic() + wait
        while True:
            found = self._bucket.get(HEAD, MAX_BYTES)
            self.head = parse_head(found.data) if found else Head()
            self._etag = found.etag if found else None
            busy = self._busy(self.head.lease)
            with contextlib.suppress(ConflictError):  # another was quicker: look again
                if not busy:
                    self.update()
                    break
            if time.monotonic() >= until:
                raise self._refusal(self.head.lease)
            time.sleep(_LOOK_AGAIN if busy else 0.1)
        self.conditional = self._heeds_conditions()

    def _busy(self, lease: Lease | None) -> bool:
        return (
            lease is not None
            and lease.until > iso(self._bucket.now)
            and not owner.is_gone(lease.owner)
        )

    def _refusal(self, lease: Lease | None) -> ConflictError:
        who = f"{owner.spoken(lease.owner)} until {lease.until}" if lease else "somebody else"
        return ConflictError(
            f"{self._bucket.address} is being deployed to by {who}",
            hint="deploy again when that is done; after a crash there, when its time is up",
        )

    def _heeds_conditions(self) -> bool:
        try:
            self._etag = self._put(self.head.to_bytes(), if_absent=True)
        except ConflictError:
            return True
        return False

    def update(self, **changes: Any) -> None:  # noqa: ANN401  # the fields of Head
        """Replace the head and renew the lease. Raises `ConflictError` when it was lost."""
        end = self._bucket.now + timedelta(seconds=LEASE_SECONDS)
        lease = Lease(owner=self._owner, until=iso(end))
        self._replace(self.head.model_copy(update={**changes, "lease": lease}))
        self._renewed = time.monotonic()

    def keep(self) -> None:
        """Renew the lease when a third of it has passed; to be called before writing anything."""
        if time.monotonic() - self._renewed > _RENEW:
            self.update()

    def release(self) -> None:
        """Let others deploy, if it is still ours; what fails here only makes them wait."""
        with contextlib.suppress(McpregError):
            self._replace(self.head.model_copy(update={"lease": None}))

    def _replace(self, head: Head) -> None:
        data = head.to_bytes()
        try:
            etag = self._put(data, if_match=self._etag, if_absent=self._etag is None)
        except ConflictError:
            # Ours, if an answer was lost and the request sent again.
            found = self._bucket.get(HEAD, MAX_BYTES)
            if found is None or found.data != data:
                raise
            etag = found.etag
        self.head, self._etag = head, etag

    def _put(self, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        body = Body(data, _HEADERS)
        return self._bucket.put(HEAD, body, "", if_match=if_match, if_absent=if_absent)
