"""`kpkg.toml` of type `mcp-server`: a folder or an archive of one, capabilities in our grammar.

type = "mcp-server"
name, version, description, license, repository, homepage, keywords   (at the top or [package])
[mcp] spec_version, transport (stdio, sse, http), endpoint, tools, prompts, sandbox_caps
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from mcpreg.formats.archive import is_archive, read_archive
from mcpreg.formats.interface import (
    Exported,
    Files,
    FormatError,
    Imported,
    Loss,
    Refused,
    Written,
    digest_of,
)
from mcpreg.formats.notes import Notes
from mcpreg.formats.prune import prune
from mcpreg.formats.texts import repository_source, shorten

FILE, README_FILE = "kpkg.toml", "README.md"
TYPE = "mcp-server"
NAMESPACE = "localhost"
MAX_BYTES = 1 << 20
_TOP = frozenset(("type", "package", "mcp", "name", "version", "description", "license"))
_TOP |= {"repository", "homepage"}
_PACKAGE = (_TOP - {"type", "package", "mcp"}) | {"title", "keywords"}
_MCP = frozenset(["spec_version", "transport", "endpoint", "tools", "prompts", "sandbox_caps"])
_TRANSPORTS = {"http": "streamable-http", "sse": "sse", "streamable-http": "streamable-http"}
_BARE = re.compile(r"[A-Za-z0-9_-]+")
Json = Any
Object = Mapping[str, Any]


class Kpkg:
    """`kpkg.toml` packages."""

    name = "kpkg"
    summary = "kpkg.toml of type mcp-server, a folder or an archive"
    every_version = True

    def detect(self, files: Files) -> bool:
        """By the file's name, also inside the one archive."""
        try:
            return any(PurePosixPath(path).name == FILE for path in _unpacked(files))
        except FormatError:
            return False

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """One server a `kpkg.toml`."""
        unpacked = _unpacked(files)
        paths = [path for path in sorted(unpacked) if PurePosixPath(path).name == FILE]
        if not paths:
            raise FormatError(f"holds no {FILE}", where=", ".join(sorted(files)[:3]))
        for path in paths:
            yield _imported(unpacked, path)

    def write(self, servers: Sequence[Exported]) -> Written:
        """`kpkg.toml` with its README.md; in a folder each when there are several."""
        files: dict[str, bytes] = {}
        losses: list[Loss] = []
        for server in servers:
            document = server.document
            several = len(servers) > 1
            folder = f"{document['name']}/{document['version']}/" if several else ""
            files[f"{folder}{FILE}"] = _toml(_entry(server, losses)).encode()
            if server.readme is not None:
                files[f"{folder}{README_FILE}"] = server.readme.encode()
        return Written(files, tuple(losses))


def _unpacked(files: Files) -> Files:
    if len(files) == 1:
        ((path, data),) = files.items()
        if is_archive(data):
            return read_archive(data, file=path)
    return files


