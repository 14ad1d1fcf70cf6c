"""What a server offered, as a lock holds it; and where its manifest declares something else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mcpreg.core import canonical, toolset
from mcpreg.core.lock import LockedOffer, LockedToolset
from mcpreg.core.manifest import Manifest, Prompt, Tool
from mcpreg.core.toolset import PROMPT_FIELDS, TOOL_FIELDS, Offer


def locked_toolset(offer: Offer) -> LockedToolset:
    """The hashes of what was offered, and how it was asked."""
    tools = toolset.tool_hashes(offer.tools)
    instructions = offer.instructions
    return LockedToolset(
        protocol=offer.protocol,
        client_capabilities=dict(offer.client_capabilities),
        tools=tools,
        prompts=toolset.prompt_hashes(offer.prompts),
        instructions=canonical.digest(instructions) if instructions else None,
        digest=canonical.digest(tools),
        capable=_locked_besides(offer.capable) if offer.capable else None,
    )


def _locked_besides(offer: Offer) -> LockedOffer:
    told = offer.instructions
    return LockedOffer(
        client_capabilities=dict(offer.client_capabilities),
        tools=toolset.tool_hashes(offer.tools),
        prompts=toolset.prompt_hashes(offer.prompts),
        instructions=canonical.digest(told) if told else None,
    )


def declared_differences(manifest: Manifest, offer: Offer) -> list[str]:
    """How the declared tools and prompts differ from those listed, a sentence each.

    A declaration of a name alone is enough; whatever else is declared must be what is listed.
    """
    declared = manifest.capabilities
    return [
        *_differences("tool", declared.tools, offer.tools, TOOL_FIELDS),
        *_differences("prompt", declared.prompts, offer.prompts, PROMPT_FIELDS),
    ]


def _differences(
    what: str,
    declared: Iterable[Tool | Prompt],
    listed: Iterable[Mapping[str, Any]],
    fields: Iterable[str],
) -> list[str]:
    offered = {item["name"]: item for item in listed}
    said = {
        item.name: item.model_dump(mode="json", by_alias=True, exclude_none=True)
        for item in declared
    }
    found = [f"{what} {name} is declared but not listed" for name in said if name not in offered]
    found += [f"{what} {name} is listed but not declared" for name in offered if name not in said]
    found += [
        f"{what} {name} is listed with another {field}"
        for name in said.keys() & offered.keys()
        for field in fields
        if field in said[name] and said[name][field] != offered[name].get(field)
    ]
    return sorted(found)
