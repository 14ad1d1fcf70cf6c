"""`mcpreg ci except`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.output import clean, emit, json_option


@click.command("except")
@click.argument("name")
@click.argument("rule")
@click.option("--reason", required=True, help="Why this version need not pass the rule.")
@click.option(
    "--expires",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The last day on which it need not, within a year.",
)
@click.option("--by", help="Who grants it [default: as git knows you].")
@click.option(
    "--rev",
    default="HEAD",
    show_default=True,
    help="Where the version is: the branch of its pull request.",
)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@json_option
def command(
    *,
    name: str,
    rule: str,
    reason: str,
    expires: datetime,
    by: str | None,
    rev: str,
    repo: Path,
    as_json: bool,
) -> None:
    """Excuse NAME@VERSION from RULE, until a day and in the open.

    Writes reviews/…/exceptions.json into the work tree. The failure becomes a warning that shows
    the reason, the day and who granted it. Rules about identity and signatures have no exceptions.
    """
    from mcpreg.core.names import parse_reference
    from mcpreg.usecases.review import Decision, except_rule

    now = datetime.now(UTC).replace(microsecond=0)
    decision = Decision(parse_reference(name), reason, now, by)
    done = except_rule(repo, rev, decision, rule, expires.date())
    if as_json:
        emit("ci except", {"path": done.path, "exceptions": list(done.told)})
        return
    for sentence in done.told:
        click.echo(f"excepted: {clean(sentence)}")
    click.echo(f"wrote {clean(done.path)}; it counts once it is on main:")
    click.echo(f"  git add {clean(done.path)} && git commit -m {f'Except {name} from {rule}'!r}")
