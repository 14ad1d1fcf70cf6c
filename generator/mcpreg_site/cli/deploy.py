"""`mcpreg-site deploy TARGET`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.output import clean, emit, json_option, note, progress
from mcpreg.errors import UsageError

if TYPE_CHECKING:  # boto3 loads slowly, and --help needs none of it
    from mcpreg_site.deploy.bucket import Bucket
    from mcpreg_site.deploy.s3 import Request


@click.command("deploy")
@click.argument("target")
@click.option(
    "--site",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("public"),
    show_default=True,
    help="The built site.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--list", "listing", is_flag=True, help="The publications that can be restored.")
@click.option(
    "--rollback",
    is_flag=False,
    flag_value=0,
    type=click.IntRange(min=0),
    metavar="[NUMBER]",
    help="Restore pages and API of a publication [default: the one before].",
)
@click.option(
    "--grace-days",
    type=click.FloatRange(min=0),
    default=7,
    show_default=True,
    help="How long what is no longer part of the site stays.",
)
@click.option("--no-compress", is_flag=True, help="Store pages uncompressed; CloudFront does it.")
@click.option("--jobs", type=click.IntRange(1, 256), default=16, show_default=True)
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    help="Seconds to wait for another deploy.",
)
@json_option
def command(
    *,
    target: str,
    site: Path,
    dry_run: bool,
    listing: bool,
    rollback: int | None,
    grace_days: float,
    no_compress: bool,
    jobs: int,
    wait: float,
    as_json: bool,
) -> None:
    """Bring a built site to TARGET: s3://BUCKET/PREFIX.

    Readers never meet a broken link, and a deploy that was killed is finished by the next.
    """
    from mcpreg_site.deploy.bucket import Bucket
    from mcpreg_site.deploy.s3 import Request

    if not target.startswith("s3://"):
        raise UsageError(f"{target} is no address of a bucket", hint="s3://BUCKET/PREFIX")
    bucket = Bucket(target, jobs)
    if listing:
        _list(bucket, as_json=as_json)
        return
    chosen = (
        _built(site, compress=not no_compress)
        if rollback is None
        else _restored(bucket, rollback or None)
    )
    request = Request(
        **chosen, grace=timedelta(days=grace_days), jobs=jobs, wait=wait, tell=progress
    )
    _run(bucket, request, dry_run=dry_run, as_json=as_json)


def _built(site: Path, *, compress: bool) -> dict[str, Any]:
    """What to deploy: a folder."""
    from mcpreg_site.deploy.bodies import FolderBodies
    from mcpreg_site.deploy.source import scan

    progress(f"reading {site}")
    source = scan(site)
    return {"bodies": FolderBodies(source, compress=compress), "commit": source.commit}


def _restored(bucket: Bucket, number: int | None) -> dict[str, Any]:
    """What to deploy: an earlier publication."""
    from mcpreg_site.deploy.bodies import KeptBodies
    from mcpreg_site.deploy.lease import read_head
    from mcpreg_site.deploy.rollback import find_publication, restored_files

    head = read_head(bucket)
    found = find_publication(head, number)
    files = restored_files(bucket, head, found)
    bodies = KeptBodies(bucket, files)
    return {"bodies": bodies, "commit": found.commit, "restores": found.number}


def _run(bucket: Bucket, request: Request, *, dry_run: bool, as_json: bool) -> None:
    from mcpreg_site.deploy import report
    from mcpreg_site.deploy.s3 import deploy, preview

    if dry_run:
        plan = preview(bucket, request)
        if as_json:
            emit("deploy", {"target": bucket.address, "dryRun": True, **report.plan_document(plan)})
        else:
            click.echo("\n".join(clean(line) for line in report.plan_lines(plan)))
        return
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
