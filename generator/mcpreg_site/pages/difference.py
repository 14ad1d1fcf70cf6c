"""What changed between two versions, as reviewers see it, and what else the manifests say anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mcpreg.core.difference import Changes as Names
from mcpreg.core.difference import Side, VersionDifference, difference
from mcpreg.core.entry import Entry
from mcpreg.core.manifest import Manifest, Tool
from mcpreg.core.toolset import TOOL_FIELDS
from mcpreg_site.text import count

MOST = 40
"""Names shown of one kind; a toolset or a dependency tree that turned over is told by number."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: `kind` chooses the colour, `sign` is its word, `detail` what of it changed."""

    kind: str
    sign: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Everything of one sort; `omitted` more are not shown."""

    title: str
    lines: tuple[Line, ...]
    omitted: int

    @property
    def folded(self) -> bool:
        """Whether it would bury what stands below it: dependencies turn over by the dozen."""
        return len(self.lines) > 8


@dataclass(frozen=True, slots=True)
class Changes:
    """From an older version to a newer one. `same` names in words what did not change."""

    reach: VersionDifference
    parts: tuple[Part, ...]
    same: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is different but the version."""
        return not (self.parts or self.reach.widened or self.reach.narrowed)


def changes(old: Entry, new: Entry) -> Changes:
    """Compare as sets: the order in which a manifest lists things means nothing."""
    found = difference(Side(old.manifest, old.lock), Side(new.manifest, new.lock))
    sorts = {
        "Tools": _named(found.tools, "tool", _tool_parts(old.manifest, new.manifest)),
        "Prompts": _named(found.prompts, "prompt"),
        "Variables": _named(found.variables, "variable"),
        "How it is started": _sentences(found.runtime, found.entry, found.instructions),
        "Locked packages": _artifacts(found.dependencies),
        "What it says of itself": tuple(_fields(old.manifest, new.manifest)),
    }
    return Changes(
        reach=found,
        parts=tuple(
            Part(title, lines[:MOST], max(0, len(lines) - MOST))
            for title, lines in sorts.items()
            if lines
        ),
        same=tuple(
            title.lower()
            for title in ("Tools", "Locked packages")
            if not sorts[title] and (title == "Tools" or (old.lock and new.lock))
        ),
    )


def _named(found: Names, word: str, parts: Mapping[str, str] | None = None) -> tuple[Line, ...]:
    return (
        *(Line("new", f"new {word}", name) for name in found.added),
        *(Line("gone", "removed", name) for name in found.removed),
        *(Line("other", "changed", name, (parts or {}).get(name, "")) for name in found.changed),
    )


def _artifacts(found: Names) -> tuple[Line, ...]:
    return (
        *(Line("other", "changed", text) for text in found.changed),
        *(Line("new", "added", text) for text in found.added),
        *(Line("gone", "removed", text) for text in found.removed),
    )


def _sentences(*texts: str) -> tuple[Line, ...]:
    return tuple(Line("other", "changed", "", text) for text in texts if text)


_PARTS = {
    "title": "title",
    "description": "description",
    "inputSchema": "arguments",
    "outputSchema": "result",
    "annotations": "hints",
}


def _tool_parts(old: Manifest, new: Manifest) -> dict[str, str]:
    """Of each tool that both declare, which of its parts differ."""
    before = {tool.name: tool for tool in old.capabilities.tools}
    after = {tool.name: tool for tool in new.capabilities.tools}
    shared = ((name, before[name], after[name]) for name in after if name in before)
    return {name: ", ".join(_changed_parts(was, now)) for name, was, now in shared}


def _changed_parts(old: Tool, new: Tool) -> Iterator[str]:
    before = old.model_dump(by_alias=True, exclude_none=True)
    after = new.model_dump(by_alias=True, exclude_none=True)
    for key in TOOL_FIELDS:
        if key in _PARTS and before.get(key) != after.get(key):
            yield _PARTS[key]


def _fields(old: Manifest, new: Manifest) -> Iterator[Line]:
    texts: tuple[tuple[str, str | None, str | None], ...] = (
        ("title", old.title, new.title),
        ("description", old.description, new.description),
        ("licence", old.license, new.license),
        ("website", old.website_url, new.website_url),
        ("source", _repository(old), _repository(new)),
    )
    for word, was, now in texts:
        if was != now:
            yield Line("other", word, "", f"{now or 'none'}, before: {was or 'none'}")
    for name, before, after in (
        ("tags", old.tags, new.tags),
        ("companions", old.dependencies, new.dependencies),
    ):
        if set(before) != set(after):
            said = ", ".join(after) or count(0, name.removesuffix("s"))
            yield Line("other", name, "", said)


def _repository(manifest: Manifest) -> str | None:
    return manifest.repository.url if manifest.repository else None
