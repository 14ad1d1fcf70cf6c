"""What changed between two versions: what it may touch, as the library compares it, and tools."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg.core.compare import Comparison, compare_manifests
from mcpreg.core.manifest import Manifest, Tool
from mcpreg.core.toolset import TOOL_FIELDS


@dataclass(frozen=True, slots=True)
class ChangedTool:
    """A tool that both versions have, and which of its parts differ."""

    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """From an older version to a newer one."""

    reach: Comparison
    tools_added: tuple[str, ...]
    tools_removed: tuple[str, ...]
    tools_changed: tuple[ChangedTool, ...]

    @property
    def tools(self) -> bool:
        """Whether the toolset changed."""
        return bool(self.tools_added or self.tools_removed or self.tools_changed)


_PARTS = {
    "title": "title",
    "description": "description",
    "inputSchema": "arguments",
    "outputSchema": "result",
    "annotations": "hints",
}


def changes(old: Manifest, new: Manifest) -> Changes:
    """Compare as sets: the order in which a manifest lists things means nothing."""
    old_tools = {tool.name: tool for tool in old.capabilities.tools}
    new_tools = {tool.name: tool for tool in new.capabilities.tools}
    shared = ((name, old_tools[name], new_tools[name]) for name in new_tools if name in old_tools)
    return Changes(
        reach=compare_manifests(old, new),
        tools_added=tuple(name for name in new_tools if name not in old_tools),
        tools_removed=tuple(name for name in old_tools if name not in new_tools),
        tools_changed=tuple(
            ChangedTool(name, parts) for name, a, b in shared if (parts := _changed_parts(a, b))
        ),
    )


def _changed_parts(old: Tool, new: Tool) -> tuple[str, ...]:
    before = old.model_dump(by_alias=True, exclude_none=True)
    after = new.model_dump(by_alias=True, exclude_none=True)
    return tuple(
        _PARTS[key] for key in TOOL_FIELDS if key in _PARTS and before.get(key) != after.get(key)
    )
