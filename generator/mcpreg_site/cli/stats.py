"""`mcpreg-site stats`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import clean, emit, json_option, note, progress

if TYPE_CHECKING:
    from mcpreg_site.stats.count import Counted

_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command("stats")
@click.argument("logs", nargs=-1, required=True)
@click.option("--repo", type=_FOLDER, default=Path(), help="The registry [default: here].")
@click.option("--site", type=_FOLDER, help="A built site, instead of the published branch.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The counts so far, and then the new ones [default: stats/downloads.json in --repo].",
)
@click.option("--restart", is_flag=True, help="Forget the counts so far; give every log there is.")
@json_option
def command(
    *,
    logs: tuple[str, ...],
    repo: Path,
    site: Path | None,
    output: Path | None,
    restart: bool,
    as_json: bool,
) -> None:
    """Count downloads from LOGS: files, folders or s3://BUCKET/PREFIX.

    Reads S3 server access logs and CloudFront standard logs, gzip or not. A download is one client,
    once a day, that fetched the lock of one version; bots are left out. A day is counted once, two
    days later, so the same logs can be given again.
    """
    from mcpreg.core.downloads import MAX_DOWNLOADS_BYTES, Downloads, parse_downloads
    from mcpreg.store.files import write_atomic
    from mcpreg_site.stats.count import count
    from mcpreg_site.stats.logs import find
    from mcpreg_site.stats.versions import from_branch, from_site

    target = output or repo / "stats" / "downloads.json"
    before = Downloads()
    if target.exists() and not restart:
        with target.open("rb") as stream:
            before = parse_downloads(stream.read(MAX_DOWNLOADS_BYTES + 1))
    locks = from_site(site) if site else from_branch(repo)
    done = count(find(logs), locks, before, datetime.now(UTC).date(), progress)
    write_atomic(target, done.downloads.canonical())
    if as_json:
        emit("stats", _document(done, target))
    else:
        _print(done, target)


def _document(done: Counted, target: Path) -> dict[str, object]:
    return {
        "path": str(target),
        "through": done.downloads.through,
        "days": [day.isoformat() for day in done.days],
        "files": done.files,
        "skipped": done.skipped,
        "leftOut": dict(done.left_out),
        "torn": list(done.torn),
    }


def _print(done: Counted, target: Path) -> None:
    for torn in done.torn:
        note(f"read as far as possible: {torn}")
    servers = done.downloads.servers.values()
    click.echo(
        f"{done.files} files read, {done.skipped} older ones not; "
        f"{len(done.days)} days with downloads counted, through {done.downloads.through or 'none'}"
    )
    click.echo(f"{sum(item.total for item in servers)} downloads of {len(servers)} servers in all")
    for kind, number in done.left_out.most_common():
        click.echo(f"left out: {number} by {kind}")
    click.echo(f"wrote {clean(str(target))}")
