"""Changing one server in a client's text, and proving that nothing else changed.

Whatever a splice made is read again: it must hold what was there, plus or minus that one member.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mcpreg.clients.interface import Client, ConfigError, Start, Syntax, Value

MAX_DEPTH = 100  # real files are at most 12 deep


def servers(client: Client, text: str) -> dict[str, Start]:
    """What the client would start, by name. Entries of other kinds (addresses, say) are left out.

    Raises:
        ConfigError: the text cannot be read, or what should hold the servers does not.
    """
    found: dict[str, Start] = {}
    for name, entry in _container(client, _read(client, text)).items():
        start = client.started(str(name), entry) if isinstance(entry, Mapping) else None
        if start is not None:
            found[str(name)] = start
    return found


def names(client: Client, text: str) -> frozenset[str]:
    """Every name that is taken, whatever stands there. Raises as `servers`."""
    return frozenset(map(str, _container(client, _read(client, text))))


def added(client: Client, text: str, start: Start) -> str:
    """The text with that server in it, new or replaced. Raises `ConfigError`."""
    path = (*client.container, start.name)
    value = dict(client.entry(start))
    before = _read(client, text)
    wanted = _with(before, path, value)
    if repr(before) == repr(wanted):
        return text
    return _verified(client.syntax, client.syntax.put(text, path, value), wanted)


def removed(client: Client, text: str, name: str, *, container_too: bool = False) -> str:
    """The text without that server.

    Args:
        client: whose text it is.
        text: holds the server.
        name: the server's.
        container_too: take the object that held it away as well when nothing is left in it.

    Raises:
        ConfigError: the server stands where it cannot be taken out; the hint says what to do.
    """
    path = (*client.container, name)
    before = _read(client, text)
    alone = len(_container(client, before)) == 1
    if container_too and alone and not client.syntax.implicit:
        path = client.container
    wanted = _without(before, path)
    return _verified(client.syntax, client.syntax.drop(text, path), wanted)


def has_container(client: Client, text: str) -> bool:
    """Whether the object for servers is there already. Raises as `servers`."""
    value = _read(client, text)
    for step in client.container:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def _read(client: Client, text: str) -> Value:
    """The values, not deeper than anything below recurses. Raises `ConfigError`."""
    value = client.syntax.read(text)
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return value
    raise ConfigError(
        f"is nested more than {MAX_DEPTH} levels deep", hint="nothing was changed; is it the file?"
    )


def _container(client: Client, value: Value) -> Mapping[Any, Value]:
    path = []
    for step in client.container:
        if not isinstance(value, dict):
            break
        path.append(step)
        value = value.get(step, {})
    if value is None:
        return {}  # `extensions:` with nothing behind it
    if not isinstance(value, dict):
        raise ConfigError(
            f"{'.'.join(path) or 'the document'} is not an object",
            hint="repair the file, or add by hand what --print shows",
        )
    return value


def _with(value: Value, path: tuple[str, ...], member: Value) -> Value:
    result = deepcopy(value)
    inner = result
    for depth, step in enumerate(path):
        if not isinstance(inner, dict):
            raise ConfigError(
                f"what should hold {step} is not an object",
                hint="repair the file, or add by hand what --print shows",
            )
        if depth < len(path) - 1:
            if inner.get(step) is None:
                inner[step] = {}
            inner = inner[step]
    inner[path[-1]] = member
    return result


def _without(value: Value, path: tuple[str, ...]) -> Value:
    result = deepcopy(value)
    inner = result
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return result


def _verified(syntax: Syntax, text: str, wanted: Value) -> str:
    try:
        found = syntax.read(text)
    except ConfigError:
        found = None
    if syntax.implicit:
        found, wanted = _pruned(found), _pruned(wanted)
    # As text: order counts, NaN equals itself, and 1 is not True.
    if repr(found) != repr(wanted):
        raise ConfigError(
            "the file is laid out in a way that cannot be changed safely; it is as it was",
            hint="add or take out by hand what --print shows",
        )
    return text


def _pruned(value: Value) -> Value:
    if not isinstance(value, dict):
        return value
    inner = {key: _pruned(item) for key, item in value.items()}
    return {key: item for key, item in inner.items() if item != {}}
