"""ToolHive's extension of a server, the same keys in its own registry and in its envelope.

`status, tags, tools, tool_definitions, overview, metadata, permissions, args` have a place in a
manifest or beside it. The rest, and whatever these say that no manifest can, is kept word for word
in `_meta`, under ToolHive's own key, so that the way back holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core.capability import CapabilityError
from mcpreg.core.origin import Status
from mcpreg.formats.interface import Exported
from mcpreg.formats.kept import Kept
from mcpreg.formats.notes import Notes, shown
from mcpreg.formats.permissions import capabilities_of, meaning, permissions_of
from mcpreg.formats.prune import fit
from mcpreg.formats.shapes import OTHERS, Form, Shape

# The schemas of both forms (ECMA-262, where \w is ASCII).
_TAG = re.compile(r"[a-z0-9][a-z0-9_-]*[a-z0-9]", re.ASCII)
_TOOL = re.compile(r"[\w-]+", re.ASCII)
_OUR_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_LABELS: Mapping[Status, str] = {"active": "Active", "deprecated": "Deprecated"}
_STATUSES: Mapping[str, Status] = {"active": "active", "deprecated": "deprecated"}
_BESIDE = frozenset(("overview", "metadata"))
_READ = _BESIDE | {"status", "tags", "tools", "tool_definitions", "permissions"}
Json = Any
Object = Mapping[str, Any]
Lost = Callable[[str, str], None]
"""Takes a JSON pointer into the manifest and a reason."""
_Reader = Callable[[Json, Notes], Json]


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension read: what a manifest takes, what lies beside it, and what is kept as it is."""

    tags: tuple[str, ...] = ()
    tools: tuple[Json, ...] = ()
    sandbox: tuple[str, ...] = ()
    kept: dict[str, Json] = field(default_factory=dict)
    source_tags: tuple[str, ...] = ()
    readme: str | None = None
    status: Status = "active"
    metadata: Object = field(default_factory=dict)


