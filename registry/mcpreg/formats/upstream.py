"""ToolHive's envelope around official documents: `{$schema, version, meta, data: {servers}}`.

Standard: `upstream-registry.schema.json`, and `publisher-provided.schema.json` for the extension,
which is looked up by the server's own image or URL (see `kept`). Whatever server.json a manifest
can become has a place here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcpreg.core import canonical, names
from mcpreg.core.position import to_text
from mcpreg.formats import reading
from mcpreg.formats.extension import Extension, Lost, read_extension, write_extension
from mcpreg.formats.images import version_of
from mcpreg.formats.interface import (
    PUBLISHER_KEY,
    Exported,
    Files,
    FormatError,
    Imported,
    Loss,
    Refused,
    Written,
    digest_of,
)
from mcpreg.formats.kept import STACKLOK, Kept, find, place, put
from mcpreg.formats.notes import Notes
from mcpreg.formats.official import official
from mcpreg.formats.server_json import manifest_of
from mcpreg.formats.shapes import ENVELOPE, is_extension
from mcpreg.formats.texts import DESCRIPTION_LIMIT
from mcpreg.formats.toolhive_write import FORM_VERSION, newest
from mcpreg.formats.variables import env_capabilities, lose_env

SCHEMA = (
    "https://raw.githubusercontent.com/stacklok/toolhive-core/main/registry/types/data/"
    "upstream-registry.schema.json"
)
_FILE = "registry.json"
# ToolHive's own converter gives every server this version, so it says nothing of an image.
_MADE_UP_VERSION = "1.0.0"
_OTHERS = {"skills": "a skill", "plugins": "a plugin"}
Json = Any
Object = Mapping[str, Any]


class Upstream:
    """ToolHive's envelope."""

    name = "upstream"
    summary = "ToolHive's envelope of official server.json documents with its extensions"
    every_version = False

    def detect(self, files: Files) -> bool:
        """`data.servers` as an array."""
        first = reading.first(files, _FILE)
        data = first.get("data") if isinstance(first, dict) else None
        return isinstance(data, dict) and isinstance(data.get("servers"), list)

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """The servers; skills and plugins are named as refused."""
        for path, document in reading.documents(files, _FILE):
            data = document.get("data") if isinstance(document, dict) else None
            if not isinstance(data, dict) or not isinstance(data.get("servers"), list):
                raise FormatError("is not ToolHive's envelope: no array data.servers", where=path)
            for index, server in enumerate(data["servers"]):
                yield _imported(f"{path}: data.servers[{index}]", server)
            yield from _refused(path, data)

    def write(self, servers: Sequence[Exported]) -> Written:
        """One `registry.json`."""
        written: dict[str, dict[str, Json]] = {}
        losses: list[Loss] = []
        for server in servers:
            name = server.document["name"]
            if server.status == "deleted":
                losses.append(Loss(name, "", "it is deleted, which ToolHive has no word for"))
            elif name in written:
                losses.append(Loss(name, "", "another version of it is there already"))
            else:
                written[name] = _server(server, losses)
        document = {
            "$schema": SCHEMA,
            "version": FORM_VERSION,
            "meta": {"last_updated": newest(server.updated_at for server in servers)},
            "data": {"servers": list(written.values())},
        }
        return Written({"registry.json": canonical.pretty(document)}, tuple(losses))


def _refused(path: str, data: Object) -> Iterator[Refused]:
    for key, what in _OTHERS.items():
        items = data.get(key)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            name = item.get("name") if isinstance(item, dict) else None
            where = f"{path}: data.{key}[{index}]"
            yield Refused(where, name if isinstance(name, str) else where, f"{what}, not a server")


def _imported(where: str, server: Json) -> Imported | Refused:
    if not isinstance(server, dict):
        return Refused(where, where, "not an object")
    notes = Notes()
    document = manifest_of(server, notes)
    _name_fully(document, notes)
    found = find(document)
    values = dict(found.values)
    _take_arguments(document, values, notes)
    container = any(package.get("registryType") == "oci" for package in _packages(document))
    is_extended = bool(values) or container
    extension = read_extension(values, notes, container=container) if is_extended else Extension()
    kept = dict(extension.kept)
    versioned = _settle_version(document, found.key, kept, notes)
    _extend(document, extension, notes)
    document = put(document, Kept(found.key, kept), notes)
    name, description = server.get("name"), server.get("description")
    is_long = isinstance(description, str) and len(description) > DESCRIPTION_LIMIT
    return Imported(
        document=document,
        place=where,
        name=name if isinstance(name, str) else where,
        digest=digest_of(_without_counts(server, found)),
        tags=extension.source_tags,
        notes=notes.listed(),
        readme=extension.readme if extension.readme or not is_long else str(description),
        status=extension.status,
        metadata=extension.metadata,
        versioned=versioned,
    )


def _name_fully(document: dict[str, Json], notes: Notes) -> None:
    """ToolHive's namespace for a bare name, which its clients take though the schema does not."""
    name = document.get("name")
    if isinstance(name, str) and "/" not in name and names.is_name(f"{STACKLOK}/{name}"):
        document["name"] = f"{STACKLOK}/{name}"
        notes.add(("name",), f"has no namespace, so {STACKLOK} is put before it")


