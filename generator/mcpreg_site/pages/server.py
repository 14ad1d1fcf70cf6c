"""A server's page, and a page a version with what changed in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

from markupsafe import Markup

from mcpreg_site.catalog import Catalog, Server, Version
from mcpreg_site.pages.cards import KINDS, NOT_STATED
from mcpreg_site.pages.clients import Snippet, by_address, snippets
from mcpreg_site.pages.difference import Changes, changes
from mcpreg_site.pages.environment import Pages
from mcpreg_site.pages.install import needed_arguments, run_command, settings
from mcpreg_site.pages.linked_data import linked_data
from mcpreg_site.pages.provenance import provenance
from mcpreg_site.pages.reach import hosts
from mcpreg_site.pages.report import report
from mcpreg_site.pages.toolset import tool_view
from mcpreg_site.paths import page_file, server_url, version_url
from mcpreg_site.routes import api_url
from mcpreg_site.tree import Content

_Shared = Callable[[Version], dict[str, object]]
_NEGATIVE = ("cannot ", "receives no ", "never ", "has no ")


@dataclass(frozen=True, slots=True)
class Reach:
    """What it may touch: the sentences, those that allow and those that deny.

    `why` are the findings that the level rests on; empty when it is safe. Where nothing is `held`
    to what it declares, nothing is denied either.
    """

    level: str
    held: bool
    why: tuple[str, ...]
    may: tuple[str, ...]
    cannot: tuple[str, ...]


def server_pages(catalog: Catalog, server: Server, pages: Pages) -> Iterator[tuple[str, Content]]:
    """The server's own page, then its versions'."""
    shared = lru_cache(maxsize=1)(partial(_shared, catalog, server, pages))  # the latest is on both
    yield page_file(server_url(server.name)), partial(_server, catalog, server, pages, shared)
    for version, older in pairwise((*server.history, None)):
        if version is not None:
            url = version_url(server.name, version.version)
            yield page_file(url), partial(_version, version, older, pages, shared)


def reach(version: Version) -> Reach:
    """The sentences of the safety level, the denials apart; a remote server runs unheld.

    A listed version was locked by nobody, so its sentences are no more than what it declares.
    """
    judged = version.safety
    said = judged.sentences
    if version.manifest.is_remote:
        where = ", ".join(hosts(version.manifest)) or "another host"
        said = (f"runs at {where}, where no sandbox of yours holds it", *said)
    denials = tuple(sentence for sentence in said if sentence.startswith(_NEGATIVE))
    held = not version.entry.is_listed
    return Reach(
        level=str(version.level or NOT_STATED),
        held=held,
        why=tuple(r.sentence for r in judged.reasons if r.level is version.level),
        may=tuple(sentence for sentence in said if sentence not in denials),
        cannot=denials if held else (),
    )


def _shared(catalog: Catalog, server: Server, pages: Pages, version: Version) -> dict[str, object]:
    """The values of both pages, and the sections that stand on both, printed."""
    manifest = version.manifest
    installable = (
        catalog.signed and version.locked and version.indexed is not None and not version.deleted
    )
    card = report(version.entry.record)
    tools = [tool_view(tool) for tool in manifest.capabilities.tools]
    kinds = [KINDS[package.registry_type] for package in manifest.packages or ()]
    api = api_url(server.name, version.version)
    proven = provenance(catalog, version)
    return {
        "server": server,
        "version": version,
        "manifest": manifest,
        "title": manifest.title or server.name.rpartition("/")[2],
        "remote": manifest.is_remote,
        "installable": installable,
        "standing": pages.section("part", "standing", version),
        "touch": pages.section("part", "touch", reach(version)),
        "toolset": pages.section("part", "toolset", tools, manifest),
        "report": pages.section("cards", "card", card) if card else "",
        "provenance": pages.section("part", "provenance", version, installable, proven),
        "facts": pages.section("part", "facts", version, manifest, kinds, api),
    }


def _server(catalog: Catalog, server: Server, pages: Pages, shared: _Shared) -> bytes:
    latest = server.latest
    text = latest.entry.readme
    values = shared(latest)
    return pages.page(
        "server.html",
        url=server_url(server.name),
        command=run_command(latest),
        snippets=_snippets(latest, installable=bool(values["installable"])),
        needed=_placeholders(latest),
        settings=settings(latest.manifest),
        linked_data=linked_data(catalog, latest),
        # Safe to mark: the sanitiser's output.
        readme=Markup(pages.readmes.render(text)) if text else None,  # noqa: S704
        **values,
    )


def _snippets(version: Version, *, installable: bool) -> tuple[Snippet, ...]:
    if installable:
        return snippets(version)
    return by_address(version) if version.manifest.is_remote and not version.deleted else ()


def _placeholders(version: Version) -> list[str]:
    if version.manifest.is_remote:
        return []
    return [word for word in needed_arguments(version.manifest) if not word.startswith("-")]


def _version(version: Version, older: Version | None, pages: Pages, shared: _Shared) -> bytes:
    changed: Changes | None = None
    if older is not None:
        changed = changes(older.entry, version.entry)
    return pages.page(
        "version.html",
        url=version_url(version.name, version.version),
        command=run_command(version, pinned=True),
        older=older,
        changed=changed,
        **shared(version),
    )
