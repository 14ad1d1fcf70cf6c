"""Windsurf: `~/.codeium/windsurf/mcp_config.json`. One scope."""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_entry, command_start
from mcpreg.clients.jsonc_edit import Jsonc

WINDSURF = Client(
    name="windsurf",
    title="Windsurf",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=lambda machine: machine.home / ".codeium" / "windsurf" / "mcp_config.json",
    project_file=None,
    entry=command_entry,
    started=command_start,
    binaries=("windsurf",),
    folders=lambda machine: (machine.home / ".codeium" / "windsurf",),
)
