"""Where a bearer token comes from. Never from an option itself: others can read command lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def token_options(command: _Command) -> _Command:
    """`--token-file` and `--token-env`."""
    file = click.option(
        "--token-file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="A file with a bearer token: for a remote server, or of --transport http.",
    )
    variable = click.option(
        "--token-env", metavar="NAME", help="The same, as a variable of the environment."
    )
    return file(variable(command))
