"""`mcpreg ci publish`: what a registry's own workflows call, and a person can run."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.output import emit, json_option


@click.group("ci")
def command() -> None:
    """What a registry's own workflows call."""


@command.command("publish")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@click.option("--rev", default="HEAD", show_default=True, help="What to publish.")
@click.option(
    "--online-key",
    required=True,
    envvar="MCPREG_ONLINE_KEY",
    metavar="URI",
    help="file:PATH, env:NAME or a KMS address.",
)
@json_option
def publish(repo: Path, rev: str, online_key: str, as_json: bool) -> None:
    """Record and sign what REV has and the published branch lacks, on the local branch."""
    from mcpreg.usecases.publish import BRANCH
    from mcpreg.usecases.publish import publish as run

    now = datetime.now(UTC).replace(microsecond=0)
    done = run(repo, rev, online_key, now=now, environment=os.environ)
    if as_json:
        emit("ci publish", {"commit": done.commit, "new": list(done.new), "total": done.total})
        return
    for version in done.new:
        click.echo(f"published {version}")
    click.echo(f"{BRANCH} is at {done.commit[:12]}: {done.total} versions, {len(done.new)} new")
