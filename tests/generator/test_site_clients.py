"""How a server is started from its page: the settings of clients, read as each reads its own."""

from __future__ import annotations

import base64
import json
import re
import shlex
import tomllib
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

from mcpreg.core.manifest import Manifest
from mcpreg_site.catalog import Version
from mcpreg_site.pages.clients import SCHEMES, Snippet, by_address, snippets
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mixed_entries import Marks, make_entry, snapshot_of
from tiny_registry import make_manifest

SECRET = "MCPREG_INPUT_X_API_KEY"
RUN = ["run", "com.elsewhere/oracle@3"]
PAGE = "servers/com.elsewhere/oracle/index.html"
URL = "https://{tenant}.elsewhere.example/mcp"


def _oracle(kind: str = "streamable-http", **changes: Any) -> Manifest:  # noqa: ANN401  # JSON
    headers = [
        {"name": "X-API-Key", "isSecret": True, "isRequired": True},
        {"name": "X-Mood", "description": "Fair or foul"},
    ]
    tenant = {"tenant": {"isRequired": True, "description": "Whose oracle"}}
    remote = {"type": kind, "url": URL, "headers": headers, "variables": tenant}
    values: dict[str, Any] = {"remotes": [remote], "capabilities": {"tools": ["ask"]}}
    return make_manifest("com.elsewhere/oracle", "3", packages=None, **(values | changes))


def _version(manifest: Manifest) -> Version:
    return Version.of(make_entry(manifest, 1), "2026-11-01T00:00:00Z")


def _package(*arguments: dict[str, Any]) -> Manifest:
    package = {
        "registryType": "npm",
        "identifier": "@acme/weather",
        "version": "1.0.0",
        "transport": {"type": "stdio"},
        "packageArguments": list(arguments),
    }
    return make_manifest(
        "io.github.acme/weather-mcp",
        "1.0.0",
        packages=[package],
        capabilities={"tools": ["now"], "sandbox": ["env:WEATHER_KEY"]},
    )


def _by_label(found: tuple[Snippet, ...]) -> dict[str, Snippet]:
    return {one.label: one for one in found}


def _commands(found: dict[str, Snippet], key: str) -> dict[str, list[str]]:
    """The command line that each client would run, from its own file format."""
    goose = yaml.safe_load(found["Goose"].text)["extensions"][key]
    codex = tomllib.loads(found["Codex"].text)["mcp_servers"][key]
    code = json.loads(found["VS Code"].text)["servers"][key]
    read = {
        "Goose": [goose["cmd"], *goose["args"]],
        "Codex": [codex["command"], *codex["args"]],
        "VS Code": [code["command"], *code["args"]],
        "Claude Code": shlex.split(found["Claude Code"].text)[5:],
    }
    for label in ("Cursor", "Claude Desktop", "LM Studio", "Gemini CLI", "Windsurf"):
        body = json.loads(found[label].text)["mcpServers"][key]
        read[label] = [body["command"], *body["args"]]
    return read


def test_every_client_starts_mcpreg_run_with_this_very_version() -> None:
    folder = {"type": "positional", "valueHint": "data dir", "isRequired": True}
    found = _by_label(snippets(_version(_package(folder))))
    commands = _commands(found, "weather-mcp")
    run = ["mcpreg", "run", "io.github.acme/weather-mcp@1.0.0", "--"]
    asked = commands.pop("VS Code")
    assert asked == [*run, "${input:data_dir}"]
    assert set(map(tuple, commands.values())) == {(*run, "DATA_DIR")}
    assert len(commands) == len(found) - 1 == 8


def test_no_secret_is_in_a_file_and_each_client_names_the_variable_its_way() -> None:
    found = _by_label(snippets(_version(_package())))
    code = json.loads(found["VS Code"].text)
    assert code["servers"]["weather-mcp"]["env"] == {"WEATHER_KEY": "${input:WEATHER_KEY}"}
    assert [(one["id"], one["password"]) for one in code["inputs"]] == [("WEATHER_KEY", True)]
    assert "${env:WEATHER_KEY}" in found["Cursor"].text
    assert '"$WEATHER_KEY"' in found["Gemini CLI"].text
    assert tomllib.loads(found["Codex"].text)["mcp_servers"]["weather-mcp"]["env_vars"] == [
        "WEATHER_KEY"
    ]


def test_links_hold_what_the_files_hold() -> None:
    found = _by_label(snippets(_version(_package())))
    code = found["VS Code"].link or ""
    assert json.loads(unquote(code.partition("?")[2]))["args"][0] == "run"
    for label in ("Cursor", "LM Studio"):
        asked = parse_qs(urlsplit(found[label].link or "").query)
        body = json.loads(base64.b64decode(asked["config"][0]))
        assert body == json.loads(found[label].text)["mcpServers"]["weather-mcp"]
    assert all(one.link.split(":")[0] in SCHEMES for one in found.values() if one.link)


def test_a_locked_remote_runs_through_the_bridge_and_is_given_what_it_must_have() -> None:
    found = _by_label(snippets(_version(_oracle())))
    commands = _commands(found, "oracle")
    assert set(map(tuple, commands.values())) == {("mcpreg", *RUN)}
    variables = json.loads(found["VS Code"].text)["servers"]["oracle"]["env"]
    # What may be left out would be sent as nothing when a client fills it with nothing.
    assert list(variables) == ["MCPREG_INPUT_TENANT", SECRET]


@pytest.mark.parametrize(
    ("kind", "clients"), [("streamable-http", 8), ("sse", 7)], ids=["http", "sse"]
)
def test_a_remote_that_nobody_locked_is_met_by_its_address(kind: str, clients: int) -> None:
    found = _by_label(by_address(_version(_oracle(kind))))
    assert len(found) == clients
    assert all(URL in one.text for one in found.values())
    assert not any("mcpreg" in one.text for one in found.values())
    # Codex speaks streamable HTTP alone.
    assert ("Codex" in found) == (kind == "streamable-http")


def test_of_two_addresses_the_modern_one_is_shown_which_is_what_a_lock_is_for() -> None:
    old = {"type": "sse", "url": "https://old.example/sse"}
    new = {"type": "streamable-http", "url": "https://new.example/mcp"}
    found = by_address(_version(_oracle(remotes=[old, new])))
    assert all("new.example" in one.text for one in found)


def test_a_package_has_no_address() -> None:
    assert by_address(_version(_package())) == ()


@pytest.mark.parametrize("locked", [True, False])
def test_the_page_of_a_remote_shows_mcpreg_run_first_where_it_is_locked(
    templates: Templates, locked: bool
) -> None:
    entry = make_entry(_oracle(), 1, Marks(remote_locked=locked))
    page = render(snapshot_of([entry]), templates)[PAGE].decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert ("mcpreg run com.elsewhere/oracle" in text) == locked
    assert ("claude mcp add oracle -- mcpreg run" in text) == locked
    assert ("claude mcp add --transport http oracle" in text) != locked
    assert "no sandbox of yours" in text.lower()
    if locked:
        assert text.index("mcpreg run com.elsewhere/oracle") < text.index(URL)
        assert "MCPREG_INPUT_" in text
    assert "part of the address" in text


def test_an_unsigned_tree_shows_the_address_of_a_locked_remote(templates: Templates) -> None:
    entry = make_entry(_oracle(), 1, Marks(remote_locked=True), published=False)
    page = render(snapshot_of([entry], signed=False), templates)[PAGE].decode()
    assert "--transport http oracle" in page
    assert "mcpreg run" not in page
