"""What each form of `/api/v1/registry` holds of one server, written once and remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mcpreg.formats.registry import FORMATS as WRITERS
from mcpreg_site.catalog import Server
from mcpreg_site.export import exported
from mcpreg_site.routes import FORMS
from mcpreg_site.summary import Large

GROUPS = ("servers", "remote_servers")
"""Where in a document entries are; in upstream's form all are in the first."""
Json = dict[str, Any]
_Losses = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a form holds of one server: an entry as JSON, or none, and what is lost.

    `group` is where in the document it goes, `key` what it goes by there. A loss is a server, a
    JSON pointer (empty: the whole server) and a reason. `beaten` is what is lost where another
    server goes by that key already.
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
    written = WRITERS[form].write([exported(server.current[0]) for server in servers])
    document = json.loads(*written.files.values())
    losses = tuple((loss.server, loss.pointer, loss.reason) for loss in written.losses)
    entries = list(_entries(form, document))
    if len(entries) < len(servers):
        return Held("", "", b"", losses)
    group, key, entry = entries[-1]
    return Held(group, key, dump(entry).encode(), losses)


def _entries(form: str, document: Json) -> Iterator[tuple[str, str, Json]]:
    if form == "toolhive":
        for group in GROUPS:
            for key, entry in document.get(group, {}).items():
                yield group, key, entry
    else:
        for entry in document["data"]["servers"]:
            yield "servers", entry["name"], entry


def _pack(held: Held) -> bytes:
    head = dump([held.group, held.key, held.losses, held.beaten]).encode()
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


def dump(value: Any) -> str:  # noqa: ANN401  # any JSON value
    """JSON as these documents have it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
