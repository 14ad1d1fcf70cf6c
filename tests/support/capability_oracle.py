"""What capabilities allow, worked out a second time: from their text, and by walking the host.

Shares no line with `mcpreg`: not its parser, not its plan, not `glob`. It knows SPEC section 2
(`./` the folder the person runs in, `~/` the home, `dir/**` a tree, `{arg}` what the person chose,
other patterns as in a shell), and one rule beside it: no link is followed, ever.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from planted_host import Item

HOME_INSIDE = "/home/mcp"
MOST_MATCHES = 256


@dataclass(frozen=True)
class Ask:
    """A person who starts a server: capabilities, where, and with which `{directory}`."""

    capabilities: tuple[str, ...]
    cwd: str
    home: str
    arguments: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()


@dataclass
class Allowed:
    """`seen` maps a path inside to the host's path; `written` has those that may be written.

    `objections` are reasons for which a launch may be refused as a whole.
    """

    seen: dict[str, str] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    objections: list[str] = field(default_factory=list)


def allowed(ask: Ask, items: Mapping[str, Item]) -> Allowed:
    """What a sandbox made for `ask` may show; `items` is the whole of the planted host."""
    result = Allowed()
    for value in ask.arguments:
        if "\n" in value or any("\ud800" <= char <= "\udfff" for char in value):
            result.objections.append(f"{value!r} is not one line of text")
    reading: list[str] = []
    writing: list[str] = []
    for text in (*ask.capabilities, *ask.grants):
        _, access, path = text.split(":", 2)
        if not _is_in_grammar(text, path):
            result.objections.append(f"{text!r} is not in the grammar")
            continue
        for start, pattern in _starts(path, ask):
            roots = _roots(start, pattern, path, items, result)
            (writing if access == "write" else reading).extend(roots)
            for root in roots:
                _show(root, _inside(root, path, ask.home), access, items, result)
    _object_to_nesting(reading, writing, result)
    return result


def _is_in_grammar(text: str, path: str) -> bool:
    first, *others = path.removesuffix("/**").split("/")
    braced = first == "{directory}" or not set(first) & set("{}")
    odd = any(part == "**" or set(part) & set("{}") for part in others)
    return text.isprintable() and braced and not odd


def _is_there(place: str, items: Mapping[str, Item]) -> bool:
    if place in items:
        return items[place].kind != "link"
    return not place or _leads_to(place, items)


def _starts(path: str, ask: Ask) -> Iterator[tuple[str, list[str]]]:
    """The folder that a capability begins at, and the parts of its pattern."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/"):
        yield "", parts
    elif path.startswith("~"):
        yield ask.home, parts[1:]
    elif path.startswith("{"):
        for value in ask.arguments:
            whole = value if value.startswith("/") else f"{ask.cwd}/{value}"
            yield "/" + posixpath.normpath(whole).strip("/"), parts[1:]
    else:
        yield ask.cwd, parts


def _roots(
    start: str,
    parts: list[str],
    path: str,
    items: Mapping[str, Item],
    result: Allowed,
) -> list[str]:
    """What a capability names: files, and folders when it ends in `/**`."""
    tree = parts[-1:] == ["**"]
    parts = parts[:-1] if tree else parts
    pattern = any(set(part) & set("*?[") for part in parts)
    found = [start.rstrip("/")]
    if not _is_there(found[0], items):
        result.objections.append(f"{start} is not there, or behind a link")
    for part in parts:
        found = [inner for outer in found for inner in _matches(outer, part, items)]
    if len(found) > MOST_MATCHES:
        result.objections.append("too many matches")
        return []
    found = [place for place in found if items.get(place, Item("link")).kind != "link"]
    if not found and not pattern:
        result.objections.append(f"{path}: nothing there, or a link on the way")
    roots = []
    for place in found:
        kind = items[place].kind
        if kind == "special":
            result.objections.append(f"{place} is neither file nor folder")
        elif kind == "folder" and not tree and path not in (".", "./", "~", "~/"):
            result.objections.append(f"{place} is a folder")
        else:
            roots.append(place)
    return roots


def _matches(folder: str, part: str, items: Mapping[str, Item]) -> list[str]:
    """The entries of a folder, links not entered, that one part of a pattern names."""
    if not set(part) & set("*?["):
        place = f"{folder}/{part}"
        above = items.get(folder)
        entered = above is None or above.kind == "folder"
        return [place] if entered and (place in items or _leads_to(place, items)) else []
    if items.get(folder, Item("folder")).kind != "folder":
        return []
    wanted = _shell(part)
    names = {
        place.rpartition("/")[2]
        for place in items
        if place.rpartition("/")[0] == folder and items[place].kind != "link"
    }
    shown = {name for name in names if part.startswith(".") or not name.startswith(".")}
    return sorted(f"{folder}/{name}" for name in shown if wanted.fullmatch(name))


def _leads_to(place: str, items: Mapping[str, Item]) -> bool:
    """Whether a path lies above the planted host."""
    return any(item.startswith(f"{place}/") for item in items)


def _shell(part: str) -> re.Pattern[str]:
    """A part of a shell pattern: `*`, `?`, `[seq]`, `[!seq]`; an unclosed `[` is itself."""
    said, at = "", 0
    while at < len(part):
        char = part[at]
        at += 1
        end = part.find("]", at + (2 if part[at : at + 1] == "!" else 1)) if char == "[" else -1
        if char == "*":
            said += ".*"
        elif char == "?":
            said += "."
        elif end > 0:
            inner, at = part[at:end], end + 1
            negated, inner = inner.startswith("!"), inner.removeprefix("!")
            escaped = re.sub(r"([\\^\[\]&~|])", r"\\\1", inner)
            said += f"[{'^' if negated else ''}{escaped}]"
        else:
            said += re.escape(char)
    return re.compile(said, re.DOTALL)


def _inside(root: str, path: str, home: str) -> str:
    """Where it stands inside: below the sandbox's home what is below the person's by `~`."""
    return HOME_INSIDE + root[len(home.rstrip("/")) :] if path.startswith("~") else root


def _show(root: str, inside: str, access: str, items: Mapping[str, Item], result: Allowed) -> None:
    if inside == HOME_INSIDE or inside in ("", "/"):
        result.objections.append(f"{root} would cover what the sandbox provides")
    for place, item in items.items():
        if item.kind in ("file", "folder") and (place == root or place.startswith(f"{root}/")):
            seen = inside + place[len(root) :]
            if result.seen.setdefault(seen, place) != place:
                result.objections.append(f"{seen} would be two things")
            if access == "write":
                result.written.add(seen)


def _object_to_nesting(reading: Sequence[str], writing: Sequence[str], result: Allowed) -> None:
    for outer in reading:
        for inner in writing:
            if inner.startswith(f"{outer}/"):
                result.objections.append(f"{inner} writable inside the read-only {outer}")
