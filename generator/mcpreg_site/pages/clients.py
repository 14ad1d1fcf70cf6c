"""What each MCP client needs to start a version: a link that asks it to, and its settings to copy.

A server that can be installed is always started as `mcpreg run NAME@VERSION`, so that the sandbox,
or the bridge of a remote one, stands between. A remote one that nobody locked has its address only.
No secret is ever in a file or a link: a client asks for it, or names a variable of its own
environment. What a person must choose (a folder, say) stands in capitals, or is asked for.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from mcpreg.core.capability import Variable
from mcpreg.core.inputs import questions, remote_specs, variable_for
from mcpreg.core.manifest import HttpTransport, Manifest
from mcpreg.core.remote import chosen
from mcpreg_site.catalog import Version
from mcpreg_site.pages.install import needed_arguments

SCHEMES = ("vscode", "cursor", "lmstudio", "goose")
"""Of the links here: each opens a program on the reader's machine, which asks before it acts."""

_SLUG = re.compile(r"[^a-z0-9]+")
_GENERIC = ("mcp", "server", "mcp-server")  # says nothing in a list of servers


@dataclass(frozen=True, slots=True)
class Snippet:
    """One client: where its settings lie, the text to copy, and a link when it takes one."""

    label: str
    where: str
    text: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class _Local:
    key: str
    arguments: tuple[str, ...]
    placeholders: tuple[str, ...]
    variables: tuple[str, ...]
    description: str


def snippets(version: Version) -> tuple[Snippet, ...]:
    """Links and settings that start `mcpreg run` in every known client, pinned to this version."""
    manifest = version.manifest
    needed = needed_arguments(manifest)
    local = _Local(
        key=_slug(version.name),
        arguments=(
            "run",
            f"{version.name}@{version.version}",
            *(["--", *needed] if needed else []),
        ),
        placeholders=tuple(word for word in needed if not word.startswith("-")),
        variables=tuple(dict.fromkeys(_variables(manifest))),
        description=manifest.description,
    )
    return tuple(_local(local))


def by_address(version: Version) -> tuple[Snippet, ...]:
    """The same for a remote server that a client connects to by itself; else nothing."""
    remote = chosen(version.manifest)
    return tuple(_remote(_slug(version.name), remote, version.manifest)) if remote else ()


def _variables(manifest: Manifest) -> Iterator[str]:
    """Names in the environment of `mcpreg` that the server cannot do without, or may be given."""
    remote = chosen(manifest) if manifest.is_remote else None
    if remote:
        for question in questions(remote_specs(remote)):
            # An optional one that a client fills with nothing would be sent as nothing.
            if question.required:
                yield variable_for(question.name)
    for capability in manifest.capabilities.parsed():
        if isinstance(capability, Variable):
            yield capability.name


def _slug(name: str) -> str:
    namespace, _, last = name.lower().partition("/")
    slug = _SLUG.sub("-", namespace.rpartition(".")[2] if last in _GENERIC else last).strip("-")
    return slug if slug[:1].isalpha() else f"mcp-{slug}"


def _local(server: _Local) -> Iterator[Snippet]:
    plain = _command(server.arguments)
    with_variables = _with_env(plain, {name: f"${{env:{name}}}" for name in server.variables})
    named = {"mcpServers": {server.key: plain}}
    code = _vs_code(server)
    yield Snippet("VS Code", ".vscode/mcp.json", _pretty(code), _vs_code_link(server.key, code))
    yield Snippet(
        "Cursor",
        "~/.cursor/mcp.json",
        _pretty({"mcpServers": {server.key: with_variables}}),
        _encoded_link("cursor://anysphere.cursor-deeplink/mcp/install", server.key, with_variables),
    )
    yield Snippet("Claude Desktop", "claude_desktop_config.json", _pretty(named))
    yield Snippet(
        "Claude Code",
        "in a terminal",
        shlex.join(["claude", "mcp", "add", server.key, "--", "mcpreg", *server.arguments]),
    )
    yield Snippet(
        "LM Studio",
        "~/.lmstudio/mcp.json",
        _pretty(named),
        _encoded_link("lmstudio://add_mcp", server.key, plain),
    )
    # Its link refuses every program but npx, uvx, docker, jbang and its own.
    yield Snippet("Goose", "~/.config/goose/config.yaml", _goose(server))
    gemini = _with_env(plain, {name: f"${name}" for name in server.variables})
    yield Snippet(
        "Gemini CLI", "~/.gemini/settings.json", _pretty({"mcpServers": {server.key: gemini}})
    )
    yield Snippet("Codex", "~/.codex/config.toml", _codex(server))
    yield Snippet("Windsurf", "~/.codeium/windsurf/mcp_config.json", _pretty(named))


