"""`/api/v1/registry`: the registry as ToolHive's clients read it, in two forms.

`toolhive` is the registry document of ToolHive itself, `upstream` its envelope around official
server.json documents. For each form there are four kinds of document: `info`, `servers` (the whole
list), `servers/<name>` (one entry), and `omitted` (what the form cannot hold, and why).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcpreg.formats.interface import Loss
from mcpreg.formats.registry import FORMATS
from mcpreg_site import paths
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.export import exported
from mcpreg_site.routes import FORMS, VIEWS
from mcpreg_site.summary import Summary
from mcpreg_site.tree import Content, Part

_ROOT = VIEWS.removeprefix("/")
FORM_VERSION = "1.0.0"  # of the registry document, which both schemas ask for
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """What a form holds of one server: an entry as JSON text, or none, and what is lost.

    `group` is where in the document it goes, `key` what it goes by there.
    """

    group: str
    key: str
    entry: str
    losses: tuple[tuple[str, str, str], ...]


def _held(server: Server) -> dict[str, Held]:
    if server.deleted:
        return {}
    return {form: _written(form, [server]) for form in FORMS}


def _written(form: str, servers: list[Server]) -> Held:
    """What a form makes of the last of these servers, beside the others."""
    written = FORMATS[form].write([exported(server.current[0]) for server in servers])
    document = json.loads(*written.files.values())
    losses = tuple((loss.server, loss.pointer, loss.reason) for loss in written.losses)
    mine = tuple(loss for loss in losses if loss[0] == servers[-1].name)
    entries = list(_entries(form, document))
    if len(entries) < len(servers):
        return Held("", "", "", mine)
    group, key, entry = entries[-1]
    return Held(group, key, _dump(entry), mine)


HELD = Summary("views", dict[str, Held], _held)


@dataclass(frozen=True, slots=True)
class _Item:
    server: Server
    held: Held


def views(catalog: Catalog) -> Iterator[Part]:
    """The documents of both forms.

    The lists are not cut into pages, however long they get: neither form knows pages, and what a
    client asks for here is the whole document. Clients that page use `/v0.1/servers`. A server is
    written once; its entry stands in its own document and in the list.
    """
    held = [(server, HELD(server)) for server in catalog.shown]
    for form in FORMS:
        items = list(_settled(form, [_Item(server, found[form]) for server, found in held]))
        yield Part(f"views {form}", None, partial(_form, catalog, form, items))
        for item in items:
            if item.held.entry:
                key = catalog.key("view", form, item.server.key)
                make = partial(_own, form, item)
                yield Part(f"{item.server.name} {form} view", key, make)


def _settled(form: str, items: Iterable[_Item]) -> Iterator[_Item]:
    """In ToolHive's form the first of several servers with one short name has it."""
    first: dict[str, Server] = {}
    for item in items:
        holder = first.setdefault(item.held.key, item.server) if item.held.entry else item.server
        taken = holder is not item.server
        yield _Item(item.server, _written(form, [holder, item.server])) if taken else item


def _own(form: str, item: _Item) -> dict[str, Content]:
    held = item.held
    # There a server goes by the last part of its name; the whole name is answered too.
    names = {held.key, item.server.name} if form == "toolhive" else {held.key}
    text = held.entry
    if form == "toolhive":
        text = _dump({"name": held.key, **json.loads(text)})
    return {f"{_ROOT}/{form}/servers/{paths.name_path(n)}.json": text.encode() for n in names}


def _form(catalog: Catalog, form: str, items: list[_Item]) -> dict[str, Content]:
    losses = [Loss(*loss) for item in items for loss in item.held.losses]
    held = [item.held for item in items if item.held.entry]
    folder = f"{_ROOT}/{form}"
    return {
        f"{folder}/servers.json": _document(catalog, form, held),
        f"{folder}/info.json": _dump(_info(catalog, form, losses, len(held))).encode(),
        f"{folder}/omitted.json": _dump(_omitted(losses)).encode(),
    }


def _document(catalog: Catalog, form: str, held: list[Held]) -> bytes:
    """The document of an empty registry, with the entries' own texts put in."""
    document = json.loads(*FORMATS[form].write([]).files.values())
    # The form knows only the entries that are left; a deletion is news as well.
    (document if form == "toolhive" else document["meta"])["last_updated"] = catalog.updated
    if form == "toolhive":
        groups = {group: [h for h in held if h.group == group] for group in _GROUPS}
        texts = {
            group: "{" + ",".join(f"{_dump(h.key)}:{h.entry}" for h in those) + "}"
            for group, those in groups.items()
            if those or group == _GROUPS[0]
        }
        document |= dict.fromkeys(texts)
    else:
        texts = {"servers": f"[{','.join(h.entry for h in held)}]"}
        document["data"]["servers"] = None
    text = _dump(document)
    # The last first: nothing that a stranger wrote is in front of what is replaced.
    for group, entries in reversed(texts.items()):
        text = text.replace(f'"{group}":null', f'"{group}":{entries}', 1)
    return text.encode()


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
