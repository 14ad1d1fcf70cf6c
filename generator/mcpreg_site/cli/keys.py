"""`mcpreg-site keys init`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.output import emit, json_option
from mcpreg.store.places import places


@click.group("keys")
def command() -> None:
    """Make the keys a registry signs with."""


@command.command("init")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@click.option(
    "--keys",
    "folder",
    type=click.Path(path_type=Path),
    help="Where the private keys go; outside the repository.",
)
@json_option
def init(repo: Path, folder: Path | None, as_json: bool) -> None:
    """Make three offline keys (two must sign) and one online key, and the first signed root."""
    from mcpreg.usecases.keys import init_keys  # cryptography loads slowly

    folder = (folder or places().data / "keys" / repo.resolve().name).resolve()
    made = init_keys(repo.resolve(), folder, datetime.now(UTC).replace(microsecond=0))
    if as_json:
        emit(
            "keys init",
            {
                "keys": str(made.folder),
                "rootSha256": made.root,
                "onlineKey": made.online_uri,
                "commit": [str(path) for path in made.committed],
            },
        )
        return
    click.echo(f"private keys   {made.folder}  (take the offline ones off this machine)")
    click.echo(f"root SHA-256   {made.root}  (tell your users, somewhere else than the site)")
    click.echo(f"online key     {made.online_uri}")
    click.echo("next: commit trust/, then mcpreg ci publish --online-key " + made.online_uri)
