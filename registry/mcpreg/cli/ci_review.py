"""`mcpreg ci review`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import click

from mcpreg.cli.output import clean, emit, json_option

_YEAR = timedelta(days=365)


@click.command("review")
@click.argument("name")
@click.option(
    "--kind",
    required=True,
    type=click.Choice(["security-audit", "certification"]),
    help="A review by the Security Council, or a third party's assessment.",
)
@click.option("--result", required=True, type=click.Choice(["passed", "failed"]))
@click.option("--report", required=True, metavar="URL", help="Where people read it all.")
@click.option("--key", required=True, metavar="URI", help="file:PATH, env:NAME or a KMS.")
@click.option("--reviewer", help="Whose key it is [default: the only one who may].")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The last day on which it counts [default: in a year].",
)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@json_option
def command(
    *,
    name: str,
    kind: Literal["security-audit", "certification"],
    result: str,
    report: str,
    key: str,
    reviewer: str | None,
    expires: datetime | None,
    repo: Path,
    as_json: bool,
) -> None:
    """Sign a review of NAME@VERSION; a passed one lifts its tier.

    Writes reviews/…/KIND.dsse.json into the work tree. It names the digests of manifest and lock,
    so it is about those very bytes. mcpreg.toml says whose keys count.
    """
    from mcpreg.core.names import parse_reference
    from mcpreg.usecases.review import Verdict, write_review

    now = datetime.now(UTC).replace(microsecond=0)
    last = expires.date() if expires else now.date() + _YEAR
    done = write_review(
        repo,
        parse_reference(name),
        Verdict(kind, result == "passed", report, last, reviewer),
        key,
        now=now,
        environment=os.environ,
    )
    if as_json:
        emit("ci review", {"path": done.path, "review": list(done.told)})
        return
    for sentence in done.told:
        click.echo(clean(sentence))
    click.echo(f"wrote {clean(done.path)}; it counts once it is on main:")
    click.echo(f"  git add {clean(done.path)} && git commit -m {f'Review {name}'!r}")
