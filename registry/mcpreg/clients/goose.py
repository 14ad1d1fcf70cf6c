"""goose: `extensions` in its `config.yaml`. One scope.

`~/.config/goose` on Linux and macOS, `%APPDATA%\\Block\\goose\\config` on Windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mcpreg.clients.interface import Client, Machine, Start, Value, start_of
from mcpreg.clients.yaml_text import Yaml

_SECONDS = 300  # goose's own default for a call


def _folder(machine: Machine) -> Path:
    if machine.system == "win32":
        return machine.config() / "Block" / "goose" / "config"
    return machine.config(mac=".config") / "goose"


def _entry(start: Start) -> dict[str, Value]:
    return {
        "type": "stdio",
        "name": start.name,
        "description": "",
        "enabled": True,
        "cmd": start.command,
        "args": list(start.arguments),
        "envs": {},
        "timeout": _SECONDS,
    }


def _started(name: str, entry: Mapping[str, Value]) -> Start | None:
    if entry.get("type") != "stdio":
        return None
    return start_of(name, entry.get("cmd"), entry.get("args", []))


GOOSE = Client(
    name="goose",
    title="goose",
    syntax=Yaml(),
    container=("extensions",),
    user_file=lambda machine: _folder(machine) / "config.yaml",
    project_file=None,
    entry=_entry,
    started=_started,
    binaries=("goose",),
    folders=lambda machine: (_folder(machine),),
)
