"""Claude Desktop: `claude_desktop_config.json`, read when the program starts. One scope."""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_entry, command_start
from mcpreg.clients.jsonc_edit import Jsonc

CLAUDE_DESKTOP = Client(
    name="claude-desktop",
    title="Claude Desktop",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=lambda machine: machine.config() / "Claude" / "claude_desktop_config.json",
    project_file=None,
    entry=command_entry,
    started=command_start,
    binaries=("claude-desktop",),
    folders=lambda machine: (machine.config() / "Claude",),
)
