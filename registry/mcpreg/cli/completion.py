"""`mcpreg completion SHELL`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from mcpreg.errors import UsageError

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_MCPREG_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete our commands and installed servers.

    bash: mcpreg completion bash > ~/.local/share/bash-completion/completions/mcpreg

    zsh: mcpreg completion zsh > a file called _mcpreg in a folder of $fpath

    fish: mcpreg completion fish > ~/.config/fish/completions/mcpreg.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise UsageError(f"no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "mcpreg", VARIABLE).source())
