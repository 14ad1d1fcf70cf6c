"""Connecting MCP clients to installed servers: what they start is `mcpreg run NAME@VERSION`.

No secret goes into a client's file. A server that a person wrote there by hand is never touched.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from mcpreg.clients import CLIENTS, config_file, edit
from mcpreg.clients.config_file import ConfigChangedError, ConfigFile
from mcpreg.clients.interface import Client, ConfigError, Machine, Scope, Start
from mcpreg.clients.receipts import Receipt, Receipts, digest
from mcpreg.core.names import Reference, parse_reference
from mcpreg.errors import NotFoundError, UsageError
from mcpreg.store.files import locked

ATTEMPTS = 3  # a running client may write its file at any moment, but not for ever
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,47}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Target:
    """A client's file of one scope, by name of the client or by the path a person gave."""

    client: Client
    scope: Scope
    path: Path
    below: Path | None


@dataclass(frozen=True, slots=True)
class Change:
    """What was, or with `dry_run` would be, done to one file. Texts are whole files."""

    target: Target
    name: str
    before: str
    after: str
    backup: Path | None = None

    @property
    def is_new(self) -> bool:
        """Whether anything differs."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Listed:
    """One file: what of it is ours, how many others are there, and why it cannot be read."""

    target: Target
    installed: bool
    exists: bool
    servers: tuple[tuple[str, Reference], ...] = ()
    others: int = 0
    problem: str | None = None


def by_name(name: str) -> Client:
    """A client. Raises `NotFoundError`."""
    for client in CLIENTS:
        if client.name == name:
            return client
    known = ", ".join(client.name for client in CLIENTS)
    raise NotFoundError(f"no client is called {name!r}", hint=f"one of {known}")


def is_installed(client: Client, machine: Machine) -> bool:
    """Whether the client seems to be on this machine: a program on PATH, or its own folder."""
    path = machine.environment.get("PATH", "")
    return any(shutil.which(name, path=path) for name in client.binaries) or any(
        folder.is_dir() for folder in client.folders(machine)
    )


def target(
    client: Client, machine: Machine, scope: Scope | None = None, file: Path | None = None
) -> Target:
    """Where to write. Raises `ConfigError` for a scope that the client does not know."""
    chosen = scope or client.scopes[0]
    if file is not None:
        return Target(client, chosen, Path(os.path.abspath(file)), None)  # noqa: PTH100  # resolve() would follow the link
    below = machine.project if chosen == "project" else None
    return Target(client, chosen, client.file(machine, chosen), below)


def program() -> tuple[str, tuple[str, ...]]:
    """The running `mcpreg` as a client starts it: an absolute path, and arguments before `run`."""
    called = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("mcpreg")
    for path in (called, beside):
        if path.stem == "mcpreg" and path.is_file() and os.access(path, os.X_OK):
            return str(path.absolute()), ()
    # -P: clients start it in their project's folder, and what lies there is not ours to load.
    return sys.executable, ("-P", "-m", "mcpreg")


def start_for(name: str, server: Reference, arguments: tuple[str, ...]) -> Start:
    """What a client is told to start for an installed server."""
    command, before = program()
    own = ("--", *arguments) if arguments else ()
    return Start(name, command, (*before, "run", str(server), *own))


def snippet(
    client: Client, server: Reference, *, arguments: tuple[str, ...] = (), name: str | None = None
) -> str:
    """A whole file of the client's with nothing but that server in it."""
    chosen = name or _own_name(server)
    entry = dict(client.entry(start_for(chosen, server, arguments)))
    return client.syntax.snippet((*client.container, chosen), entry)


def server_of(start: Start) -> Reference | None:
    """The server that an entry of ours runs; None for anything that mcpreg did not write."""
    words = start.arguments
    if PurePath(start.command.replace("\\", "/")).stem != "mcpreg":
        ours = words[1:] if words[:1] == ("-P",) else words
        if ours[:2] != ("-m", "mcpreg"):
            return None
        words = ours[2:]
    if len(words) < 2 or words[0] != "run":
        return None
    return _reference(words[1])


