"""Claude Code: `mcpServers` at the top of `~/.claude.json` (user), `.mcp.json` (project).

Its local scope, one person in one project, is written by `claude mcp add` alone.
"""

from __future__ import annotations

from pathlib import Path

from mcpreg.clients.interface import Client, Machine, command_start, typed_entry
from mcpreg.clients.jsonc_edit import Jsonc


def _user_file(machine: Machine) -> Path:
    # With CLAUDE_CONFIG_DIR the file lies in that folder, otherwise in the home itself.
    return machine.named("CLAUDE_CONFIG_DIR", "") / ".claude.json"


CLAUDE_CODE = Client(
    name="claude-code",
    title="Claude Code",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=_user_file,
    project_file=".mcp.json",
    entry=typed_entry,
    started=command_start,
    binaries=("claude",),
    folders=lambda machine: (machine.named("CLAUDE_CONFIG_DIR", ".claude"),),
)
