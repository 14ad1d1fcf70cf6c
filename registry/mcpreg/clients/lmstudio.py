"""LM Studio: `~/.lmstudio/mcp.json`, in Cursor's notation. One scope."""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_entry, command_start
from mcpreg.clients.jsonc_edit import Jsonc

LMSTUDIO = Client(
    name="lmstudio",
    title="LM Studio",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=lambda machine: machine.home / ".lmstudio" / "mcp.json",
    project_file=None,
    entry=command_entry,
    started=command_start,
    binaries=("lms", "lm-studio"),
    folders=lambda machine: (machine.home / ".lmstudio",),
)