def _reference(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except UsageError:
        return None


def listed(machine: Machine) -> list[Listed]:
    """Every client's files, whether or not they exist. Never raises for what stands in one."""
    found = []
    for client in CLIENTS:
        for scope in client.scopes:
            where = target(client, machine, scope)
            item = Listed(where, is_installed(client, machine), exists=False)
            try:
                file = config_file.read(where.path, below=where.below)
                servers = edit.servers(client, file.text)
                taken = edit.names(client, file.text)
            except ConfigError as error:
                found.append(replace(item, exists=True, problem=error.message))
                continue
            ours = _ours(servers)
            others = len(taken) - len(ours)
            exists = file.data is not None
            found.append(replace(item, exists=exists, servers=tuple(ours.items()), others=others))
    return found


def add(
    state: Path,
    where: Target,
    server: Reference,
    *,
    arguments: tuple[str, ...] = (),
    name: str | None = None,
    dry_run: bool = False,
) -> Change:
    """Put `server` into a client's file. A second time changes nothing.

    Args:
        state: the folder for receipts and backups.
        where: the file.
        server: name and version of what is installed.
        arguments: handed to the server.
        name: what the client calls it; from the server's name when left out.
        dry_run: say what would be, and change nothing.

    Raises:
        UsageError: the name is no name, or something else has it.
        ConfigError: the file is not what the client documents, or may not be touched.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a server", hint="letters, digits, - and _")

    def change(file: ConfigFile) -> tuple[str, str]:
        chosen = _name_for(where.client, file.text, server, name)
        return chosen, edit.added(where.client, file.text, start_for(chosen, server, arguments))

    return _attempt(state, where, change, dry_run=dry_run, adding=True)


def remove(state: Path, where: Target, wanted: str, *, dry_run: bool = False) -> Change:
    """Take a server out again, named as the client or as the registry calls it.

    The file is what it was before the first `add`, byte for byte, when nothing else changed it.

    Raises:
        NotFoundError: mcpreg put no such server there.
        ConfigError: as `add`.
    """
    receipts = Receipts(state)

    def change(file: ConfigFile) -> tuple[str, str | None]:
        name = _wanted(where, file.text, wanted)
        receipt = receipts.load(where.path)
        left = tuple(item for item in _ours(edit.servers(where.client, file.text)) if item != name)
        if receipt is None or left:
            return name, edit.removed(where.client, file.text, name)
        if receipt.exact and receipt.written == digest(file.data):
            original = receipts.original(where.path)
            if not receipt.existed:
                return name, None
            if original is not None:
                return name, original.decode()
        text = edit.removed(where.client, file.text, name, container_too=not receipt.held)
        is_empty = not receipt.existed and not where.client.syntax.read(text)
        return name, None if is_empty else text

    return _attempt(state, where, change, dry_run=dry_run, adding=False)


def _attempt(
    state: Path,
    where: Target,
    change: Callable[[ConfigFile], tuple[str, str | None]],
    *,
    dry_run: bool,
    adding: bool,
) -> Change:
    with locked(state / "clients.lock"):
        for attempt in range(ATTEMPTS):
            file = config_file.read(where.path, below=where.below)
            try:
                name, after = change(file)
            except ConfigError as error:
                raise _placed(error, where.path) from error
            made = Change(where, name, file.text, after or "")
            if dry_run or (after or "").encode() == file.data:
                return made
            try:
                return replace(made, backup=_write(state, file, where, name, after, adding=adding))
            except ConfigChangedError:
                if attempt == ATTEMPTS - 1:
                    raise
    raise AssertionError("the loop returns or raises")


def _write(
    state: Path, file: ConfigFile, where: Target, name: str, after: str | None, *, adding: bool
) -> Path | None:
    receipts = Receipts(state)
    receipt = receipts.load(file.path)
    untouched = receipt is not None and receipt.written == digest(file.data)
    servers = tuple(item for item in (receipt.servers if receipt else ()) if item != name)
    if adding:
        servers += (name,)
    original: bytes | None = None
    if receipt is None or (not untouched and adding and not receipt.servers):
        original = file.data
        held = edit.has_container(where.client, file.text)
        receipt = Receipt(str(file.path), file.data is not None, held, "")
        untouched = adding  # what was removed without a receipt leaves nothing to give back
        if original is not None:
            receipts.keep(file.path, original)
    data = None if after is None else after.encode()
    config_file.replace(file, data)
    if servers:
        exact = receipt.exact and untouched
        receipts.save(replace(receipt, written=digest(data), exact=exact, servers=servers))
    else:
        receipts.forget(file.path)
    return receipts.backup_path(file.path) if original is not None else None


def _placed(error: ConfigError, path: Path) -> ConfigError:
    return ConfigError(error.message, hint=error.hint, where=error.where or str(path))


def _ours(servers: dict[str, Start]) -> dict[str, Reference]:
    found = {name: server_of(start) for name, start in servers.items()}
    return {name: server for name, server in found.items() if server is not None}


def _name_for(client: Client, text: str, server: Reference, name: str | None) -> str:
    """The name to write to: the one it has already, the one asked for, or one from its own name.

    Raises:
        UsageError: something else has that name.
    """
    ours = _ours(edit.servers(client, text))
    if name is None:
        present = [key for key, other in ours.items() if other.name == server.name]
        if present:
            return present[0]
        name = _own_name(server)
    other = ours.get(name)
    if name in edit.names(client, text) and (other is None or other.name != server.name):
        raise UsageError(
            f"{client.title} has another server called {name!r}", hint="choose a name: --as NAME"
        )
    return name


def _own_name(server: Reference) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", server.name.rpartition("/")[2]).strip("-")[:46]
    return name if name[:1].isalpha() else f"s-{name}"


def _wanted(where: Target, text: str, wanted: str) -> str:
    ours = _ours(edit.servers(where.client, text))
    if wanted in ours:
        return wanted
    if wanted in edit.names(where.client, text):
        raise UsageError(
            f"{wanted!r} was not put there by mcpreg", hint="take it out in the client itself"
        )
    reference = _reference(wanted)
    for name, server in ours.items():
        if reference in (Reference(server.name), server):
            return name
    raise NotFoundError(
        f"{where.client.title} starts no {wanted!r} through mcpreg",
        hint="mcpreg client list",
        where=str(where.path),
    )