def _imported(files: Files, path: str) -> Imported | Refused:
    try:
        entry = tomllib.loads(files[path][:MAX_BYTES].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refused(path, path, f"is not TOML: {error}")
    if entry.get("type") != TYPE:
        return Refused(path, path, f'is of type {entry.get("type")!r}, not "{TYPE}"')
    notes = Notes()
    package, mcp = _table(entry, "package"), _table(entry, "mcp")
    fields = {**{key: entry[key] for key in entry.keys() & _PACKAGE}, **package}
    for holder, known in ((entry, _TOP | _PACKAGE), (package, _PACKAGE), (mcp, _MCP)):
        for key in holder.keys() - known:
            notes.add((key,), "an unknown key, left out")
    document = _described(fields, notes) | _offered(mcp, notes)
    name = str(fields.get("name", path))
    readme = files.get(str(PurePosixPath(path).parent / README_FILE))
    return Imported(
        document=prune(document, notes),
        place=path,
        name=name,
        digest=digest_of(json.loads(json.dumps(entry, default=str))),
        tags=tuple(tag for tag in fields.get("keywords", ()) if isinstance(tag, str)),
        notes=notes.listed(),
        readme=readme.decode(errors="replace") if readme else None,
    )


def _table(entry: Object, key: str) -> Object:
    value = entry.get(key)
    return value if isinstance(value, dict) else {}


def _described(fields: Object, notes: Notes) -> dict[str, Json]:
    name, text = fields.get("name"), fields.get("description", "")
    document: dict[str, Json] = {
        "name": name if "/" in str(name) else f"{NAMESPACE}/{name}",
        "description": shorten(text) if isinstance(text, str) else text,
        "version": fields.get("version"),
    }
    if document["description"] != text:
        notes.add(("description",), f"shortened from {len(text)} characters")
    for theirs, ours in (("title", "title"), ("license", "license"), ("homepage", "websiteUrl")):
        if theirs in fields:
            document[ours] = fields[theirs]
    if fields.get("keywords"):
        document["tags"] = fields["keywords"]
    repository = fields.get("repository")
    if isinstance(repository, str):
        document["repository"] = {"url": repository, "source": repository_source(repository)}
    return document


def _offered(mcp: Object, notes: Notes) -> dict[str, Json]:
    capabilities: dict[str, Json] = {}
    for theirs, ours in (
        ("spec_version", "specVersion"),
        ("tools", "tools"),
        ("prompts", "prompts"),
        ("sandbox_caps", "sandbox"),
    ):
        if mcp.get(theirs):
            value = mcp[theirs]
            named = ours in ("tools", "prompts") and isinstance(value, list)
            capabilities[ours] = [_named(item) for item in value] if named else value
    found: dict[str, Json] = {"capabilities": capabilities} if capabilities else {}
    transport, endpoint = mcp.get("transport", "stdio"), mcp.get("endpoint")
    if transport in _TRANSPORTS and isinstance(endpoint, str):
        found["remotes"] = [{"type": _TRANSPORTS[transport], "url": endpoint}]
    elif transport != "stdio":
        notes.add(("mcp", "transport"), "no transport of MCP with an endpoint, left out")
    return found


def _named(item: Json) -> Json:
    return {"name": item} if isinstance(item, str) else item


def _entry(server: Exported, losses: list[Loss]) -> dict[str, Json]:
    document = dict(server.document)
    name = str(document["name"])

    def lose(pointer: str, reason: str) -> None:
        losses.append(Loss(name, pointer, reason))

    entry: dict[str, Json] = {"type": TYPE}
    for theirs, ours in (
        ("name", "name"),
        ("version", "version"),
        ("title", "title"),
        ("description", "description"),
        ("license", "license"),
        ("homepage", "websiteUrl"),
        ("keywords", "tags"),
    ):
        if ours in document:
            entry[theirs] = document.pop(ours)
    repository = document.pop("repository", None)
    if repository and repository.get("url"):
        entry["repository"] = repository["url"]
        for key in repository.keys() - {"url", "source"}:
            lose(f"/repository/{key}", "kpkg.toml has one address")
    entry["mcp"] = _mcp(document.pop("capabilities", {}), document.pop("remotes", ()), lose)
    for key in document.keys() - {"$schema"}:
        lose(f"/{key}", "kpkg.toml has no such member")
    if server.status != "active":
        lose("status", f"kpkg.toml cannot say that it is {server.status}")
    return entry


def _mcp(capabilities: Object, remotes: Sequence[Object], lose: Any) -> dict[str, Json]:  # noqa: ANN401  # a local function
    mcp: dict[str, Json] = {}
    for theirs, ours in (("spec_version", "specVersion"), ("sandbox_caps", "sandbox")):
        if capabilities.get(ours):
            mcp[theirs] = capabilities[ours]
    for key in ("tools", "prompts"):
        items = capabilities.get(key) or ()
        if items:
            mcp[key] = [item["name"] for item in items]
        for item in items:
            for member in item.keys() - {"name"}:
                lose(f"/capabilities/{key}/{item['name']}/{member}", "kpkg.toml has names alone")
    for key in capabilities.keys() - {"specVersion", "sandbox", "tools", "prompts"}:
        lose(f"/capabilities/{key}", "kpkg.toml has no such member")
    mcp["transport"] = "stdio"
    if remotes:
        mcp["transport"] = "sse" if remotes[0]["type"] == "sse" else "http"
        mcp["endpoint"] = remotes[0]["url"]
    for index, remote in enumerate(remotes):
        if index:
            lose(f"/remotes/{index}", "kpkg.toml has one endpoint")
            continue
        for key in remote.keys() - {"type", "url"}:
            lose(f"/remotes/0/{key}", "kpkg.toml's endpoint is an address")
    return mcp


def _toml(table: Object, prefix: str = "") -> str:
    """TOML of texts, lists of texts, and tables of those; the standard library only reads it."""
    lines = [f"[{prefix}]"] if prefix else []
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    for key, value in table.items():
        if key not in tables:
            lines.append(f"{_key(key)} = {_value(value)}")
    parts = ["\n".join(lines), *(_toml(inner, _key(key)) for key, inner in tables.items())]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Json) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    # A JSON string is a TOML basic string, but for one character that TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
