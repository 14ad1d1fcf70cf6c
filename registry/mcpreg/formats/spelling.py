"""Keys of server.json, which were in snake_case until 2025-07-09."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Below these keys stand names that people chose, or data of others.
_NAMES, _FREE = "variables", frozenset(("_meta", "value", "default", "choices"))
Json = Any


def camel(key: str) -> str:
    """`registry_base_url` → `registryBaseUrl`; `file_sha256` → `fileSha256`."""
    first, *others = key.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def is_snake(server: Mapping[str, Json]) -> bool:
    """Whether the document or one of its packages is in the old spelling."""
    packages = server.get("packages")
    holders = [server, *(packages if isinstance(packages, list) else ())]
    return any("_" in key[1:] for holder in holders if isinstance(holder, dict) for key in holder)


def respelled(server: Mapping[str, Json]) -> dict[str, Json]:
    """The document in camelCase. A key that is there in both spellings keeps the new one."""
    return dict(_members(server))


def _members(holder: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for key, value in holder.items():
        name = key if key.startswith("_") else camel(key)
        if name == key or name not in holder:
            yield name, value if key in _FREE else _value(key, value)


def _value(key: str, value: Json) -> Json:
    if isinstance(value, list):
        return [_value("", item) for item in value]
    if not isinstance(value, dict):
        return value
    if key == _NAMES:
        return {name: _value("", item) for name, item in value.items()}
    return respelled(value)