def _command(arguments: Sequence[str]) -> dict[str, Any]:
    return {"command": "mcpreg", "args": list(arguments)}


def _with_env(body: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    return {**body, **({"env": dict(variables)} if variables else {})}


def _vs_code(server: _Local) -> dict[str, Any]:
    """VS Code keeps what it asks for in its own secret storage, not in this file."""
    inputs: list[dict[str, object]] = [
        {"type": "promptString", "id": name, "description": name, "password": True}
        for name in server.variables
    ]
    arguments = list(server.arguments)
    start = arguments.index("--") + 1 if "--" in arguments else len(arguments)
    for index in range(start, len(arguments)):
        word = arguments[index]
        if word in server.placeholders:
            asked: dict[str, object] = {
                "type": "promptString",
                "id": word.lower(),
                "description": word.lower(),
            }
            inputs += [asked] if asked not in inputs else []
            arguments[index] = f"${{input:{word.lower()}}}"
    body = _with_env(
        {"type": "stdio", **_command(arguments)},
        {name: f"${{input:{name}}}" for name in server.variables},
    )
    return {**({"inputs": inputs} if inputs else {}), "servers": {server.key: body}}


def _vs_code_link(key: str, settings: Mapping[str, Any]) -> str:
    body = {"name": key, **settings["servers"][key]}
    if "inputs" in settings:
        body["inputs"] = settings["inputs"]
    return "vscode:mcp/install?" + quote(_compact(body), safe="")


def _encoded_link(address: str, key: str, body: Mapping[str, Any]) -> str:
    config = base64.b64encode(_compact(body).encode()).decode()
    return f"{address}?{urlencode({'name': key, 'config': config}, quote_via=quote)}"


def _goose(server: _Local) -> str:
    # JSON strings are YAML strings; a flow list keeps it short.
    lines = [
        "extensions:",
        f"  {server.key}:",
        f"    name: {server.key}",
        "    enabled: true",
        "    type: stdio",
        "    cmd: mcpreg",
        f"    args: {json.dumps(server.arguments)}",
        "    timeout: 300",
    ]
    if server.variables:
        lines.append(f"    env_keys: {json.dumps(server.variables)}")
    return "\n".join(lines)


def _codex(server: _Local) -> str:
    lines = [
        f"[mcp_servers.{server.key}]",
        'command = "mcpreg"',
        f"args = {json.dumps(server.arguments)}",
    ]
    if server.variables:
        lines.append(f"env_vars = {json.dumps(server.variables)}")
    return "\n".join(lines)


def _remote(key: str, remote: HttpTransport, manifest: Manifest) -> Iterator[Snippet]:
    kind = "http" if remote.type == "streamable-http" else "sse"
    body = {"type": kind, "url": remote.url}
    settings = {"servers": {key: body}}
    address = {"url": remote.url}
    yield Snippet("VS Code", ".vscode/mcp.json", _pretty(settings), _vs_code_link(key, settings))
    yield Snippet(
        "Cursor",
        "~/.cursor/mcp.json",
        _pretty({"mcpServers": {key: address}}),
        _encoded_link("cursor://anysphere.cursor-deeplink/mcp/install", key, address),
    )
    yield Snippet(
        "Claude Code",
        "in a terminal",
        shlex.join(["claude", "mcp", "add", "--transport", kind, key, remote.url]),
    )
    yield Snippet(
        "LM Studio",
        "~/.lmstudio/mcp.json",
        _pretty({"mcpServers": {key: address}}),
        _encoded_link("lmstudio://add_mcp", key, address),
    )
    named = {"url": remote.url, "type": kind.replace("http", "streamable_http"), "id": key}
    named |= {"name": key, "description": manifest.description}
    yield Snippet(
        "Goose",
        "in a terminal",
        shlex.join(["goose", "session", _GOOSE_OPTIONS[kind], remote.url]),
        f"goose://extension?{urlencode(named, quote_via=quote)}",
    )
    gemini = {"httpUrl" if kind == "http" else "url": remote.url}
    yield Snippet("Gemini CLI", "~/.gemini/settings.json", _pretty({"mcpServers": {key: gemini}}))
    if kind == "http":
        yield Snippet(
            "Codex",
            "~/.codex/config.toml",
            f"[mcp_servers.{key}]\nurl = {json.dumps(remote.url)}",
        )
    yield Snippet(
        "Windsurf",
        "~/.codeium/windsurf/mcp_config.json",
        _pretty({"mcpServers": {key: {"serverUrl": remote.url}}}),
    )


_GOOSE_OPTIONS = {
    "http": "--with-streamable-http-extension",
    "sse": "--with-remote-extension",
}


def _compact(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _pretty(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)
