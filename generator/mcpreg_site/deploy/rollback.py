"""Back to an earlier publication's pages and API, while TUF stays where it is (see `forward`)."""

from __future__ import annotations

from mcpreg.errors import McpregError
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.head import Head, Publication
from mcpreg_site.deploy.order import TIMESTAMP
from mcpreg_site.deploy.state import read_inventory


def find_publication(head: Head, number: int | None) -> Publication:
    """The publication to restore: that number, or the one before what is shown now.

    Raises:
        McpregError: there is none such, or it is the current one.
    """
    current = head.current
    shown = (current.restores or current.number) if current else 0
    found = [
        item
        for item in head.publications[:-1]
        if item.restores is None
        and (item.number < shown if number is None else item.number == number)
    ]
    if not found:
        raise McpregError(
            "there is no earlier publication to restore"
            if number is None
            else f"publication {number} is not one that can be restored",
            hint="mcpreg-site deploy TARGET --list",
        )
    return found[-1]


def restored_files(bucket: Bucket, head: Head, wanted: Publication) -> dict[str, str]:
    """The files after a rollback: pages and API of then, TUF of now, targets of both."""
    current = head.current
    assert current is not None  # noqa: S101  # find_publication found an earlier one
    then = read_inventory(bucket, wanted.inventory).files
    now = _visible_files(bucket, head)
    kept = {path: text for path, text in then.items() if not path.startswith("tuf/")}
    signed = {path: text for path, text in now.items() if path.startswith(("tuf/", "targets/"))}
    return {**kept, **signed}


def _visible_files(bucket: Bucket, head: Head) -> dict[str, str]:
    """The inventory whose timestamp readers can see: a broken-off deploy may have come that far."""
    found = bucket.look(TIMESTAMP)
    names = [item.inventory for item in head.publications[-1:]] + [*head.attempts]
    inventories = [read_inventory(bucket, name).files for name in reversed(names)]
    for files in inventories:
        if found is None or files.get(TIMESTAMP) == found.fingerprint:
            return dict(files)
    return dict(inventories[-1])
