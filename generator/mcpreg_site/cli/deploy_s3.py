"""`mcpreg-site deploy s3://…`: parse, one call, print."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.output import clean, emit, note, progress

if TYPE_CHECKING:  # boto3 loads slowly, and --help needs none of it
    from mcpreg_site.deploy.bucket import Bucket
    from mcpreg_site.deploy.s3 import Request


@dataclass(frozen=True)
class Choice:
    """What the command line says. `rollback` 0 is the publication before."""

    site: Path
    dry_run: bool
    grace: timedelta
    as_json: bool
    listing: bool
    rollback: int | None
    no_compress: bool
    distribution: str | None
    jobs: int
    wait: float

    @property
    def is_for_buckets(self) -> bool:
        """Whether an option was given that makes no sense for a folder."""
        return (
            self.listing
            or self.rollback is not None
            or self.no_compress
            or self.distribution is not None
        )


def deploy_to_bucket(target: str, choice: Choice) -> None:
    """List, preview, restore or deploy."""
    from mcpreg_site.deploy.bucket import Bucket
    from mcpreg_site.deploy.cloudfront import Distribution
    from mcpreg_site.deploy.s3 import Request

    bucket = Bucket(target, choice.jobs)
    if choice.listing:
        _list(bucket, as_json=choice.as_json)
        return
    distribution = Distribution(choice.distribution) if choice.distribution else None
    if distribution and not choice.dry_run:
        distribution.require()
    request = Request(
        **_what(bucket, choice),
        grace=choice.grace,
        jobs=choice.jobs,
        wait=choice.wait,
        invalidate=distribution.invalidate if distribution else None,
        tell=progress,
    )
    if choice.dry_run:
        _preview(bucket, request, as_json=choice.as_json)
    else:
        _deploy(bucket, request, as_json=choice.as_json)


def _what(bucket: Bucket, choice: Choice) -> dict[str, Any]:
    """The folder, or the publication to restore."""
    from mcpreg_site.deploy.bodies import FolderBodies, KeptBodies
    from mcpreg_site.deploy.lease import read_head
    from mcpreg_site.deploy.rollback import find_publication, restored_files
    from mcpreg_site.deploy.source import scan

    if choice.rollback is None:
        progress(f"reading {choice.site}")
        source = scan(choice.site)
        bodies = FolderBodies(source, compress=not choice.no_compress)
        return {"bodies": bodies, "commit": source.commit}
    head = read_head(bucket)
    found = find_publication(head, choice.rollback or None)
    files = restored_files(bucket, head, found)
    restored = KeptBodies(bucket, files)
    return {"bodies": restored, "commit": found.commit, "restores": found.number}


def _preview(bucket: Bucket, request: Request, *, as_json: bool) -> None:
    from mcpreg_site.deploy import report
    from mcpreg_site.deploy.s3 import preview

    plan = preview(bucket, request)
    if as_json:
        emit("deploy", {"target": bucket.address, "dryRun": True, **report.plan_document(plan)})
    else:
        click.echo("\n".join(clean(line) for line in report.plan_lines(plan)))


def _deploy(bucket: Bucket, request: Request, *, as_json: bool) -> None:
    from mcpreg_site.deploy import report
    from mcpreg_site.deploy.s3 import deploy

    done = deploy(bucket, request)
    if not done.conditional:
        note("this host ignores conditional writes: see to it that only one deploy runs at a time")
    if as_json:
        emit("deploy", report.done_document(bucket.address, done))
        return
    click.echo(
        f"{clean(bucket.address)}: publication {done.publication}, "
        f"{len(done.plan.uploads)} of {len(done.plan.inventory.files)} files written, "
        f"{done.sent / 1024:,.0f} KiB"
    )


def _list(bucket: Bucket, *, as_json: bool) -> None:
    from mcpreg_site.deploy import report
    from mcpreg_site.deploy.lease import read_head

    head = read_head(bucket)
    if as_json:
        found = report.publications(head)
        emit("deploy", {"target": bucket.address, "publications": found})
    else:
        click.echo("\n".join(clean(line) for line in report.publication_lines(head)))
