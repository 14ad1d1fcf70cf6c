"""`/api/v1/registry`: the registry as ToolHive's clients read it, in two forms.

`toolhive` is the registry document of ToolHive itself, `upstream` its envelope around official
server.json documents. For each form there are four kinds of document: `info`, `servers` (the whole
list), `servers/<name>` (one entry), and `omitted` (what the form cannot hold, and why).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mcpreg.formats.interface import Loss
from mcpreg.formats.registry import FORMATS
from mcpreg_site import paths
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.export import exported
from mcpreg_site.routes import FORMS, VIEWS
from mcpreg_site.summary import Large
from mcpreg_site.tree import WHOLE, Content, Own, Part, Tree

_ROOT = VIEWS.removeprefix("/")
FORM_VERSION = "1.0.0"  # of the registry document, which both schemas ask for
Json = dict[str, Any]


_Losses = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a form holds of one server: an entry as JSON, or none, and what is lost.

    `group` is where in the document it goes, `key` what it goes by there. `beaten` is what is lost
    where another server goes by that key already.
    """

    group: str
    key: str
    entry: bytes
    losses: _Losses
    beaten: _Losses = ()


def _held(form: str, server: Server) -> Held:
    if server.deleted:
        return Held("", "", b"", ())
    alone = _written(form, [server])
    if not alone.entry or alone.key == server.name:
        return alone
    return replace(alone, beaten=_written(form, [server, server]).losses[len(alone.losses) :])


def _written(form: str, servers: list[Server]) -> Held:
    """What a form makes of the last of these servers, beside the others."""
    written = FORMATS[form].write([exported(server.current[0]) for server in servers])
    document = json.loads(*written.files.values())
    losses = tuple((loss.server, loss.pointer, loss.reason) for loss in written.losses)
    entries = list(_entries(form, document))
    if len(entries) < len(servers):
        return Held("", "", b"", losses)
    group, key, entry = entries[-1]
    return Held(group, key, _dump(entry).encode(), losses)


def _pack(held: Held) -> bytes:
    head = _dump([held.group, held.key, held.losses, held.beaten]).encode()
    return head + b"\n" + held.entry


def _unpack(data: bytes) -> Held:
    head, _, entry = data.partition(b"\n")
    group, key, losses, beaten = json.loads(head)
    return Held(group, key, entry, tuple(map(tuple, losses)), tuple(map(tuple, beaten)))


def _brief(held: Held) -> str:
    """What it goes by; empty where there is no entry."""
    return held.key if held.entry else ""


HELD = {
    form: Large(f"{form} view", partial(_held, form), (_pack, _unpack), _brief) for form in FORMS
}


def views(catalog: Catalog) -> Tree:
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
            partial(_form, catalog, form, beaten[form]),
            WHOLE,
        )
        for form in FORMS
    ]
    own = Own(catalog.servers, partial(_own, beaten), partial(_beside, beaten))
    return Tree({}, parts, [own])


def _beaten(form: str, servers: Iterable[Server]) -> frozenset[str]:
    """In ToolHive's form the first of several servers with one short name has it."""
    first: dict[str, str] = {}
    keys = ((server.name, HELD[form].brief(server)) for server in servers)
    return frozenset(name for name, key in keys if key and first.setdefault(key, name) != name)


def _beside(beaten: Mapping[str, frozenset[str]], server: Server) -> str:
    return " ".join(form for form in FORMS if server.name in beaten[form])


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
        text = _dump({"name": held.key, **json.loads(text)}).encode()
    return {f"{_ROOT}/{form}/servers/{paths.name_path(n)}.json": text for n in names}


def _form(catalog: Catalog, form: str, beaten: frozenset[str]) -> dict[str, Content]:
    losses: list[Loss] = []
    entries: dict[str, list[bytes]] = {group: [] for group in _GROUPS}
    for server, held in zip(catalog.shown, HELD[form].each(catalog.shown), strict=True):
        if server.name in beaten:
            losses += (Loss(*loss) for loss in held.beaten)
            continue
        losses += (Loss(*loss) for loss in held.losses)
        if held.entry:
            named = f"{_dump(held.key)}:".encode() if form == "toolhive" else b""
            entries[held.group].append(named + held.entry)
    count = sum(map(len, entries.values()))
    folder = f"{_ROOT}/{form}"
    return {
        f"{folder}/servers.json": _document(catalog, form, entries),
        f"{folder}/info.json": _dump(_info(catalog, form, losses, count)).encode(),
        f"{folder}/omitted.json": _dump(_omitted(losses)).encode(),
    }


def _document(catalog: Catalog, form: str, entries: Mapping[str, list[bytes]]) -> bytes:
    """The document of an empty registry, with the entries' own texts put in."""
    document = json.loads(*FORMATS[form].write([]).files.values())
    # The form knows only the entries that are left; a deletion is news as well.
    (document if form == "toolhive" else document["meta"])["last_updated"] = catalog.updated
    place = document if form == "toolhive" else document["data"]
    groups = [group for group in _GROUPS if entries[group] or group == _GROUPS[0]]
    place |= dict.fromkeys(groups)
    opening, closing = (b"{", b"}") if form == "toolhive" else (b"[", b"]")
    text = _dump(document).encode()
    # The last first: nothing that a stranger wrote is in front of what is replaced.
    for group in reversed(groups):
        before, hole, after = text.partition(f'"{group}":null'.encode())
        inside = (opening, b",".join(entries[group]), closing)
        text = b"".join((before, hole.removesuffix(b"null"), *inside, after))
    return text


_GROUPS = ("servers", "remote_servers")


def _entries(form: str, document: Json) -> Iterator[tuple[str, str, Json]]:
    if form == "toolhive":
        for group in _GROUPS:
            for key, entry in document.get(group, {}).items():
                yield group, key, entry
    else:
        for entry in document["data"]["servers"]:
            yield "servers", entry["name"], entry


def _left_out(losses: Iterable[Loss]) -> dict[str, str]:
    """Servers that the form cannot hold at all, and why."""
    return {loss.server: loss.reason for loss in losses if not loss.pointer}


def _info(catalog: Catalog, form: str, losses: list[Loss], held: int) -> Json:
    left_out = _left_out(losses)
    reduced = {loss.server for loss in losses if loss.pointer} - left_out.keys()
    return {
        "version": FORM_VERSION,
        "last_updated": catalog.updated,
        "source": catalog.registry.base_url,
        "total_servers": held,
        # Ours, beyond what ToolHive's own server says.
        "name": catalog.registry.name,
        "format": form,
        "commit": catalog.commit,
        "omitted_servers": len(left_out),
        "reduced_servers": len(reduced),
        "omitted": f"{VIEWS}/omitted?format={form}",
    }


def _omitted(losses: list[Loss]) -> Json:
    left_out = _left_out(losses)
    return {
        "servers": [{"name": name, "reason": reason} for name, reason in left_out.items()],
        "parts": [
            {"name": loss.server, "pointer": loss.pointer, "reason": loss.reason}
            for loss in losses
            if loss.pointer and loss.server not in left_out
        ],
    }


def _dump(value: Any) -> str:  # noqa: ANN401  # any JSON value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
