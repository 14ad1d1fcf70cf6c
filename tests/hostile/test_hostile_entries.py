"""Entries whose members have the wrong type: read with a note or refused, never a crash."""

from __future__ import annotations

import json

import pytest
import yaml

from mcpreg.formats.interface import Imported
from mcpreg.formats.registry import FORMATS

WRONG: tuple[object, ...] = (None, True, 0, 1.5, "text", ["a", 1, None, []], {"a": []}, [[]])


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("member", ["args", "env", "headers", "type", "url"])
def test_a_client_configuration(member: str, wrong: object) -> None:
    entry = {"command": "npx", "args": ["-y", "@acme/clock@1.2.0"], member: wrong}
    files = {"mcp.json": json.dumps({"mcpServers": {"clock": entry}}).encode()}
    assert list(FORMATS["mcp-servers"].read(files))


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
@pytest.mark.parametrize("member", ["args", "env", "command"])
def test_a_bundle(member: str, wrong: object) -> None:
    config = {"command": "node", "args": ["${user_config.folder}"], member: wrong}
    manifest = {
        "manifest_version": "0.3",
        "name": "clock",
        "version": "1.2.0",
        "description": "Tells the time",
        "author": {"name": "Acme"},
        "server": {"type": "node", "entry_point": "index.js", "mcp_config": config},
        "user_config": {"folder": {"type": wrong, "title": "Folder", "description": wrong}},
        "keywords": wrong,
    }
    assert list(FORMATS["mcpb"].read({"manifest.json": json.dumps(manifest).encode()}))


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_a_docker_tool(wrong: object) -> None:
    entry = {
        "name": "clock",
        "image": "acme/clock:1.2.0",
        "type": "server",
        "about": {"title": "Clock", "description": "Tells the time"},
    }
    tools = [{"name": "now", "arguments": [{"name": "zone", "type": wrong, "desc": wrong}]}]
    found = list(
        FORMATS["docker"].read(
            {
                "servers/clock/server.yaml": yaml.safe_dump(entry).encode(),
                "servers/clock/tools.json": json.dumps(tools).encode(),
            }
        )
    )
    assert isinstance(found[0], Imported)
