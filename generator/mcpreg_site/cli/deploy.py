"""`mcpreg-site deploy TARGET`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from mcpreg.cli.output import clean, emit, json_option, note, progress
from mcpreg.core import canonical
from mcpreg.errors import UsageError
from mcpreg_site.cli.deploy_s3 import Choice, deploy_to_bucket

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("deploy")
@click.argument("target", required=False)
@click.option(
    "--site", type=_FOLDER, default=Path("public"), show_default=True, help="The built site."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--keep-from", metavar="FOLDER|URL", help="The site before [default: TARGET's own].")
@click.option("--list", "listing", is_flag=True, help="S3: the publications that can be restored.")
@click.option(
    "--rollback",
    is_flag=False,
    flag_value=0,
    type=click.IntRange(min=0),
    metavar="[NUMBER]",
    help="S3: restore pages and API of a publication [default: the one before].",
)
@click.option(
    "--grace-days",
    type=click.FloatRange(min=0),
    default=7,
    show_default=True,
    help="How long what is no longer part of the site stays.",
)
@click.option(
    "--no-compress", is_flag=True, help="S3: store pages uncompressed; CloudFront does it."
)
@click.option(
    "--cloudfront-distribution", "distribution", metavar="ID", help="S3: tell its caches."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=16, show_default=True, help="S3.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    help="S3: seconds to wait for another deploy.",
)
@click.option(
    "--cloudfront-files", "edge", type=_FOLDER, help="Write CloudFront's function and policy there."
)
@json_option
def command(
    *,
    target: str | None,
    site: Path,
    dry_run: bool,
    keep_from: str | None,
    edge: Path | None,
    as_json: bool,
    **choices: Any,  # noqa: ANN401  # the members of Choice, but for the grace
) -> None:
    """Bring a built site to TARGET: a folder, or s3://BUCKET/PREFIX.

    Readers never meet a broken link, and a deploy that was killed is finished by the next.
    """
    if edge is not None:
        _write_edge(edge, as_json=as_json)
    if target is None:
        if edge is None:
            raise UsageError("where to?", hint="mcpreg-site deploy FOLDER, or s3://BUCKET/PREFIX")
        return
    grace = timedelta(days=choices.pop("grace_days"))
    choice = Choice(site=site, dry_run=dry_run, grace=grace, as_json=as_json, **choices)
    if target.startswith("s3://"):
        if keep_from is not None:
            raise UsageError("--keep-from is for folders: a bucket keeps what was there by itself")
        deploy_to_bucket(target, choice)
        return
    if choice.is_for_buckets:
        raise UsageError(
            "a folder has no publications and no CloudFront", hint="s3://BUCKET/PREFIX"
        )
    _to_folder(Path(target), choice, keep_from)


def _to_folder(target: Path, choice: Choice, keep_from: str | None) -> None:
    from mcpreg_site.deploy.folder import deploy_folder, plan_folder
    from mcpreg_site.deploy.previous import previous_at
    from mcpreg_site.deploy.source import scan
    from mcpreg_site.publish import is_site

    progress(f"reading {choice.site}")
    source = scan(choice.site)
    place = keep_from or (str(target) if is_site(target) else None)
    previous = previous_at(place) if place else None
    plan = plan_folder(source, previous, datetime.now(UTC), choice.grace)
    if not choice.dry_run:
        progress(f"writing {len(source.files) + len(plan.kept)} files")
        deploy_folder(plan, target)
    if choice.as_json:
        data = {"target": str(target), "dryRun": choice.dry_run, "commit": source.commit}
        counts = {"files": len(source.files), "kept": sorted(plan.kept)}
        emit("deploy", {**data, **counts, "dropped": [*plan.dropped]})
        return
    if choice.dry_run:
        click.echo("".join(f"  keep   {clean(path)}\n" for path in sorted(plan.kept)), nl=False)
        click.echo("".join(f"  drop   {clean(path)}\n" for path in plan.dropped), nl=False)
    click.echo(
        f"{clean(str(target))}: {len(source.files)} files, "
        f"{len(plan.kept)} more of earlier sites{', not written' if choice.dry_run else ''}"
    )


def _write_edge(folder: Path, *, as_json: bool) -> None:
    from mcpreg.store.files import write_atomic
    from mcpreg_site.deploy import edge

    policy = canonical.pretty(edge.headers_policy("mcpreg"))
    write_atomic(folder / edge.POLICY_FILE, policy)
    write_atomic(folder / edge.FUNCTION_FILE, edge.rewrite_function().encode())
    if not as_json:
        note(f"wrote {folder / edge.FUNCTION_FILE} and {folder / edge.POLICY_FILE}")
