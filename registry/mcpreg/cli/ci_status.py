"""What `mcpreg ci deprecate`, `delete` and `restore` have in common."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.output import clean, emit, json_option, note

if TYPE_CHECKING:
    from mcpreg.core.origin import Status


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """NAME, --message, --repo and --json."""
    for option in (
        json_option,
        click.option(
            "--repo", type=click.Path(path_type=Path), default=Path(), help="The repository."
        ),
        click.option("--message", help="One line for people: why, and what to use instead."),
        click.argument("name"),
    ):
        function = option(function)
    return function


def set_status(
    verb: str,
    status: Status,
    name: str,
    message: str | None,
    repo: Path,
    *,
    as_json: bool,
    takedown: bool = False,
) -> None:
    """Write the marks into the work tree, and say what to commit."""
    from mcpreg.core.names import parse_reference
    from mcpreg.usecases.status import mark

    now = datetime.now(UTC).replace(microsecond=0)
    done = mark(repo, parse_reference(name), status, message, now, takedown=takedown)
    if as_json:
        emit(
            f"ci {verb}",
            {"paths": list(done.paths), "versions": list(done.versions), "left": list(done.left)},
        )
        return
    for left in done.left:
        note(f"left alone: {left}")
    for path in done.paths:
        click.echo(f"wrote {clean(path)}")
    click.echo("it counts once it is on main:")
    click.echo(f"  git add {clean(' '.join(done.paths))}")
    click.echo(f"  git commit -m {f'{verb.capitalize()} {name}'!r}")
