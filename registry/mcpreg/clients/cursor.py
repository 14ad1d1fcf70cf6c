"""Cursor: `~/.cursor/mcp.json` and `.cursor/mcp.json` of a project."""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_entry, command_start
from mcpreg.clients.jsonc_edit import Jsonc

CURSOR = Client(
    name="cursor",
    title="Cursor",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=lambda machine: machine.home / ".cursor" / "mcp.json",
    project_file=".cursor/mcp.json",
    entry=command_entry,
    started=command_start,
    binaries=("cursor", "cursor-agent"),
    folders=lambda machine: (machine.home / ".cursor",),
)
