"""`mcpreg ci publish`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.output import emit, json_option, note, progress


@click.command("publish")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@click.option("--rev", default="HEAD", show_default=True, help="What to publish.")
@click.option(
    "--online-key",
    required=True,
    envvar="MCPREG_ONLINE_KEY",
    metavar="URI",
    help="file:PATH, env:NAME or a KMS address.",
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    help="What `mcpreg ci check` wrote; without it everything is checked now.",
)
@click.option(
    "--bundles",
    type=click.Path(path_type=Path, file_okay=False),
    help="What `mcpreg ci sign` wrote; a registry with mode sigstore needs it.",
)
@click.option("--offline", is_flag=True, help="Check nothing that needs a network.")
@click.option("--osv", type=click.Path(path_type=Path), help="An OSV export of advisories.")
@json_option
def command(  # noqa: PLR0917  # one parameter an option
    repo: Path,
    rev: str,
    online_key: str,
    reports: Path | None,
    bundles: Path | None,
    offline: bool,
    osv: Path | None,
    as_json: bool,
) -> None:
    """Record and sign what REV has and the published branch lacks, on the local branch."""
    from mcpreg.gitrepo import PUBLISHED
    from mcpreg.usecases.check import Options, check_unpublished
    from mcpreg.usecases.gather import Sources
    from mcpreg.usecases.handed import Handed, by_folder, read_handed
    from mcpreg.usecases.publish import publish

    now = datetime.now(UTC).replace(microsecond=0)
    if reports is None:
        options = Options(now, Sources(offline=offline, osv=osv), progress=progress)
        handed = Handed(by_folder(check_unpublished(repo, rev, options).reports))
    else:
        handed = read_handed(reports, bundles)
    done = publish(repo, rev, online_key, now=now, environment=os.environ, handed=handed)
    if as_json:
        data = {"commit": done.commit, "new": list(done.new), "total": done.total}
        emit("ci publish", data | {"refusedReviews": list(done.refused_reviews)})
        return
    for sentence in done.refused_reviews:
        note(sentence)
    for version in done.new:
        click.echo(f"published {version}")
    click.echo(f"{PUBLISHED} is at {done.commit[:12]}: {done.total} versions, {len(done.new)} new")
