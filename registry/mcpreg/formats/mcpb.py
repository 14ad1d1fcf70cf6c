"""MCPB bundles: a zip with `manifest.json` (2025-08-26), or that file alone.

What the bundle asks a person for (`user_config`) becomes inputs, and environment variables that are
filled from it become variables with a capability each. How the bundled code is started is kept
under `_meta`, since a manifest names packages and not files. The signature that MCPB puts behind
the zip's end is not checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcpreg.core import canonical, capability, position
from mcpreg.core.capability import CapabilityError
from mcpreg.core.position import StrictJSONError
from mcpreg.formats import reading
from mcpreg.formats.archive import is_archive, read_archive
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
from mcpreg.formats.kept import MAX_META_BYTES
from mcpreg.formats.notes import Notes, shown
from mcpreg.formats.prune import prune
from mcpreg.formats.texts import repository_source, shorten

FILE = "manifest.json"
KEY = "mcpb"
NAMESPACE = "localhost"
VERSION = "0.2"  # of the manifest's format, as of the schema of 2025-08-26
_CONFIG = re.compile(r"\$\{user_config\.([A-Za-z_][A-Za-z0-9_.-]*)\}")
_VERSIONS = ("manifest_version", "dxt_version", "mcpb_version")
_READ = frozenset(
    ("$schema", "name", "display_name", "version", "description", "long_description")
) | {"repository", "homepage", "license", "keywords", "tools", "prompts", *_VERSIONS}
_FORMATS = {"number": "number", "boolean": "boolean", "directory": "filepath", "file": "filepath"}
_PLACE = "${__dirname}"
_APP = "/app"  # where the sandbox has the bundle
_SIGNATURE = b"MCPB_SIG_V1"
Json = Any
Object = Mapping[str, Any]


class Mcpb:
    """MCPB bundles and their manifests."""

    name = "mcpb"
    summary = "an MCPB bundle, or its manifest.json"
    every_version = True

    def detect(self, files: Files) -> bool:
        """A zip that holds `manifest.json`, or a manifest that says how a server is started."""
        try:
            entry, _ = _manifest(files)
        except FormatError:
            return False
        return isinstance(entry, dict) and isinstance(entry.get("server"), dict)

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """The one server of the bundle."""
        entry, path = _manifest(files)
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise FormatError("is no object with a text name", where=path)
        yield _imported(entry, path, files)

    def write(self, servers: Sequence[Exported]) -> Written:
        """`manifest.json`, without the bundle around it."""
        files: dict[str, bytes] = {}
        losses: list[Loss] = []
        for server in servers:
            name = str(server.document["name"])
            kept = server.document.get("_meta", {}).get(PUBLISHER_KEY, {}).get(KEY, {})
            if "server" not in kept:
                losses.append(Loss(name, "", "a bundle holds its own code, and this names none"))
                continue
            folder = f"{name}/{server.document['version']}/" if len(servers) > 1 else ""
            entry = _entry(server, kept, losses)
            files[f"{folder}{FILE}"] = canonical.pretty(entry)
        return Written(files, tuple(losses))


def _manifest(files: Files) -> tuple[Json, str]:
    """The manifest and where it lies."""
    if len(files) == 1:
        ((path, data),) = files.items()
        if is_archive(data):
            data = read_archive(data, file=path).get(FILE, b"")
            path = f"{path}: {FILE}"
    else:
        path, data = FILE, files.get(FILE, b"")
    if not data:
        raise FormatError(f"holds no {FILE}", where=", ".join(sorted(files)[:3]))
    try:
        return position.loads(data), path
    except StrictJSONError as error:
        where = f"{path}:{error.place.line}:{error.place.column}"
        raise FormatError(error.message, where=where) from error


def _imported(entry: Object, path: str, files: Files) -> Imported:
    notes = Notes()
    text = entry.get("description", "")
    document: dict[str, Json] = {
        "name": f"{NAMESPACE}/{entry['name']}",
        "description": shorten(text) if isinstance(text, str) else text,
        "version": entry.get("version"),
    }
    if document["description"] != text:
        notes.add(("description",), f"shortened from {len(text)} characters")
    for theirs, ours in (
        ("display_name", "title"),
        ("homepage", "websiteUrl"),
        ("license", "license"),
        ("keywords", "tags"),
    ):
        if entry.get(theirs):
            document[ours] = entry[theirs]
    repository = entry.get("repository")
    url = repository.get("url") if isinstance(repository, dict) else repository
    if isinstance(url, str):
        document["repository"] = {"url": url, "source": repository_source(url)}
    document["packages"] = [_package(entry, files, notes)]
    capabilities = {"tools": _named(entry, "tools"), "prompts": _named(entry, "prompts")}
    capabilities["sandbox"] = list(_sandbox(entry, document["packages"][0], notes))
    notes.add((), "says nothing of hosts; no capability is declared for them")
    document["capabilities"] = {key: value for key, value in capabilities.items() if value}
    document = prune(document, notes)
    _keep(document, {key: value for key, value in entry.items() if key not in _READ}, notes)
    long_text = entry.get("long_description")
    return Imported(
        document=document,
        place=path,
        name=entry["name"],
        digest=digest_of(entry),
        tags=tuple(reading.words(entry.get("keywords"))),
        notes=notes.listed(),
        readme=long_text if isinstance(long_text, str) else None,
    )


def _named(entry: Object, key: str) -> list[Json]:
    listed = entry.get(key)
    kept = ("name", "description")
    return [
        {name: item[name] for name in kept if name in item}
        for item in (listed if isinstance(listed, list) else ())
        if isinstance(item, dict)
    ]


def _keep(document: dict[str, Json], values: dict[str, Json], notes: Notes) -> None:
    while values:
        meta = {PUBLISHER_KEY: {KEY: values}}
        if len(canonical.dumps(meta)) <= MAX_META_BYTES:
            document["_meta"] = meta
            return
        largest = max(values, key=lambda key: (len(canonical.dumps(values[key])), key))
        notes.add((largest,), "does not fit into _meta, left out")
        del values[largest]


def _package(entry: Object, files: Files, notes: Notes) -> dict[str, Json]:
    ((path, data),) = list(files.items())[:1]
    package: dict[str, Json] = {"registryType": "mcpb", "identifier": path}
    if len(files) == 1 and is_archive(data):
        package["fileSha256"] = hashlib.sha256(data).hexdigest()
        if data.rstrip().endswith(_SIGNATURE) or _SIGNATURE in data[-65536:]:
            notes.add((), "the signature behind the archive is not checked")
    else:
        notes.add((), "the manifest alone: the bundle's digest is not known")
    package["transport"] = {"type": "stdio"}
    config = _config(entry)
    known = _object(entry, "user_config")
    # What stands before the first answer of a person is the bundle's own, as are variables that
    # name its place (PYTHONPATH above all): the lock reads those from it.
    words = [word.replace(_PLACE, _APP) for word in reading.words(config.get("args"))]
    first = next((number for number, word in enumerate(words) if _CONFIG.search(word)), len(words))
    arguments = [_argument(word, known) for word in words[first:]]
    env = config.get("env")
    variables = [
        _variable(name, value.replace(_PLACE, _APP), known)
        for name, value in (env.items() if isinstance(env, dict) else ())
        if isinstance(value, str) and (_PLACE not in value or _CONFIG.search(value))
    ]
    if arguments:
        package["packageArguments"] = arguments
    if variables:
        package["environmentVariables"] = variables
    return package


def _object(holder: Object, key: str) -> Object:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _config(entry: Object) -> Object:
    return _object(_object(entry, "server"), "mcp_config")


def _input(option: Json) -> dict[str, Json]:
    """One of the bundle's questions as an input."""
    if not isinstance(option, dict):
        return {}
    found: dict[str, Json] = {}
    text = option.get("description", option.get("title"))
    if isinstance(text, str):
        found["description"] = text
    for theirs, ours in (("required", "isRequired"), ("sensitive", "isSecret")):
        if option.get(theirs) is True:
            found[ours] = True
    if str(option.get("type")) in _FORMATS:
        found["format"] = _FORMATS[option["type"]]
    default = option.get("default")
    if isinstance(default, bool):
        found["default"] = str(default).lower()
    elif isinstance(default, str | int | float):
        # A default would open what the person is to choose.
        found["placeholder" if found.get("format") == "filepath" else "default"] = str(default)
    return found


