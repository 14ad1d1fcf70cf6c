"""What a bucket holds, read from the records that deploys left in it."""

from __future__ import annotations

from collections.abc import Mapping

from mcpreg.errors import VerificationError
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.head import Head
from mcpreg_site.deploy.inventory import MAX_BYTES, Inventory, parse_inventory
from mcpreg_site.deploy.plan import Live, live_after, live_of
from mcpreg_site.deploy.source import STATE


def inventory_path(identifier: str) -> str:
    """Where an inventory lies in the bucket."""
    return f"{STATE}/publications/{identifier}.json.gz"


def read_inventory(bucket: Bucket, identifier: str) -> Inventory:
    """An inventory by its id. Raises `VerificationError` when it is gone or altered."""
    found = bucket.get(inventory_path(identifier), MAX_BYTES)
    if found is None:
        raise VerificationError(
            f"the inventory {identifier[:12]} is gone from {bucket.address}",
            hint="remove .mcpreg/head.json to begin anew; everything is then uploaded once more",
        )
    return parse_inventory(identifier, found.data)


def read_live(bucket: Bucket, head: Head, wanted: Mapping[str, str]) -> Live:
    """What lies in the bucket at paths that deploys wrote, or that `wanted` will be written to.

    Only after a deploy that broke off, and before the first, does this ask the bucket for a list.
    """
    if head.current and not head.attempts:
        return live_of(read_inventory(bucket, head.current.inventory))
    current = read_inventory(bucket, head.current.inventory) if head.current else Inventory()
    attempts = [read_inventory(bucket, identifier) for identifier in head.attempts]
    if head.current is None:
        # Whatever another tool put here before is written over, and the rest is not ours to touch.
        attempts.append(Inventory(files=wanted))
    existing = {path for path in bucket.paths() if not path.startswith(f"{STATE}/")}
    return live_after(current, attempts, existing)
