"""Gemini CLI: `mcpServers` in `~/.gemini/settings.json` and `.gemini/settings.json` of a project.

The file holds every other setting too, and may have comments.
"""

from __future__ import annotations

from mcpreg.clients.interface import Client, command_entry, command_start
from mcpreg.clients.jsonc_edit import Jsonc

GEMINI = Client(
    name="gemini",
    title="Gemini CLI",
    syntax=Jsonc(),
    container=("mcpServers",),
    user_file=lambda machine: machine.home / ".gemini" / "settings.json",
    project_file=".gemini/settings.json",
    entry=command_entry,
    started=command_start,
    binaries=("gemini",),
    folders=lambda machine: (machine.home / ".gemini",),
)