def read_extension(raw: Object, notes: Notes, *, container: bool) -> Extension:
    """Take an extension apart.

    Args:
        raw: the extension's object.
        notes: takes what is not held.
        container: whether the server runs in a container, which alone has permissions.
    """
    kept = {key: value for key, value in raw.items() if key not in _READ}
    status = _read_status(raw.get("status", "Active"), notes)
    tags = _read_tags(raw.get("tags", []), notes)
    tools = _read_tools(raw.get("tools", []), raw.get("tool_definitions", []), notes)
    overview, metadata = raw.get("overview"), raw.get("metadata", {})
    if overview is not None and not isinstance(overview, str):
        notes.add(("overview",), "not a text, left out")
    if not isinstance(metadata, dict):
        notes.add(("metadata",), "not an object, left out")
    sandbox = _read_permissions(raw, kept, notes) if container or "permissions" in raw else ()
    back = {"status": _LABELS[status], "tags": list(tags), **_written_tools(tools)}
    kept |= {key: raw[key] for key in ("status", "tags") if raw.get(key, back[key]) != back[key]}
    pair = {key: raw.get(key, []) for key in ("tools", "tool_definitions")}
    if any(pair[key] != back[key] for key in pair):
        kept |= pair  # both, as either says which tools there are
    return Extension(
        tags=tags,
        tools=tools,
        sandbox=sandbox,
        kept=kept,
        source_tags=tuple(tag for tag in _list(raw.get("tags")) if isinstance(tag, str)),
        readme=overview if isinstance(overview, str) else None,
        status=status,
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else ()


def _read_status(value: Json, notes: Notes) -> Status:
    status = _STATUSES.get(value.lower()) if isinstance(value, str) else None
    if status is None:
        notes.add(("status",), "neither Active nor Deprecated, read as Active")
    return status or "active"


def _read_tags(value: Json, notes: Notes) -> tuple[str, ...]:
    """Ours have `-` for `_`, and no capitals."""
    tags: list[str] = []
    if not isinstance(value, list):
        notes.add(("tags",), "not an array, left out")
    for raw in _list(value):
        tag = raw.lower().replace("_", "-") if isinstance(raw, str) else ""
        if not _OUR_TAG.fullmatch(tag):
            notes.add(("tags",), f"'{shown(str(raw))}' is no tag here, left out")
            continue
        if tag != raw:
            notes.add(("tags",), f"'{shown(raw)}' is written {tag}")
        tags.append(tag)
    return tuple(dict.fromkeys(tags))


def _read_tools(names: Json, definitions: Json, notes: Notes) -> tuple[Json, ...]:
    """Definitions where there are any, in the order of the names; the others after them."""
    defined: dict[str, Json] = {}
    for index, raw in enumerate(_list(definitions)):
        tool = fit("Tool", raw, ("tool_definitions", index), notes)
        if tool is not None:
            defined.setdefault(tool["name"], tool)
    tools: dict[str, Json] = {}
    for index, name in enumerate(_list(names)):
        tool = fit("Tool", {"name": name}, ("tools", index), notes)
        if tool is not None:
            tools[name] = defined.get(name, tool)
    return tuple((tools | {name: defined[name] for name in defined if name not in tools}).values())


def _read_permissions(raw: Object, kept: dict[str, Json], notes: Notes) -> tuple[str, ...]:
    permissions = raw.get("permissions", {})
    if not isinstance(permissions, dict):
        notes.add(("permissions",), "not an object, left out")
        permissions = {}
    granted = capabilities_of(permissions)
    for note in granted.notes:
        where, _, what = note.partition(": ")
        notes.add((where,), what)
    # Without a word ToolHive leaves the network open, and we would write that it is closed.
    if permissions != permissions_of(granted.sandbox).permissions:
        kept["permissions"] = permissions
    return granted.sandbox


def write_extension(
    server: Exported, kept: Kept, form: Form, *, container: bool, lost: Lost
) -> dict[str, Json]:
    """An extension that ToolHive's schema takes.

    Args:
        server: what is written.
        kept: what an earlier reading kept, or a publisher put there.
        form: what the place takes; it may be less than `kept` holds.
        container: whether the server runs in a container.
        lost: takes what is not held.
    """
    capabilities = server.document.get("capabilities", {})
    old = _shaped(kept, form.members, lost)
    written = {key: value for key, value in old.items() if key not in _READ}
    status, tags = server.status, tuple(server.document.get("tags", ()))

    def stale(key: str) -> None:
        lost(kept.pointer(key), "no longer agrees with the manifest, which counts")

    is_same = _still(old, "status", status, _read_status, stale)
    written["status"] = old["status"] if is_same else _LABELS.get(status, "Deprecated")
    is_same = _still(old, "tags", tags, _read_tags, stale)
    written["tags"] = old["tags"] if is_same else _held_tags(tags, lost)
    written |= _back_tools(kept, old, capabilities.get("tools", ()), lost)
    if server.readme is not None:
        written["overview"] = server.readme
    written["metadata"] = _held_metadata(server.metadata, form.metadata, lost)
    sandbox = capabilities.get("sandbox", ())
    written["permissions"] = _back_permissions(kept, old, sandbox, lost, container=container)
    for key in ("prompts", "resources", "limits", "specVersion"):
        if key in capabilities:
            lost(f"/capabilities/{key}", f"ToolHive has no {key}")
    return {key: value for key, value in written.items() if value or key not in _READ}


def _shaped(kept: Kept, shapes: Mapping[str, Shape], lost: Lost) -> dict[str, Json]:
    old: dict[str, Json] = {}
    for key, value in kept.values.items():
        shape = shapes.get(key, shapes.get(OTHERS))
        if shape is None:
            lost(kept.pointer(key), "there is no place for it in this form")
        elif key in _BESIDE:
            lost(kept.pointer(key), "what lies beside the manifest counts")
        elif not shape(value):
            if key == "status":
                continue  # spelled otherwise in the envelope; the version's own status counts
            lost(kept.pointer(key), "ToolHive's schema does not take it")
        else:
            old[key] = value
    return old


def _still(old: Object, key: str, ours: Json, read: _Reader, stale: Callable[[str], None]) -> bool:
    """Whether what was kept still means what the manifest says."""
    if key not in old:
        return False
    if read(old[key], Notes()) == ours:
        return True
    stale(key)
    return False


def _held_metadata(metadata: Object, shapes: Mapping[str, Shape], lost: Lost) -> dict[str, Json]:
    held: dict[str, Json] = {}
    for key, value in metadata.items():
        shape = shapes.get(key, shapes.get(OTHERS))
        if shape is not None and shape(value):
            held[key] = value
        else:
            lost(f"metadata.{shown(key)}", "ToolHive's schema does not take it")
    return held


def _held_tags(tags: Iterable[str], lost: Lost) -> list[str]:
    held: list[str] = []
    for index, tag in enumerate(tags):
        if _TAG.fullmatch(tag) and tag not in held:
            held.append(tag)
        else:
            lost(f"/tags/{index}", "ToolHive's tags have two letters or digits and no end in -")
    return held


def _written_tools(tools: Iterable[Object]) -> dict[str, Json]:
    named = list(tools)
    definitions = [tool for tool in named if len(tool) > 1]
    return {"tools": [tool["name"] for tool in named], "tool_definitions": definitions}


def _back_tools(kept: Kept, old: Object, tools: Sequence[Object], lost: Lost) -> dict[str, Json]:
    held: dict[str, Object] = {}
    for index, tool in enumerate(tools):
        if not _TOOL.fullmatch(tool["name"]) or tool["name"] in held:
            lost(f"/capabilities/tools/{index}", "ToolHive's tools have one name in A-Za-z0-9_-")
        else:
            held[tool["name"]] = tool
    written = _written_tools(held.values())
    raw = {key: old.get(key, value) for key, value in written.items()}
    if raw != written:
        if _read_tools(raw["tools"], raw["tool_definitions"], Notes()) == tuple(tools):
            return raw
        lost(kept.pointer("tools"), "no longer agree with the manifest, which counts")
    return written


def _back_permissions(
    kept: Kept, old: Object, sandbox: Sequence[str], lost: Lost, *, container: bool
) -> Object | None:
    if "permissions" in old:
        if _same(capabilities_of(old["permissions"]).sandbox, sandbox):
            return dict(old["permissions"])
        lost(kept.pointer("permissions"), "no longer agree with the manifest, which counts")
    if not container and not meaning(sandbox) and "net:none" not in sandbox:
        return None  # variables alone, of a package that ToolHive does not run
    result = permissions_of(sandbox)
    for index, reason in result.lost:
        lost(f"/capabilities/sandbox/{index}", reason)
    if container and result.permissions is None:
        lost("/capabilities/sandbox", "nothing is allowed here; ToolHive then opens the network")
    return result.permissions


def _same(one: Iterable[str], other: Iterable[str]) -> bool:
    try:
        return meaning(one) == meaning(other)
    except CapabilityError:
        return False
