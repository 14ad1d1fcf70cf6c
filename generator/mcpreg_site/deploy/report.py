"""What a deploy did or would do, as JSON values and as words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from mcpreg_site.deploy.head import Head
from mcpreg_site.deploy.plan import Plan
from mcpreg_site.deploy.s3 import Deployed


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan: counts, and every path by what is done with it."""
    inventory = plan.inventory
    steps = Counter(upload.step.name.lower() for upload in plan.uploads)
    return {
        "files": len(inventory.files),
        "unchanged": len(inventory.files) - len(plan.uploads),
        "steps": dict(steps),
        "uploads": [upload.path for upload in plan.uploads],
        "copied": len(plan.copies),
        "retained": len(inventory.retained),
        "deleted": [*inventory.expired_paths],
    }


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan in words, one step a line, then each file."""
    inventory = plan.inventory
    yield (
        f"{len(plan.uploads)} of {len(inventory.files)} files to write, "
        f"{len(plan.copies)} kept for a rollback, {len(inventory.retained)} older ones stay, "
        f"{len(inventory.expired_paths)} are deleted"
    )
    for upload in sorted(plan.uploads, key=lambda upload: (upload.step, upload.path)):
        yield f"  {upload.step.name.lower():9} {'+' if upload.new else '~'} {upload.path}"
    for path in inventory.expired_paths:
        yield f"  {'delete':9} - {path}"


def done_document(target: str, done: Deployed) -> dict[str, Any]:
    """What was done; the paths are left out, they may be a hundred thousand."""
    document = plan_document(done.plan)
    document["uploads"] = len(done.plan.uploads)
    document["deleted"] = len(done.plan.inventory.expired_paths)
    return {
        "target": target,
        "publication": done.publication,
        "inventory": done.inventory,
        **document,
        "bytes": done.sent,
        "resumed": done.resumed,
        "conditionalWrites": done.conditional,
    }


def publications(head: Head) -> list[dict[str, Any]]:
    """The publications that can be restored, the current one last."""
    return [
        item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in head.publications
    ]


def publication_lines(head: Head) -> Iterator[str]:
    """The same in words."""
    for item in head.publications:
        restored = f", restores {item.restores}" if item.restores else ""
        now = "  (current)" if item is head.current else ""
        yield (
            f"{item.number:5}  {item.at}  {item.commit[:12] or '-':12}  "
            f"{item.files} files{restored}{now}"
        )
    if head.attempts:
        yield "the last deploy broke off; deploy again to finish it"
