"""`/api/v1/registry`: the registry as ToolHive's clients read it, in two forms.

`toolhive` is the registry document of ToolHive itself, `upstream` its envelope around official
server.json documents. For each form there are four kinds of document: `info`, `servers` (the whole
list), `servers/<name>` (one entry), and `omitted` (what the form cannot hold, and why).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from mcpreg.formats.interface import Loss, Written
from mcpreg.formats.registry import FORMATS
from mcpreg_site import paths
from mcpreg_site.catalog import Catalog
from mcpreg_site.export import export
from mcpreg_site.routes import FORMS, VIEWS
from mcpreg_site.tree import Content

_ROOT = VIEWS.removeprefix("/")
FORM_VERSION = "1.0.0"  # of the registry document, which both schemas ask for
Json = dict[str, Any]


def views(catalog: Catalog) -> dict[str, Content]:
    """The documents of both forms, by path.

    The lists are not cut into pages, however long they get: neither form knows pages, and what a
    client asks for here is the whole document. Clients that page use `/v0.1/servers`. Each form is
    written once; its entries are taken out of that one document.
    """
    contents: dict[str, Content] = {}
    for form in FORMS:
        contents.update(_form(catalog, form, export(catalog, FORMATS[form])))
    return contents


def _form(catalog: Catalog, form: str, written: Written) -> Iterator[tuple[str, Content]]:
    folder = f"{_ROOT}/{form}"
    document = json.loads(*written.files.values())
    # The form knows only the entries that are left; a deletion is news as well.
    (document if form == "toolhive" else document["meta"])["last_updated"] = catalog.updated
    entries = {key: _dump(entry) for key, entry in _entries(form, document)}
    yield f"{folder}/servers.json", _dump(document)  # a third smaller than for people
    yield f"{folder}/info.json", _dump(_info(catalog, form, written, len(entries)))
    yield f"{folder}/omitted.json", _dump(_omitted(written))
    for key, data in entries.items():
        yield f"{folder}/servers/{paths.name_path(key)}.json", data
    if form == "toolhive":
        # There a server goes by the last part of its name; the whole name is answered too.
        left_out = _left_out(written.losses)
        for name in (server.name for server in catalog.shown if server.name not in left_out):
            short = name.rpartition("/")[2]
            if short in entries:
                yield f"{folder}/servers/{paths.name_path(name)}.json", entries[short]


def _entries(form: str, document: Json) -> Iterator[tuple[str, Json]]:
    if form == "toolhive":
        for group in ("servers", "remote_servers"):
            for key, entry in document.get(group, {}).items():
                yield key, {"name": key, **entry}
    else:
        for entry in document["data"]["servers"]:
            yield entry["name"], entry


def _left_out(losses: Iterable[Loss]) -> dict[str, str]:
    """Servers that the form cannot hold at all, and why."""
    return {loss.server: loss.reason for loss in losses if not loss.pointer}


def _info(catalog: Catalog, form: str, written: Written, held: int) -> Json:
    left_out = _left_out(written.losses)
    reduced = {loss.server for loss in written.losses if loss.pointer} - left_out.keys()
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


def _omitted(written: Written) -> Json:
    left_out = _left_out(written.losses)
    return {
        "servers": [{"name": name, "reason": reason} for name, reason in left_out.items()],
        "parts": [
            {"name": loss.server, "pointer": loss.pointer, "reason": loss.reason}
            for loss in written.losses
            if loss.pointer and loss.server not in left_out
        ],
    }


def _dump(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