def _argument(word: str, known: Object) -> dict[str, Json]:
    alone = _CONFIG.fullmatch(word)
    if alone:
        option = known.get(alone[1])
        item = {"type": "positional", **_input(option), "valueHint": alone[1]}
        if isinstance(option, dict) and option.get("multiple") is True:
            item["isRepeated"] = True
        return item
    names = dict.fromkeys(_CONFIG.findall(word))
    if not names:
        return {"type": "positional", "value": word}
    return {
        "type": "positional",
        "value": _CONFIG.sub(r"{\1}", word),
        "variables": {name: _input(known.get(name)) for name in names},
    }


def _variable(name: str, value: str, known: Object) -> dict[str, Json]:
    alone = _CONFIG.fullmatch(value)
    if alone:
        return {"name": name, **_input(known.get(alone[1]))}
    names = dict.fromkeys(_CONFIG.findall(value))
    item: dict[str, Json] = {"name": name, "value": _CONFIG.sub(r"{\1}", value)}
    if names:
        item["variables"] = {name: _input(known.get(name)) for name in names}
    return item


def _sandbox(entry: Object, package: Object, notes: Notes) -> Iterator[str]:
    """`env:NAME` for what is asked for, and the folders and files that a person chooses."""
    wanted = [
        f"env:{item['name']}"
        for item in package.get("environmentVariables", ())
        if "value" not in item
    ]
    known = _object(entry, "user_config")
    for item in package.get("packageArguments", ()):
        option = known.get(item.get("valueHint"))
        kind = option.get("type") if isinstance(option, dict) else None
        if kind in ("directory", "file"):
            wanted.append(f"fs:read:{{{item['valueHint']}}}{'/**' if kind == 'directory' else ''}")
            notes.add(("user_config", item["valueHint"]), "reading is declared; nothing says more")
    for text in wanted:
        try:
            yield str(capability.parse(text))
        except CapabilityError:
            notes.add((), f"no capability '{shown(text)}'")


