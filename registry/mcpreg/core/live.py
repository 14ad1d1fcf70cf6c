"""What a running server offers, beside what was locked.

A message is judged by what it holds and not by what was asked: an answer may come before its
question is seen here, twice, or unasked. Each item must have the hash that the lock has under its
name, in either of its two readings: one by a client that declares nothing and one by a client that
declares everything. A list that leaves locked items out is a narrower one and passes, on record.
What two readers could take for two things (a member twice, or in other letter case, which Go reads
as the same) is never compared: it counts as changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcpreg.core import canonical
from mcpreg.core.toolset import PROMPT_FIELDS, TOOL_FIELDS, hash_item

_PLAIN = r"[A-Za-z0-9._/-]{1,128}"
_SHOWN = 8  # changes named in a sentence; the record has more
_RECORDED = 64
_LISTS = {"tools": ("tool", TOOL_FIELDS), "prompts": ("prompt", PROMPT_FIELDS)}


@dataclass(frozen=True, slots=True)
class Locked:
    """The hashes that a lock has, by name, and of the instructions."""

    tools: Mapping[str, str]
    prompts: Mapping[str, str]
    instructions: str | None = None
    capable: Locked | None = None
    """What was read besides with a client that declares everything."""


def from_lock(document: Mapping[str, Any]) -> Locked:
    """Read `toolset` of a verified lock. Raises KeyError or TypeError when it has none."""
    toolset = document["toolset"]
    more = toolset.get("capable")
    return replace(_locked(toolset), capable=_locked(more) if more is not None else None)


def _locked(reading: Mapping[str, Any]) -> Locked:
    prompts = dict(reading.get("prompts", {}))
    return Locked(dict(reading["tools"]), prompts, reading.get("instructions"))


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `added` (not in the lock), `changed`, or `unreadable` (not comparable).

    `what` is `tool`, `prompt`, `instructions` or `message`; `name` is safe to print; `fields` are
    the members that differ from what this server said earlier in the session, when it did.
    """

    kind: str
    what: str
    name: str = ""
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        subject = f"{self.what} {self.name}".strip()
        if self.kind == "added":
            return f"{subject} is not in the lock"
        if self.kind == "unreadable":
            return f"{subject} cannot be compared"
        verb = "are" if self.what == "instructions" else "is"
        if self.fields:
            return f"{subject} has another {' and '.join(self.fields)}"
        return f"{subject} {verb} not what was locked"


def sentence(changes: Sequence[Change]) -> str:
    """The changes for people, the first few by name."""
    shown = "; ".join(map(str, changes[:_SHOWN]))
    return f"{shown}; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else shown


def document(changes: Sequence[Change]) -> list[dict[str, object]]:
    """The changes as JSON, for the audit log and for clients."""
    return [
        {"kind": item.kind, "what": item.what, "name": item.name, "fields": list(item.fields)}
        for item in changes[:_RECORDED]
    ]


@dataclass(frozen=True, slots=True)
class Missing:
    """A whole list without these locked names: `what` is `tool` or `prompt`. None: it is whole."""

    what: str
    names: tuple[str, ...]


class Ambiguous(dict[str, Any]):
    """A JSON object that had one member twice, or in two spellings."""


def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """`object_pairs_hook` for what `Toolset.judge` takes."""
    read = dict(members)
    if len({key.casefold() for key in read}) < len(members):
        return Ambiguous(read)
    return read


