"""What a server really offers, and its hashes.

A tool's hash covers canonical JSON over {name, title, description, inputSchema, outputSchema,
annotations}, absent members left out; the toolset's digest covers the map from name to hash. The
lock keeps both, with the client capabilities and the protocol they were read with, because a
server may offer more to a client that can do more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core import canonical

TOOL_FIELDS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
PROMPT_FIELDS = ("name", "title", "description", "arguments")


@dataclass(frozen=True, slots=True)
class Offer:
    """What `initialize` and the list requests returned, as plain JSON objects."""

    protocol: str
    tools: tuple[Mapping[str, Any], ...] = ()
    prompts: tuple[Mapping[str, Any], ...] = ()
    resources: tuple[Mapping[str, Any], ...] = ()
    templates: tuple[Mapping[str, Any], ...] = ()
    instructions: str | None = None
    client_capabilities: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def hash_item(item: Mapping[str, Any], fields: Iterable[str]) -> str:
    """`sha256:` digest of the listed members that are present and not null."""
    return canonical.digest({key: item[key] for key in fields if item.get(key) is not None})


def tool_hashes(tools: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Map from tool name to hash, in name order."""
    return dict(sorted((tool["name"], hash_item(tool, TOOL_FIELDS)) for tool in tools))


def prompt_hashes(prompts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Map from prompt name to hash, in name order."""
    return dict(sorted((prompt["name"], hash_item(prompt, PROMPT_FIELDS)) for prompt in prompts))
