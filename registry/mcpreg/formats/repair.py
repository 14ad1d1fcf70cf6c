"""What server.json documents in the wild get wrong, where the right thing is plain.

Each repair is said in a note. What is not plain is left to `prune` and the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpreg.formats.notes import Notes, Path, shown
from mcpreg.formats.texts import DESCRIPTION_LIMIT, shorten

Json = Any
Object = Mapping[str, Any]

_ARGUMENT_KEYS = ("runtimeArguments", "packageArguments")
_KINDS = {"docker": "oci"}  # the name of a tool for that of its standard
_TRANSPORTS = {
    "http": "streamable-http",
    "streamable": "streamable-http",
    "streamablehttp": "streamable-http",
    "streamable_http": "streamable-http",
}


def repair(server: Object, notes: Notes) -> dict[str, Json]:
    """The document, in camelCase, with its plain mistakes put right. The input is not changed."""
    repaired = dict(server)
    _repair_repository(repaired, notes)
    _repair_description(repaired, notes)
    for key, repair_one in (("packages", _package), ("remotes", _transport)):
        items = repaired.get(key)
        if isinstance(items, list):
            repaired[key] = [
                repair_one(item, (key, index), notes) if isinstance(item, dict) else item
                for index, item in enumerate(items)
            ]
    return repaired


def _repair_repository(server: dict[str, Json], notes: Notes) -> None:
    repository = server.get("repository")
    if isinstance(repository, dict) and not repository.get("url"):
        del server["repository"]
        notes.add(("repository",), "has no url, left out")


def _repair_description(server: dict[str, Json], notes: Notes) -> None:
    text = server.get("description")
    if isinstance(text, str) and len(text) > DESCRIPTION_LIMIT:
        server["description"] = shorten(text)
        notes.add(("description",), f"shortened from {len(text)} characters")


def _package(package: dict[str, Json], path: Path, notes: Notes) -> dict[str, Json]:
    repaired = dict(package)
    kind, digest = package.get("registryType"), package.get("fileSha256")
    if isinstance(kind, str) and (right := _KINDS.get(kind.lower(), kind.lower())) != kind:
        repaired["registryType"] = right
        notes.add((*path, "registryType"), f"'{shown(kind)}' read as {right}")
    if isinstance(digest, str) and digest != digest.lower():
        repaired["fileSha256"] = digest.lower()
        notes.add((*path, "fileSha256"), "written in lower case")
    for key in _ARGUMENT_KEYS:
        if isinstance(package.get(key), list):
            repaired[key] = [
                _argument(item, (*path, key, index), notes) if isinstance(item, dict) else item
                for index, item in enumerate(package[key])
            ]
    transport = package.get("transport") or {}
    if isinstance(transport, dict):
        repaired["transport"] = _local_transport(transport, (*path, "transport"), notes)
    return repaired


def _local_transport(transport: Object, path: Path, notes: Notes) -> Object:
    if transport.get("type"):
        return _transport(transport, path, notes)
    guess = "streamable-http" if transport.get("url") else "stdio"
    notes.add((*path, "type"), f"missing, read as {guess}")
    return {**transport, "type": guess}


def _transport(transport: Object, path: Path, notes: Notes) -> Object:
    kind = transport.get("type")
    right = _TRANSPORTS.get(kind.lower()) if isinstance(kind, str) else None
    if right is None:
        return transport
    notes.add((*path, "type"), f"'{kind}' read as {right}")
    return {**transport, "type": right}


def _argument(argument: Object, path: Path, notes: Notes) -> Object:
    """An argument without a type is named when it has a name; one without a name is positional."""
    kind, name = argument.get("type"), argument.get("name")
    if not kind:
        guess = "named" if name else "positional"
        notes.add((*path, "type"), f"missing, read as {guess}")
    elif kind == "named" and name == "" and argument.get("value"):
        guess = "positional"
        notes.add((*path, "name"), "empty, so the argument is read as positional")
    else:
        return argument
    unnamed = {key: value for key, value in argument.items() if key != "name" or value}
    return {**unnamed, "type": guess}
