"""Codex: tables `[mcp_servers.<name>]` in `~/.codex/config.toml`, or in a trusted project's."""

from __future__ import annotations

from pathlib import Path

from mcpreg.clients.interface import Client, Machine, command_entry, command_start
from mcpreg.clients.toml_text import Toml


def _folder(machine: Machine) -> Path:
    return machine.named("CODEX_HOME", ".codex")


CODEX = Client(
    name="codex",
    title="Codex",
    syntax=Toml(),
    container=("mcp_servers",),
    user_file=lambda machine: _folder(machine) / "config.toml",
    project_file=".codex/config.toml",
    entry=command_entry,
    started=command_start,
    binaries=("codex",),
    folders=lambda machine: (_folder(machine),),
)
