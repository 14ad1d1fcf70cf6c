"""`mcpreg help [TOPIC]`: the texts in `topics/`, which tests hold to the code."""

from __future__ import annotations

import click

from mcpreg.errors import NotFoundError
from mcpreg.store.places import places

TOPICS = {
    "capabilities": "what a server may do, and how that is written",
    "policy": "what this machine allows, and what you are asked",
    "trust": "what is verified, and what that says",
    "exit-codes": "what each number means",
    "files": "what lies where on this machine",
}


def _completions(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    group = ctx.find_root().command
    commands = group.list_commands(ctx) if isinstance(group, click.Group) else []
    return [name for name in (*TOPICS, *commands) if name.startswith(incomplete)]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_completions)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Explain TOPIC: capabilities, policy, trust, exit-codes, files, or a command."""
    root = ctx.find_root()
    if topic is None:
        click.echo("Topics:\n")
        for name, text in TOPICS.items():
            click.echo(f"  mcpreg help {name:15} {text}")
        click.echo("\nEvery command explains itself: mcpreg help COMMAND")
    elif topic in TOPICS:
        _show(text_of(topic))
    elif isinstance(root.command, click.Group) and (found := root.command.get_command(root, topic)):
        with click.Context(found, info_name=topic, parent=root) as inner:
            click.echo(found.get_help(inner))
    else:
        raise NotFoundError(f"no topic {topic!r}", hint=f"one of {', '.join(TOPICS)}, or a command")


def text_of(topic: str) -> str:
    """The topic's Markdown, with this person's folders where it names them."""
    from importlib.resources import files

    text = files("mcpreg.cli").joinpath("topics", f"{topic}.md").read_text("utf-8")
    where = places()
    for kind in ("config", "data", "cache", "state"):
        text = text.replace(f"{{{kind}}}", str(getattr(where, kind)))
    return text


def _show(text: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(soft_wrap=False)
    # A reader of long lines in a pipe wants them whole; a person wants columns.
    console.print(Markdown(text), width=min(console.width, 100) if console.is_terminal else 100)