def _packages(document: Object) -> Sequence[Json]:
    packages = document.get("packages")
    return [item for item in packages if isinstance(item, dict)] if packages else ()


def _take_arguments(document: dict[str, Json], values: dict[str, Json], notes: Notes) -> None:
    """The extension's `args`, unless the package says its arguments itself; ToolHive does so too.

    They stay in the extension, so that they go back to where they came from.
    """
    arguments = values.get("args")
    if arguments is None:
        return
    package = next((p for p in _packages(document) if p.get("registryType") == "oci"), None)
    is_list = isinstance(arguments, list) and all(isinstance(item, str) for item in arguments)
    if package is None or not is_list or "packageArguments" in package:
        notes.add(("args",), "not for this package, left out")
        del values["args"]
        return
    if arguments:
        package["packageArguments"] = _positional(arguments)


def _positional(arguments: Sequence[str]) -> list[dict[str, Json]]:
    return [{"type": "positional", "value": argument} for argument in arguments]


def _settle_version(
    document: dict[str, Json], key: str, kept: dict[str, Json], notes: Notes
) -> bool:
    """The image's tag instead of a made-up version. Returns whether there is a real one."""
    is_made_up = document.get("version") == _MADE_UP_VERSION and "version" not in kept
    if not is_made_up or not str(document.get("name", "")).startswith(f"{STACKLOK}/"):
        return True
    tag = version_of(key)
    if tag is not None and tag != _MADE_UP_VERSION:
        document["version"] = tag
        kept["version"] = _MADE_UP_VERSION  # for the way back
        notes.add(("version",), f"{_MADE_UP_VERSION} is ToolHive's for all; the image's tag counts")
    return tag is not None


def _extend(document: dict[str, Json], extension: Extension, notes: Notes) -> None:
    if extension.tags:
        document["tags"] = list(extension.tags)
    sandbox = [*extension.sandbox, *env_capabilities(document, notes)]
    found = {"tools": list(extension.tools), "sandbox": sandbox}
    if any(found.values()):
        if "capabilities" in document:
            notes.add(("capabilities",), "not of this form, left out")
        document["capabilities"] = {key: value for key, value in found.items() if value}


def _without_counts(server: Object, found: Kept) -> Object:
    """The server without what changes daily, which is no new document."""
    if "metadata" not in found.values:
        return server
    values = {key: value for key, value in found.values.items() if key != "metadata"}
    return place(server, Kept(found.key, values))


def _server(server: Exported, losses: list[Loss]) -> dict[str, Json]:
    name = server.document["name"]

    def lost(pointer: str, reason: str) -> None:
        losses.append(Loss(name, pointer, reason))

    document = dict(server.document)
    kept = find(document)
    values = dict(kept.values)
    if values.get("version") == _MADE_UP_VERSION and version_of(kept.key) == document["version"]:
        document["version"] = values.pop("version")
    _give_arguments(document, kept, values, lost)
    result = official(document)
    for pointer, reason in result.losses:
        if pointer not in ("/tags", "/capabilities"):
            lost(pointer, reason)
    container = any(item["registryType"] == "oci" for item in _packages(document))
    written = write_extension(
        server, Kept(kept.key, values), ENVELOPE, container=container, lost=lost
    )
    lose_env(document, lost)
    if written == {"status": "Active"}:
        written = {}  # nothing that the absence of an extension does not say
    return place(_others_valid(result.server, kept.key, lost), Kept(kept.key, written))


def _others_valid(server: dict[str, Json], key: str, lost: Lost) -> dict[str, Json]:
    """Without what ToolHive's schema refuses in other publishers' and other packages' parts."""
    publisher = server.get("_meta", {}).get(PUBLISHER_KEY, {})
    held: dict[str, Json] = {}
    for name, value in publisher.items():
        if not isinstance(value, dict):
            lost(to_text(("_meta", PUBLISHER_KEY, name)), "publishers' parts are objects there")
            continue
        held[name] = value
        if name == STACKLOK:
            held[name] = {k: v for k, v in value.items() if k == key or is_extension(v)}
            for other in value.keys() - held[name].keys():
                where = to_text(("_meta", PUBLISHER_KEY, name, other))
                lost(where, "is no extension by ToolHive's schema")
    return {**server, "_meta": {PUBLISHER_KEY: held}} if publisher else server


def _give_arguments(
    document: dict[str, Json], kept: Kept, values: dict[str, Json], lost: Lost
) -> None:
    """Arguments that came from the extension go back there."""
    arguments = values.get("args")
    if arguments is None:
        return
    packages = list(_packages(document))
    index = next((i for i, p in enumerate(packages) if p["registryType"] == "oci"), None)
    said = packages[index].get("packageArguments", []) if index is not None else None
    if index is not None and isinstance(arguments, list) and said == _positional(arguments):
        packages[index] = {k: v for k, v in packages[index].items() if k != "packageArguments"}
        document["packages"] = packages
    else:
        del values["args"]
        lost(kept.pointer("args"), "no longer agrees with the manifest, which counts")
