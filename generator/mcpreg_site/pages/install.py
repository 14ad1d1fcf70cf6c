"""The commands and client settings that start a version: always through `mcpreg run`.

Never a secret in a file: clients ask for it or hand on their own environment.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcpreg.core.capability import Variable
from mcpreg.core.manifest import Argument, HttpTransport, Manifest
from mcpreg_site.catalog import Version

_SLUG = re.compile(r"[^a-z0-9]+")
_GENERIC = ("mcp", "server", "mcp-server")  # says nothing in a list of servers
_PLACEHOLDER = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to copy: for whom, where it goes, and the text."""

    label: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable or argument that the person may have to give."""

    name: str
    kind: str
    required: bool
    secret: bool
    description: str
    default: str | None
    choices: tuple[str, ...]


def run_command(version: Version, *, pinned: bool = False) -> str:
    """The command line that runs the version, with placeholders for what must be given."""
    reference = f"{version.name}@{version.version}" if pinned else version.name
    needed = needed_arguments(version.manifest)
    return shlex.join(["mcpreg", "run", reference, *(["--", *needed] if needed else [])])


def needed_arguments(manifest: Manifest) -> list[str]:
    """What must follow `--`: flags as they are, values as words in capitals."""
    words: list[str] = []
    for package in (manifest.packages or ())[:1]:
        for argument in package.package_arguments or ():
            if argument.is_required and argument.value is None and argument.default is None:
                words += _argument(argument)
    return words


def _argument(argument: Argument) -> list[str]:
    if argument.type == "named":
        hint = argument.value_hint or argument.name
        return [argument.name, _placeholder(hint)]
    return [_placeholder(argument.value_hint or "value")]


def _placeholder(text: str) -> str:
    return _PLACEHOLDER.sub("_", text.upper()).strip("_") or "VALUE"


def settings(manifest: Manifest) -> tuple[Setting, ...]:
    """Every variable and argument of the package, or every header of the remote server."""
    return tuple(_settings(manifest))


def _settings(manifest: Manifest) -> Iterator[Setting]:
    for package in (manifest.packages or ())[:1]:
        for item in (*(package.environment_variables or ()), *(package.package_arguments or ())):
            kind = "variable" if not hasattr(item, "type") else "argument"
            name = getattr(item, "name", None) or getattr(item, "value_hint", None) or "argument"
            yield _setting(item, name, kind)
    if manifest.is_remote:
        for remote in manifest.remotes or ():
            for header in remote.headers or ():
                yield _setting(header, header.name, "header")


def _setting(item: Any, name: str, kind: str) -> Setting:  # noqa: ANN401  # three input models
    fixed = item.value is not None
    return Setting(
        name=name,
        kind=kind,
        required=item.is_required and not fixed,
        secret=item.is_secret,
        description=item.description or "",
        default=None if item.is_secret else (item.value if fixed else item.default),
        choices=item.choices or (),
    )


def snippets(version: Version) -> tuple[Snippet, ...]:
    """Settings for MCP clients, pinned to this version."""
    manifest = version.manifest
    key = _slug(version.name)
    if manifest.is_remote:
        return tuple(_remote(key, remote) for remote in (manifest.remotes or ())[:1])
    needed = needed_arguments(manifest)
    arguments = ["run", f"{version.name}@{version.version}", *(["--", *needed] if needed else [])]
    return (
        _shared(key, arguments),
        _vs_code(key, arguments, manifest),
        Snippet(
            "Claude Code",
            "in a terminal",
            shlex.join(["claude", "mcp", "add", key, "--", "mcpreg", *arguments]),
        ),
        Snippet("Codex", "~/.codex/config.toml", _toml(key, arguments)),
    )


def _slug(name: str) -> str:
    namespace, _, last = name.lower().partition("/")
    slug = _SLUG.sub("-", namespace.rpartition(".")[2] if last in _GENERIC else last).strip("-")
    return slug if slug[:1].isalpha() else f"mcp-{slug}"


def _shared(key: str, arguments: list[str]) -> Snippet:
    body = {"mcpServers": {key: {"command": "mcpreg", "args": arguments}}}
    return Snippet(
        "Claude Desktop, Cursor, Windsurf, Gemini CLI",
        "claude_desktop_config.json, ~/.cursor/mcp.json, …",
        _pretty(body),
    )


def _vs_code(key: str, arguments: list[str], manifest: Manifest) -> Snippet:
    variables = [c.name for c in manifest.capabilities.parsed() if isinstance(c, Variable)]
    server: dict[str, Any] = {"type": "stdio", "command": "mcpreg", "args": arguments}
    body: dict[str, Any] = {}
    if variables:
        # VS Code keeps what it asks for in its own secret storage, not in this file.
        body["inputs"] = [
            {"type": "promptString", "id": name, "description": name, "password": True}
            for name in variables
        ]
        server["env"] = {name: f"${{input:{name}}}" for name in variables}
    return Snippet("VS Code", ".vscode/mcp.json", _pretty({**body, "servers": {key: server}}))


def _remote(key: str, remote: HttpTransport) -> Snippet:
    kind = "http" if remote.type == "streamable-http" else "sse"
    body = {"servers": {key: {"type": kind, "url": remote.url}}}
    return Snippet("VS Code", ".vscode/mcp.json", _pretty(body))


def _toml(key: str, arguments: list[str]) -> str:
    return f'[mcp_servers.{key}]\ncommand = "mcpreg"\nargs = {json.dumps(arguments)}'


def _pretty(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
