"""ToolHive's own registry document, `{version, last_updated, servers, remote_servers, groups}`.

Standard: `toolhive-legacy-registry.schema.json`. Container entries name an image, remote ones a
URL; names are bare (`github`), the namespace is ToolHive's. What an entry says that a manifest
has no field for is kept (see `extension`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcpreg.core import names
from mcpreg.formats import reading
from mcpreg.formats.extension import read_extension
from mcpreg.formats.images import version_of
from mcpreg.formats.interface import (
    Exported,
    Files,
    FormatError,
    Imported,
    Refused,
    Written,
    digest_of,
)
from mcpreg.formats.kept import STACKLOK, Kept, key_of, put
from mcpreg.formats.notes import Notes, shown
from mcpreg.formats.prune import prune
from mcpreg.formats.texts import DESCRIPTION_LIMIT, repository_source, shorten
from mcpreg.formats.toolhive_write import write_registry
from mcpreg.formats.variables import env_capabilities, inputs_of

MADE_UP_VERSION = "1.0.0"  # what ToolHive's own converter writes for everything
_FILE = "registry.json"
_COMMON = frozenset(("name", "title", "description", "transport", "repository_url"))
_BASE = {
    "servers": _COMMON | {"image", "target_port", "env_vars", "args"},
    "remote_servers": _COMMON | {"url", "headers"},
}
Json = Any
Object = Mapping[str, Any]


class ToolHive:
    """ToolHive's `registry.json`."""

    name = "toolhive"
    summary = "ToolHive's registry.json: servers, remote_servers and groups"
    every_version = False

    def detect(self, files: Files) -> bool:
        """`servers` or `remote_servers` as an object."""
        first = reading.first(files, _FILE)
        return isinstance(first, dict) and any(
            isinstance(first.get(key), dict) for key in ("servers", "remote_servers")
        )

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """Containers, then remotes, then those of the groups."""
        for path, document in reading.documents(files, _FILE):
            if not isinstance(document, dict) or not isinstance(document.get("servers", {}), dict):
                raise FormatError("is not ToolHive's registry: no object of servers", where=path)
            yield from _entries(f"{path}: ", document)

    def write(self, servers: Sequence[Exported]) -> Written:
        """One `registry.json`."""
        return write_registry(servers)


def _entries(
    prefix: str, document: Object, group: str | None = None
) -> Iterator[Imported | Refused]:
    for kind in _BASE:
        entries = document.get(kind) or {}
        if not isinstance(entries, dict):
            yield Refused(f"{prefix}{kind}", kind, "not an object of entries")
            continue
        for key, entry in entries.items():
            yield _imported(f"{prefix}{kind}.{shown(key)}", kind, key, entry, group)
    if group is not None or not document.get("groups"):
        return
    groups = document["groups"]
    for index, item in enumerate(groups if isinstance(groups, list) else [groups]):
        place = f"{prefix}groups[{index}]"
        name = item.get("name") if isinstance(item, dict) else None
        name = name if isinstance(name, str) else f"groups[{index}]"
        yield Refused(place, name, "a group; mcps.json has only servers, which are read one by one")
        if isinstance(item, dict):
            yield from _entries(f"{place}.", item, name)


def _imported(
    place: str, kind: str, key: str, entry: Json, group: str | None
) -> Imported | Refused:
    container = kind == "servers"
    identifier = "image" if container else "url"
    if not isinstance(entry, dict) or not isinstance(entry.get(identifier), str):
        return Refused(place, key, f"no object with a text {identifier}")
    notes = Notes()
    if group is not None:
        notes.add((), f"belongs to the group '{shown(group)}', which a manifest does not say")
    rest = {name: value for name, value in entry.items() if name not in _BASE[kind]}
    extension = read_extension(rest, notes, container=container)
    kept = dict(extension.kept)
    document = _identity(key, entry, kept, notes)
    document |= _package(entry, kept, notes) if container else _remote(entry, notes)
    if extension.tags:
        document["tags"] = list(extension.tags)
    sandbox = [*extension.sandbox, *(env_capabilities(document, notes) if container else ())]
    capabilities = {"tools": list(extension.tools), "sandbox": sandbox}
    if any(capabilities.values()):
        document["capabilities"] = {name: value for name, value in capabilities.items() if value}
    document = prune(document, notes)
    document = put(document, Kept(key_of(document), kept), notes)
    long_text = entry.get("description") if "description" in kept else None
    return Imported(
        document=document,
        place=place,
        name=key,
        digest=digest_of({name: value for name, value in entry.items() if name != "metadata"}),
        tags=extension.source_tags,
        notes=notes.listed(),
        readme=extension.readme if extension.readme is not None else long_text,
        status=extension.status,
        metadata=extension.metadata,
        versioned=container and version_of(entry["image"]) is not None,
    )


def _identity(key: str, entry: Object, kept: dict[str, Json], notes: Notes) -> dict[str, Json]:
    own = entry.get("name")
    is_own = isinstance(own, str) and names.is_name(own) and own.rpartition("/")[2] == key
    document: dict[str, Json] = {"name": own if is_own else f"{STACKLOK}/{key}"}
    title, description = entry.get("title"), entry.get("description")
    if isinstance(title, str):
        document["title"] = shorten(title)
        if document["title"] != title:
            notes.add(("title",), f"shortened from {len(title)} characters")
    if isinstance(description, str):
        document["description"] = description
        if len(description) > DESCRIPTION_LIMIT:
            document["description"] = shorten(description)
            kept["description"] = description
            notes.add(("description",), f"shortened from {len(description)} characters")
    document["version"] = version_of(str(entry.get("image", ""))) or MADE_UP_VERSION
    repository = entry.get("repository_url")
    if isinstance(repository, str) and repository:
        document["repository"] = {"url": repository, "source": repository_source(repository)}
    return document


def _package(entry: Object, kept: dict[str, Json], notes: Notes) -> dict[str, Json]:
    package: dict[str, Json] = {
        "registryType": "oci",
        "identifier": entry["image"],
        "transport": _transport(entry, kept),
    }
    arguments = entry.get("args") or []
    if isinstance(arguments, list) and all(isinstance(item, str) for item in arguments):
        if arguments:
            package["packageArguments"] = [
                {"type": "positional", "value": argument} for argument in arguments
            ]
    else:
        notes.add(("args",), "not a list of texts, left out")
    variables = inputs_of(entry.get("env_vars"), "env_vars", notes)
    if variables:
        package["environmentVariables"] = variables
    return {"packages": [package]}


def _transport(entry: Object, kept: dict[str, Json]) -> dict[str, Json]:
    kind, port = entry.get("transport") or "stdio", entry.get("target_port")
    if kind == "stdio":
        if port is not None:
            kept["target_port"] = port
        return {"type": kind}
    url = "http://localhost" if port is None else f"http://localhost:{port}"
    return {"type": kind, "url": url}


def _remote(entry: Object, notes: Notes) -> dict[str, Json]:
    remote: dict[str, Json] = {"type": entry.get("transport") or "sse", "url": entry["url"]}
    headers = inputs_of(entry.get("headers"), "headers", notes)
    if headers:
        remote["headers"] = headers
    return {"remotes": [remote]}
