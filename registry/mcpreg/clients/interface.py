"""What an MCP client is to us: files it reads, where in them its servers stand, and in what form.

One client a file. Facts come from each client's own documentation, quoted in its file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from mcpreg.errors import McpregError

Scope = Literal["user", "project"]
Value = Any
"""A JSON value; TOML and YAML hold the same kinds."""


class ConfigError(McpregError):
    """A client's file is not what that client documents, or may not be touched. It is unchanged."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where clients are looked for. `system` is `sys.platform`: linux, darwin or win32."""

    system: str
    home: Path
    project: Path
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Machine:
        """This machine, the current folder being the project."""
        return cls(sys.platform, Path.home(), Path.cwd(), os.environ)

    def config(self, *, mac: str | None = None) -> Path:
        """The folder of applications' settings: XDG's, `Library/Application Support`, %APPDATA%.

        Args:
            mac: below the home on macOS, for programs that follow XDG there too.
        """
        if self.system == "darwin":
            return self.home / (mac or "Library/Application Support")
        if self.system == "win32":
            return self._named("APPDATA") or self.home / "AppData" / "Roaming"
        return self._named("XDG_CONFIG_HOME") or self.home / ".config"

    def _named(self, variable: str) -> Path | None:
        path = Path(self.environment.get(variable) or ".")
        return path if path.is_absolute() else None  # XDG: relative ones are to be ignored

    def named(self, variable: str, otherwise: str) -> Path:
        """The folder that a variable names, or one below the home."""
        return self._named(variable) or self.home / otherwise


@dataclass(frozen=True, slots=True)
class Start:
    """How a client starts a server: a program by its absolute path, and arguments."""

    name: str
    command: str
    arguments: tuple[str, ...]


class Syntax(Protocol):
    """A kind of text that holds objects in objects. All text is handled whole, in memory.

    `put` and `drop` change as few characters as they can: comments, order and layout stay.
    `implicit`: an object is there because something is in it, and goes with its last member.
    """

    implicit: bool

    def read(self, text: str) -> Value:
        """The values. Raises `ConfigError` with line and column."""
        ...

    def put(self, text: str, path: tuple[str, ...], value: Value) -> str:
        """The text with `value` at `path`, new or replaced. Raises `ConfigError`."""
        ...

    def drop(self, text: str, path: tuple[str, ...]) -> str:
        """The text without the member at `path`, which is there. Raises `ConfigError`."""
        ...

    def snippet(self, path: tuple[str, ...], value: Value) -> str:
        """A whole document with nothing but that."""
        ...


@dataclass(frozen=True, slots=True)
class Client:
    """One MCP client.

    `container` leads to the object that holds the servers by name. `entry` and `started` are each
    other's inverse, as the client's documentation has it. `binaries` and `folders` tell whether
    the client is installed; folders are tried on the machine at hand.
    """

    name: str
    title: str
    syntax: Syntax
    container: tuple[str, ...]
    user_file: Callable[[Machine], Path] | None
    project_file: str | None
    entry: Callable[[Start], Mapping[str, Value]]
    started: Callable[[str, Mapping[str, Value]], Start | None]
    binaries: tuple[str, ...] = ()
    folders: Callable[[Machine], tuple[Path, ...]] = lambda _: ()

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes it knows, its usual one first."""
        known: dict[Scope, object] = {"user": self.user_file, "project": self.project_file}
        return tuple(scope for scope, file in known.items() if file is not None)

    def file(self, machine: Machine, scope: Scope) -> Path:
        """Where it reads its servers from. Raises `ConfigError` for a scope it does not know."""
        if scope == "user" and self.user_file is not None:
            return self.user_file(machine)
        if scope == "project" and self.project_file is not None:
            return machine.project / self.project_file
        raise ConfigError(f"{self.title} knows no {scope} scope", hint=f"--scope {self.scopes[0]}")


def command_entry(start: Start) -> dict[str, Value]:
    """`{"command": …, "args": […]}`, the form that most clients share."""
    return {"command": start.command, "args": list(start.arguments)}


def typed_entry(start: Start) -> dict[str, Value]:
    """The same with `"type": "stdio"`, where a client asks for it or writes it itself."""
    return {"type": "stdio", **command_entry(start)}


def command_start(name: str, entry: Mapping[str, Value]) -> Start | None:
    """What a client would start for an entry of that form; None when it is not one."""
    return start_of(name, entry.get("command"), entry.get("args", []))


def start_of(name: str, command: Value, arguments: Value) -> Start | None:
    """A start out of untrusted values; None unless a text and a list of texts."""
    if not isinstance(command, str) or not isinstance(arguments, list):
        return None
    if not all(isinstance(item, str) for item in arguments):
        return None
    return Start(name, command, tuple(arguments))