def _entry(server: Exported, kept: Object, losses: list[Loss]) -> dict[str, Json]:
    document = dict(server.document)
    name = str(document["name"])
    entry: dict[str, Json] = {"manifest_version": VERSION, "name": name.rpartition("/")[2]}
    for theirs, ours in (
        ("display_name", "title"),
        ("version", "version"),
        ("description", "description"),
        ("homepage", "websiteUrl"),
        ("license", "license"),
        ("keywords", "tags"),
    ):
        if ours in document:
            entry[theirs] = document[ours]
    if server.readme is not None:
        entry["long_description"] = server.readme
    if document.get("repository", {}).get("url"):
        entry["repository"] = {"type": "git", "url": document["repository"]["url"]}
    capabilities = document.get("capabilities", {})
    for key in ("tools", "prompts"):
        if capabilities.get(key):
            kept_names = ("name", "description")
            entry[key] = [
                {member: item[member] for member in kept_names if member in item}
                for item in capabilities[key]
            ]
    entry |= kept
    entry.setdefault("author", {"name": name.partition("/")[0]})
    held = {"name", "title", "version", "description", "websiteUrl", "license", "tags"}
    held |= {"repository", "capabilities", "_meta", "packages", "$schema"}
    losses += [
        Loss(name, f"/{key}", "a bundle's manifest has no such member")
        for key in document.keys() - held
    ]
    if capabilities.get("sandbox"):
        losses.append(Loss(name, "/capabilities/sandbox", "a bundle cannot say what it may touch"))
    return entry
