"""`/api/v1/registry`: the registry as ToolHive's clients read it, in two forms.

`toolhive` is the registry document of ToolHive itself, `upstream` its envelope around official
server.json documents. For each form there are four kinds of document: `info`, `servers` (the whole
list), `servers/<name>` (one entry), and `omitted` (what the form cannot hold, and why).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from mcpreg.formats.registry import FORMATS as WRITERS
from mcpreg_site import paths
from mcpreg_site.api.held import GROUPS, HELD, Held, dump
from mcpreg_site.api.held_together import NOTHING, Together, together
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.memo import Memo
from mcpreg_site.routes import FORMS, VIEWS
from mcpreg_site.tree import WHOLE, Content, Own, Part, Tree

_ROOT = VIEWS.removeprefix("/")
FORM_VERSION = "1.0.0"  # of the registry document, which both schemas ask for
Json = dict[str, Any]
Text = bytes | memoryview


def views(catalog: Catalog, memo: Memo) -> Tree:
    """The documents of both forms.

    The lists are not cut into pages, however long they get: neither form knows pages, and what a
    client asks for here is the whole document. Clients that page use `/v0.1/servers`. A server is
    written once; its entry stands in its own document and in the list.
    """
    beaten = {form: _beaten(form, catalog.shown) for form in FORMS}
    parts = [
        Part(
            f"views {form}",
            catalog.key("views", form, catalog.whole, catalog.updated, catalog.commit),
            partial(_form, catalog, form, beaten[form], memo),
            WHOLE,
        )
        for form in FORMS
    ]
    lost = {name: _beside(beaten, name) for name in frozenset().union(*beaten.values())}
    own = Own(catalog.servers, partial(_own, beaten), lambda server: lost.get(server.name, ""))
    return Tree({}, parts, [own])


def _beaten(form: str, servers: Iterable[Server]) -> frozenset[str]:
    """In ToolHive's form the first of several servers with one short name has it."""
    first: dict[str, str] = {}
    keys = ((server.name, HELD[form].brief(server)) for server in servers)
    return frozenset(name for name, key in keys if key and first.setdefault(key, name) != name)


def _beside(beaten: Mapping[str, frozenset[str]], name: str) -> str:
    return " ".join(form for form in FORMS if name in beaten[form])


def _own(beaten: Mapping[str, frozenset[str]], server: Server) -> dict[str, Content]:
    if server.deleted:
        return {}
    found: dict[str, Content] = {}
    for form in FORMS:
        (held,) = HELD[form].each([server])
        if held.entry and server.name not in beaten[form]:
            found |= _documents(form, server.name, held)
    return found


def _documents(form: str, name: str, held: Held) -> dict[str, Content]:
    # In ToolHive's a server goes by the last part of its name; the whole name is answered too.
    names = {held.key, name} if form == "toolhive" else {held.key}
    text = held.entry
    if form == "toolhive":
        text = dump({"name": held.key, **json.loads(text)}).encode()
    return {f"{_ROOT}/{form}/servers/{paths.name_path(n)}.json": text for n in names}


def _form(catalog: Catalog, form: str, beaten: frozenset[str], memo: Memo) -> dict[str, Content]:
    found = list(together(form, catalog, beaten, memo)) or [NOTHING]
    *entries, left_out, reduced = zip(*(each.texts for each in found), strict=True)
    folder = f"{_ROOT}/{form}"
    omitted = (b'{"servers":[', *_commas(left_out), b'],"parts":[', *_commas(reduced), b"]}")
    return {
        f"{folder}/servers.json": _document(catalog, form, entries),
        f"{folder}/info.json": dump(_info(catalog, form, found)).encode(),
        f"{folder}/omitted.json": b"".join(omitted),
    }


def _commas(texts: Iterable[Text]) -> list[Text]:
    """Lists of JSON values as the pieces of one list."""
    pieces: list[Text] = []
    for text in texts:
        if text:
            pieces += (b",", text)
    return pieces[1:]


def _document(catalog: Catalog, form: str, entries: Sequence[Sequence[Text]]) -> bytes:
    """The document of an empty registry, with the entries' own texts put in."""
    document = json.loads(*WRITERS[form].write([]).files.values())
    # The form knows only the entries that are left; a deletion is news as well.
    (document if form == "toolhive" else document["meta"])["last_updated"] = catalog.updated
    place = document if form == "toolhive" else document["data"]
    listed = dict(zip(GROUPS, map(_commas, entries), strict=True))
    groups = [group for group in GROUPS if listed[group] or group == GROUPS[0]]
    place |= dict.fromkeys(groups)
    opening, closing = (b"{", b"}") if form == "toolhive" else (b"[", b"]")
    rest = dump(document).encode()
    pieces: list[Text] = []
    for group in groups:
        before, hole, rest = rest.partition(f'"{group}":null'.encode())
        pieces += (before, hole.removesuffix(b"null"), opening, *listed[group], closing)
    return b"".join((*pieces, rest))


def _info(catalog: Catalog, form: str, found: Sequence[Together]) -> Json:
    return {
        "version": FORM_VERSION,
        "last_updated": catalog.updated,
        "source": catalog.registry.base_url,
        "total_servers": sum(each.held for each in found),
        # Ours, beyond what ToolHive's own server says.
        "name": catalog.registry.name,
        "format": form,
        "commit": catalog.commit,
        "omitted_servers": sum(each.left_out for each in found),
        "reduced_servers": sum(each.reduced for each in found),
        "omitted": f"{VIEWS}/omitted?format={form}",
    }
