"""VS Code: `mcp.json` of the default profile, `.vscode/mcp.json` of a folder; the key is `servers`.

"MCP configuration reference": `type` and `command` are required, JSON with comments is read.
"""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_start, typed_entry
from mcpreg.clients.jsonc_edit import Jsonc

VSCODE = Client(
    name="vscode",
    title="VS Code",
    syntax=Jsonc(),
    container=("servers",),
    user_file=lambda machine: machine.config() / "Code" / "User" / "mcp.json",
    project_file=".vscode/mcp.json",
    entry=typed_entry,
    started=command_start,
    binaries=("code",),
    folders=lambda machine: (machine.config() / "Code" / "User",),
)
