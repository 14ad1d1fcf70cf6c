"""A plain `.mcp.json` in a project, which several clients share."""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_entry, command_start
from mcpreg.clients.jsonc_edit import Jsonc

PLAIN = Client(
    name="mcp-json",
    title=".mcp.json",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=None,
    project_file=".mcp.json",
    entry=command_entry,
    started=command_start,
)