class Toolset:
    """The lock's side of the comparison, and what the server has said so far that agreed."""

    def __init__(self, locked: Locked) -> None:
        readings = [locked] if locked.capable is None else [locked, locked.capable]
        self._plain = {"tool": frozenset(locked.tools), "prompt": frozenset(locked.prompts)}
        self._hashes = {
            "tool": _merged(reading.tools for reading in readings),
            "prompt": _merged(reading.prompts for reading in readings),
        }
        self._instructions = {reading.instructions for reading in readings} - {None}
        self._listed: dict[str, set[str]] = {"tool": set(), "prompt": set()}
        self._missing: dict[str, tuple[str, ...]] = {"tool": (), "prompt": ()}
        self._news: list[Missing] = []
        self._seen: dict[tuple[str, str], Mapping[str, str]] = {}

    def judge(self, message: Any) -> list[Change]:  # noqa: ANN401  # whatever JSON it sent
        """How this message differs from the lock; nothing when it holds no toolset.

        Args:
            message: one JSON-RPC message, or a batch of them, read with `pairs`.
        """
        if isinstance(message, list):
            return [change for item in message for change in self.judge(item)]
        if not isinstance(message, dict):
            return []
        if isinstance(message, Ambiguous):
            return [Change("unreadable", "message")]
        found = self._members(message)
        for key, value in message.items():
            if key.casefold() == "result" and isinstance(value, dict):
                found += self._members(value)
        return found

    def _members(self, result: Mapping[str, Any]) -> list[Change]:
        """Compare a result. A message's own members are looked at in the same way, since a reader
        of concatenated JSON joins a result that was written on a line of its own."""
        found: list[Change] = []
        for key, value in result.items():
            folded = key.casefold()
            if folded not in _LISTS and folded != "instructions":
                continue
            if key != folded or isinstance(result, Ambiguous):
                found.append(Change("unreadable", "message"))
            elif key == "instructions":
                found += self._told(value)
            elif not isinstance(value, list):
                found.append(Change("unreadable", "message"))
            else:
                found += self._items(value, *_LISTS[key])
                self._count(_LISTS[key][0], value, last=result.get("nextCursor") is None)
        return found

    def missing(self) -> list[Missing]:
        """What the lists that ended since the last call left out, when that is something new."""
        news, self._news = self._news, []
        return news

    def _count(self, what: str, items: Sequence[Any], *, last: bool) -> None:
        listed = self._listed[what]
        names = (item.get("name") for item in items if isinstance(item, dict))
        # Bounded by the lock, as everything that is kept here.
        listed.update(name for name in names if isinstance(name, str) and name in self._plain[what])
        if last:
            gone = tuple(sorted(self._plain[what] - listed))
            if gone != self._missing[what]:
                self._missing[what] = gone
                self._news.append(Missing(what, gone))
            listed.clear()

    def _told(self, instructions: object) -> Iterator[Change]:
        if instructions in (None, ""):
            return  # saying less is narrower
        if not self._instructions:
            yield Change("added", "instructions")
        elif _digest(instructions) not in self._instructions:
            yield Change("changed", "instructions")

    def _items(self, items: list[Any], what: str, fields: tuple[str, ...]) -> Iterator[Change]:
        locked = self._hashes[what]
        for item in items:
            name = item.get("name") if isinstance(item, dict) else None
            if not isinstance(name, str) or not _is_clear(item, fields):
                yield Change("unreadable", what, _shown(name))
            elif name not in locked:
                yield Change("added", what, _shown(name))
            elif _hash(item, fields) not in locked[name]:
                yield Change("changed", what, _shown(name), self._changed(what, item, fields))
            else:
                self._remember(what, item, fields)

    def _remember(self, what: str, item: Mapping[str, Any], fields: Sequence[str]) -> None:
        # Bounded by the lock: only what it names gets here.
        place = (what, item["name"])
        if place not in self._seen:
            self._seen[place] = {field: _digest(item.get(field)) for field in fields}

    def _changed(
        self, what: str, item: Mapping[str, Any], fields: Sequence[str]
    ) -> tuple[str, ...]:
        before = self._seen.get((what, item["name"]))
        if before is None:
            return ()
        return tuple(field for field in fields if _digest(item.get(field)) != before[field])


def _merged(readings: Iterable[Mapping[str, str]]) -> dict[str, frozenset[str]]:
    """Every hash that was locked under a name."""
    found: dict[str, frozenset[str]] = {}
    for reading in readings:
        for name, value in reading.items():
            found[name] = found.get(name, frozenset()) | {value}
    return found


def _is_clear(value: object, fields: Sequence[str]) -> bool:
    """Whether every reader finds the same members, the hashed ones under their own names."""
    if isinstance(value, Ambiguous):
        return False
    if isinstance(value, dict):
        folded = {field.casefold() for field in fields}
        if any(key.casefold() in folded and key not in fields for key in value):
            return False
        return all(_is_clear(item, ()) for item in value.values())
    if isinstance(value, list):
        return all(_is_clear(item, ()) for item in value)
    return True


def _hash(item: Mapping[str, Any], fields: Sequence[str]) -> str:
    try:
        return hash_item(item, fields)
    except (ValueError, RecursionError):
        return ""  # what cannot be hashed was never locked


def _digest(value: object) -> str:
    try:
        return canonical.digest(value)
    except (ValueError, RecursionError):
        return ""


def _shown(name: object) -> str:
    """A name that may go to terminals, logs and clients: a hostile one could hold instructions."""
    return name if isinstance(name, str) and re.fullmatch(_PLAIN, name) else "with an odd name"
