"""`mcpreg ci approve`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.output import clean, emit, json_option


@click.command("approve")
@click.argument("name")
@click.option("--reason", required=True, help="Why this difference may be published.")
@click.option("--by", help="Who approves [default: as git knows you].")
@click.option(
    "--rev",
    default="HEAD",
    show_default=True,
    help="Where the version is: the branch of its pull request.",
)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@json_option
def command(*, name: str, reason: str, by: str | None, rev: str, repo: Path, as_json: bool) -> None:
    """Approve what NAME@VERSION may do beyond the last approved version.

    Writes reviews/…/approval.json into the work tree. It names that very difference: if the
    submission changes what it widens, it is held again.
    """
    from mcpreg.core.names import parse_reference
    from mcpreg.usecases.review import Decision, approve

    now = datetime.now(UTC).replace(microsecond=0)
    done = approve(repo, rev, Decision(parse_reference(name), reason, now, by))
    if as_json:
        emit("ci approve", {"path": done.path, "widened": list(done.told)})
        return
    for sentence in done.told:
        click.echo(f"approved: {clean(sentence)}")
    click.echo(f"wrote {clean(done.path)}; it counts once it is on main:")
    click.echo(f"  git add {clean(done.path)} && git commit -m {f'Approve {name}'!r}")
