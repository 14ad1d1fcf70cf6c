"""What a server really offers, and its hashes.

A tool's hash covers canonical JSON over {name, title, description, inputSchema, outputSchema,
annotations}, absent members left out; the toolset's digest covers the map from name to hash. The
lock keeps both, with the client capabilities and the protocol they were read with. A server may
offer more to a client that can do more, so it is read twice: by a client that declares nothing, and
by one that declares everything.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core import canonical

TOOL_FIELDS = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
PROMPT_FIELDS = ("name", "title", "description", "arguments")

CAPABLE: Mapping[str, Any] = {
    "sampling": {},
    "elicitation": {"form": {}, "url": {}},
    "roots": {"listChanged": True},
}
"""What a client that can do everything declares, MCP 2025-11-25: each server is read twice."""


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
    capable: Offer | None = None
    """What a client that declares everything (`CAPABLE`) is offered besides, or otherwise."""

    @property
    def readings(self) -> tuple[Offer, ...]:
        """All that was offered to anyone."""
        return (self,) if self.capable is None else (self, self.capable)


def hash_item(item: Mapping[str, Any], fields: Iterable[str]) -> str:
    """`sha256:` digest of the listed members that are present and not null."""
    return canonical.digest({key: item[key] for key in fields if item.get(key) is not None})


def tool_hashes(tools: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Map from tool name to hash, in name order."""
    return dict(sorted((tool["name"], hash_item(tool, TOOL_FIELDS)) for tool in tools))


def prompt_hashes(prompts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Map from prompt name to hash, in name order."""
    return dict(sorted((prompt["name"], hash_item(prompt, PROMPT_FIELDS)) for prompt in prompts))


def beyond(plain: Offer, capable: Offer) -> Offer | None:
    """What the second reading has that the first has not, item by item; None when that is nothing.

    What is left out for a capable client needs no word: less is always allowed.
    """
    known = set(tool_hashes(plain.tools).values()), set(prompt_hashes(plain.prompts).values())
    tools = _others(capable.tools, TOOL_FIELDS, known[0])
    prompts = _others(capable.prompts, PROMPT_FIELDS, known[1])
    told = None if capable.instructions == plain.instructions else capable.instructions
    if not (tools or prompts or told):
        return None
    return Offer(
        protocol=capable.protocol,
        tools=tools,
        prompts=prompts,
        instructions=told,
        client_capabilities=capable.client_capabilities,
    )


def _others(
    items: Iterable[Mapping[str, Any]], fields: Iterable[str], known: Container[str]
) -> tuple[Mapping[str, Any], ...]:
    return tuple(item for item in items if hash_item(item, fields) not in known)
