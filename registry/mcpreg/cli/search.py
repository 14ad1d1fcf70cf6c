"""`mcpreg search WORD…`."""

from __future__ import annotations

import shutil

import click

from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.store.places import places

MAX_SHOWN = 30


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--refresh", is_flag=True, help="Ask the registries now, whatever is cached.")
@json_option
def command(words: tuple[str, ...], refresh: bool, as_json: bool) -> int:
    """Find servers by name, tool, tag or description; every word must occur."""
    from mcpreg.usecases.search import search

    hits = search(places(), words, refresh=refresh)
    if as_json:
        data = [{"registry": hit.registry, **hit.server} for hit in hits]
        emit("search", data, ok=bool(hits))
        return 0 if hits else 3
    if not hits:
        note(f"nothing matches {' '.join(words)!r}; mcpreg registry list shows where I looked")
        return 3
    width = shutil.get_terminal_size().columns
    for hit in hits[:MAX_SHOWN]:
        server = hit.server
        state = server.get("safety", "") if server["locked"] else "listed, not locked"
        click.echo(f"{click.style(clean(server['name']), bold=True)} {clean(server['version'])}")
        click.echo(clean(f"  {server['description']}")[: width - 1])
        tools = len(server.get("tools", ()))
        click.secho(clean(f"  {state} · {tools} tools · {hit.registry}"), dim=True)
    if len(hits) > MAX_SHOWN:
        note(f"and {len(hits) - MAX_SHOWN} more; add a word, or use --json")
    return 0
