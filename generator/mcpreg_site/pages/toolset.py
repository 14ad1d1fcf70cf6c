"""Tools, prompts and resources as tables. JSON Schemas come from servers and may be anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcpreg.core.manifest import Tool
from mcpreg_site.text import shortened

MAX_ARGUMENTS = 100
MAX_DESCRIPTION = 3000
_HINTS = (
    ("readOnlyHint", True, "says it only reads"),
    ("destructiveHint", True, "says it may destroy"),
    ("openWorldHint", True, "says it reaches other systems"),
)


@dataclass(frozen=True, slots=True)
class ToolArgument:
    """One argument: its name, its type in words, and what the schema says of it."""

    name: str
    type: str
    required: bool
    description: str
    default: str | None


@dataclass(frozen=True, slots=True)
class ToolView:
    """One tool as the page shows it."""

    name: str
    title: str | None
    description: str
    hints: tuple[str, ...]
    arguments: tuple[ToolArgument, ...]
    omitted: int


def tool_view(tool: Tool) -> ToolView:
    """A tool with its arguments; the publisher's hints stay claims."""
    found = tuple(_arguments(tool.input_schema or {}))
    annotations = tool.annotations or {}
    return ToolView(
        name=tool.name,
        title=tool.title,
        description=shortened((tool.description or "").strip(), MAX_DESCRIPTION),
        hints=tuple(words for key, value, words in _HINTS if annotations.get(key) is value),
        arguments=found[:MAX_ARGUMENTS],
        omitted=max(0, len(found) - MAX_ARGUMENTS),
    )


def _arguments(schema: Mapping[str, Any]) -> Iterator[ToolArgument]:
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, dict):
        return
    for name, value in properties.items():
        details = value if isinstance(value, dict) else {}
        description = details.get("description")
        yield ToolArgument(
            name=shortened(str(name), 200),
            type=shortened(_type(details), 200),
            required=isinstance(required, list) and name in required,
            description=shortened(description, 600) if isinstance(description, str) else "",
            default=shortened(str(details["default"]), 100) if "default" in details else None,
        )


def _type(schema: Mapping[str, Any], depth: int = 0) -> str:
    """A JSON Schema type in words, as deep as a table cell can bear."""
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return " | ".join(shortened(str(choice), 40) for choice in choices[:12])
    for key in ("anyOf", "oneOf"):
        options = schema.get(key)
        if isinstance(options, list) and depth < 3:
            words = [_type(o, depth + 1) for o in options[:6] if isinstance(o, dict)]
            return " | ".join(dict.fromkeys(words))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(str(item) for item in kind[:6])
    if kind == "array" and isinstance(schema.get("items"), dict) and depth < 3:
        return f"array of {_type(schema['items'], depth + 1)}"
    return str(kind) if isinstance(kind, str) else "any"
