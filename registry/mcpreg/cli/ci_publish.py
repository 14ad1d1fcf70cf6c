"""`mcpreg ci publish`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.leaving import left_out_document, left_out_option, say_left_out
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
@click.option(
    "--only-sign", is_flag=True, help="Publish nothing new; sign what is published again."
)
@left_out_option
@json_option
def command(  # noqa: PLR0917  # one parameter an option
    repo: Path,
    rev: str,
    online_key: str,
    reports: Path | None,
    bundles: Path | None,
    offline: bool,
    osv: Path | None,
    only_sign: bool,
    left_out: Path | None,
    as_json: bool,
) -> int:
    """Record and sign what REV has and the published branch lacks, on the local branch.

    A version that a check keeps out is left out, named on stderr; the others are published and the
    exit code is 1. The next run looks at it again.
    """
    from mcpreg.gitrepo import PUBLISHED
    from mcpreg.usecases.check import Options, check_unpublished
    from mcpreg.usecases.gather import Sources
    from mcpreg.usecases.handed import Handed, by_folder, read_handed
    from mcpreg.usecases.publish import publish

    now = datetime.now(UTC).replace(microsecond=0)
    if only_sign:
        handed = Handed()
    elif reports is None:
        options = Options(now, Sources(offline=offline, osv=osv), progress=progress)
        checked = check_unpublished(repo, rev, options)
        handed = Handed(by_folder(checked.reports), unjudged=checked.unjudged)
    else:
        handed = read_handed(reports, bundles)
    done = publish(
        repo,
        rev,
        online_key,
        now=now,
        environment=os.environ,
        handed=handed,
        only_sign=only_sign,
    )
    code = say_left_out(done.left_out, left_out)
    if as_json:
        data = {"commit": done.commit, "new": list(done.new), "total": done.total}
        data |= {"leftOut": left_out_document(done.left_out)}
        emit("ci publish", data | {"refusedReviews": list(done.refused_reviews)}, ok=not code)
        return code
    for sentence in done.refused_reviews:
        note(sentence)
    for version in done.new:
        click.echo(f"published {version}")
    out = f", {len(done.left_out)} left out" if done.left_out else ""
    click.echo(
        f"{PUBLISHED} is at {done.commit[:12]}: {done.total} versions, {len(done.new)} new{out}"
    )
    return code
