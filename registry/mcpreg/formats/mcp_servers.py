"""The clients' own form, `{"mcpServers": {name: {command, args, env} or {url, headers}}}`.

It names no version, no namespace and no permission. Commands that start a package (`npx`, `uvx`,
`docker run` and their relatives) become packages; others are kept as they are. A secret written
into the file is not copied: it becomes an input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mcpreg.core import canonical, capability, safety
from mcpreg.core.capability import CapabilityError
from mcpreg.formats import reading
from mcpreg.formats.commands import Lose, command_of, package_of
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
from mcpreg.formats.notes import Notes, shown
from mcpreg.formats.prune import prune

NAMESPACE = "localhost"
"""Nobody's: `--namespace` says whose the servers are."""
KEY = "mcp-servers"
_KNOWN = frozenset(("command", "args", "env", "url", "headers", "type", "transport"))
_PLACEHOLDER = re.compile(
    r"<.*>|\$\{.*\}|\{\{.*\}\}|\$[A-Z_]+|(?i:your|my|replace|insert)[-_ ].*|x{3,}|\.{3}|"
)
_HELD = frozenset(("name", "version", "description", "packages", "remotes", "_meta", "$schema"))
Json = Any
Object = Mapping[str, Any]


class McpServers:
    """`mcpServers` of Claude Desktop, Cursor and others."""

    name = "mcp-servers"
    summary = 'the clients\' own {"mcpServers": …}'
    every_version = False

    def detect(self, files: Files) -> bool:
        """By its one key."""
        first = reading.first(files)
        return isinstance(first, dict) and isinstance(first.get("mcpServers"), dict)

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """One server a name."""
        for path, document in reading.documents(files):
            servers = document.get("mcpServers") if isinstance(document, dict) else None
            if not isinstance(servers, dict):
                raise FormatError('holds no object "mcpServers"', where=path)
            for key, entry in servers.items():
                place = f"{path}: mcpServers.{shown(key)}"
                if isinstance(entry, dict):
                    yield _imported(place, key, entry)
                else:
                    yield Refused(place, key, "not an object")

    def write(self, servers: Sequence[Exported]) -> Written:
        """One `mcp.json`."""
        entries: dict[str, Json] = {}
        losses: list[Loss] = []
        for server in servers:
            name = str(server.document["name"])
            short = name.rpartition("/")[2]
            said: list[Loss] = []
            entry = _entry(server, name, said)
            if entry is None or short in entries:
                taken = f"another server is called {short} already"
                said = [Loss(name, "", taken if entry else "no command starts it")]
            else:
                entries[short] = entry
            losses += said
        body = canonical.pretty({"mcpServers": entries})
        return Written({"mcp.json": body} if entries else {}, tuple(losses))


def _imported(place: str, key: str, entry: Object) -> Imported:
    notes = Notes()
    short = re.sub(r"[^a-zA-Z0-9._-]+", "-", key).strip("-._") or "server"
    document: dict[str, Json] = {
        "name": f"{NAMESPACE}/{short}",
        "description": f"{key[:60]}, from a client's configuration",
        "version": "1.0.0",
    }
    for name in entry.keys() - _KNOWN:
        notes.add((name,), "no field of mcps.json, left out")
    found = None
    if isinstance(entry.get("url"), str):
        document["remotes"] = [_remote(entry, notes)]
    elif isinstance(entry.get("command"), str):
        found = _started(document, entry, notes)
    else:
        notes.add((), "neither a command nor a url")
    notes.add((), "says nothing of files and hosts; no capability is declared for them")
    return Imported(
        document=prune(document, notes),
        place=place,
        name=key,
        digest=digest_of(entry),
        notes=notes.listed(),
        versioned=found is not None,
    )


def _started(document: dict[str, Json], entry: Object, notes: Notes) -> str | None:
    """Add the package that the command starts; its version when the command names one."""
    arguments = reading.words(entry.get("args"))
    if arguments != (entry.get("args") or []):
        notes.add(("args",), "holds something other than texts, which is left out")
    words = [str(entry["command"]), *arguments]
    package = package_of(words)
    if package is None:
        notes.add(("command",), "starts no package of npm, PyPI or an image; kept as it is")
        document["_meta"] = {PUBLISHER_KEY: {KEY: {"command": words[0], "args": words[1:]}}}
        return None
    variables = [_variable(name, value, notes) for name, value in _env(entry, notes)]
    known = {item["name"] for item in variables}
    variables += [
        item for item in package.pop("environmentVariables", ()) if item["name"] not in known
    ]
    if variables:
        package["environmentVariables"] = variables
    document["packages"] = [package]
    sandbox = [_grant(item["name"]) for item in variables if "value" not in item]
    if any(sandbox):
        document["capabilities"] = {"sandbox": [text for text in sandbox if text]}
    version = package.get("version") or version_of(package["identifier"])
    if version is None:
        notes.add(("args",), "names no version of the package")
    else:
        document["version"] = version
    return str(version) if version else None


