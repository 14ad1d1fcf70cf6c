"""`mcpreg search WORD…`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import clean, emit, json_option, note, offline_option
from mcpreg.store.places import places

if TYPE_CHECKING:
    from mcpreg.usecases.search import Hit

TIERS = ("unverified", "community-trusted", "security-audited", "certified")


@click.command("search")
@click.argument("words", nargs=-1)
@click.option("--limit", type=click.IntRange(0), default=20, help="Show so many; 0 means all.")
@click.option("--tag", help="Only servers with this tag.")
@click.option("--tier", type=click.Choice(TIERS), default=TIERS[0], help="This tier or a higher.")
@click.option("--locked", is_flag=True, help="Only what can be installed as it is.")
@click.option("--refresh", is_flag=True, help="Ask the registries now, whatever is cached.")
@click.option("--download", is_flag=True, help="Fetch the whole index, to search offline later.")
@offline_option
@json_option
def command(
    *,
    words: tuple[str, ...],
    limit: int,
    tag: str | None,
    tier: str,
    locked: bool,
    refresh: bool,
    download: bool,
    as_json: bool,
) -> int:
    """Find servers by name, tool, tag, description or publisher, best first.

    Without words: the newest. The last word may be unfinished.
    """
    from mcpreg.usecases import search

    if download:
        count = search.download(places())
        note(f"{count} parts of search indexes are here and verified")
    wanted = search.Wanted(" ".join(words), tag.lower() if tag else None, tier, locked, limit)
    found = search.search(places(), wanted, refresh=refresh, note=note)
    if as_json:
        data = [{"registry": hit.registry, **hit.document.public()} for hit in found.hits]
        emit("search", data, ok=bool(found.hits))
        return 0 if found.hits else 3
    if not found.hits:
        note(f"nothing matches {' '.join(words)!r}; mcpreg registry list shows where I looked")
        return 3
    width = shutil.get_terminal_size().columns
    for hit in found.hits:
        _show(hit, width)
    if found.more:
        note("and more; add a word, or raise --limit")
    return 0


def _show(hit: Hit, width: int) -> None:
    server = hit.document
    state = server.safety if server.locked else "listed, not locked"
    status = "" if server.status == "active" else f" · {server.status}"
    met = f" · {hit.why[0]} {hit.why[1]}" if hit.why else ""
    click.echo(f"{click.style(clean(server.name), bold=True)} {clean(server.version)}")
    click.echo(clean(f"  {server.description}")[: width - 1])
    facts = f"  {state}{status} · {len(server.tools)} tools{met} · {hit.registry}"
    click.secho(clean(facts), dim=True)