def _env(entry: Object, notes: Notes) -> Iterator[tuple[str, str]]:
    env = entry.get("env") or {}
    for name, value in env.items() if isinstance(env, dict) else ():
        if isinstance(value, str | int | float) and name:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)
        else:
            notes.add(("env", name), "not a text, left out")


def _variable(name: str, value: str, notes: Notes) -> dict[str, Json]:
    secret = safety.sounds_secret(name)
    if not _PLACEHOLDER.fullmatch(value) and not secret:
        return {"name": name, "value": value}
    item: dict[str, Json] = {"name": name, "isRequired": True}
    if secret:
        item["isSecret"] = True
        if not _PLACEHOLDER.fullmatch(value):
            notes.add(("env", name), "sounds like a secret; its value is not copied")
    return item


def _grant(name: str) -> str | None:
    try:
        return str(capability.parse(f"env:{name}"))
    except CapabilityError:
        return None


def _remote(entry: Object, notes: Notes) -> dict[str, Json]:
    kind = entry.get("type", entry.get("transport"))
    url = str(entry["url"])
    is_sse = kind == "sse" or (kind is None and url.rstrip("/").endswith("/sse"))
    remote: dict[str, Json] = {"type": "sse" if is_sse else "streamable-http", "url": url}
    headers = entry.get("headers")
    if isinstance(headers, dict) and headers:
        remote["headers"] = [_header(name, str(value), notes) for name, value in headers.items()]
    return remote


def _header(name: str, value: str, notes: Notes) -> dict[str, Json]:
    secret = safety.sounds_secret(name) or name.lower() in ("authorization", "cookie")
    if not secret and not _PLACEHOLDER.fullmatch(value):
        return {"name": name, "value": value}
    if not _PLACEHOLDER.fullmatch(value.removeprefix("Bearer ")):
        notes.add(("headers", name), "sounds like a secret; its value is not copied")
    return {"name": name, "isRequired": True, **({"isSecret": True} if secret else {})}


def _entry(server: Exported, name: str, losses: list[Loss]) -> dict[str, Json] | None:
    document = server.document

    def lose(pointer: str, reason: str) -> None:
        losses.append(Loss(name, pointer, reason))

    for key in document.keys() - _HELD:
        lose(f"/{key}", "a client's configuration has no such member")
    lose("/description", "a client's configuration has no descriptions")
    kept = document.get("_meta", {}).get(PUBLISHER_KEY, {}).get(KEY)
    packages, remotes = document.get("packages") or (), document.get("remotes") or ()
    for index, package in enumerate(packages):
        command = command_of(package, partial(_lose_below, lose, f"/packages/{index}"))
        if command is not None:
            for other in range(index + 1, len(packages)):
                lose(f"/packages/{other}", "one command starts one package")
            return command
        lose(f"/packages/{index}", "no command of a client starts it")
    if remotes:
        return _address(remotes, lose)
    return dict(kept) if isinstance(kept, dict) else None


def _lose_below(lose: Lose, prefix: str, pointer: str, reason: str) -> None:
    lose(prefix + pointer, reason)


def _address(remotes: Sequence[Object], lose: Lose) -> dict[str, Json]:
    first = remotes[0]
    entry: dict[str, Json] = {"type": first["type"], "url": first["url"]}
    headers = {}
    for index, item in enumerate(first.get("headers") or ()):
        headers[item["name"]] = item.get(
            "value", "${" + item["name"].upper().replace("-", "_") + "}"
        )
        for key in item.keys() - {"name", "value", "isSecret", "isRequired"}:
            lose(f"/remotes/0/headers/{index}/{key}", "a header is a name and a value")
    if headers:
        entry["headers"] = headers
    for other in range(1, len(remotes)):
        lose(f"/remotes/{other}", "one entry is one address")
    return entry
