"""Which entries of a source are wanted: one function, which also says why.

The semantics are those of ToolHive's registry server, so that a filter written for it means the
same here:

1. Names and tags are judged apart, and both must agree.
2. What `exclude` names is left, whatever `include` says.
3. With an `include` list, one of its patterns (or tags) must match; without, everything does.
4. Patterns are asked in their order. `*` crosses slashes. One that is not valid excludes every
   name that it is asked about.
5. Tags are compared exactly, and case counts. They are no patterns.

A name is the entry's own as the source has it: `io.github.owner/server` in official documents, a
bare `github` in ToolHive's legacy registry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcpreg_site.sources.globs import GlobError, compile_glob
from mcpreg_site.sources.interface import Filter, Globs


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an entry is wanted, and the sentence that says why."""

    wanted: bool
    because: str


def decide(wanted: Filter, name: str, tags: Iterable[str]) -> Decision:
    """Whether the filter takes an entry of this name with these tags.

    Pure: the same arguments give the same answer. Never raises.
    """
    by_name = _by_name(wanted.names, name)
    if not by_name.wanted:
        return by_name
    by_tag = _by_tag(wanted.tags, tuple(tags))
    if not by_tag.wanted:
        return by_tag
    return Decision(wanted=True, because=f"{by_name.because}; {by_tag.because}")


def _by_name(globs: Globs, name: str) -> Decision:
    for kind, patterns in (("exclude", globs.exclude), ("include", globs.include)):
        for pattern in patterns:
            try:
                matches = compile_glob(pattern).fullmatch(name)
            except GlobError as error:
                because = f"the {kind} pattern {pattern!r} {error}, which excludes every name"
                return Decision(wanted=False, because=because)
            if matches:
                because = f"the name {name} matches the {kind} pattern {pattern!r}"
                return Decision(wanted=kind == "include", because=because)
    if globs.include:
        because = f"the name {name} matches no include pattern ({_listed(globs.include)})"
        return Decision(wanted=False, because=because)
    return Decision(wanted=True, because="no name pattern is against it")


def _by_tag(globs: Globs, tags: tuple[str, ...]) -> Decision:
    for kind, listed in (("exclude", globs.exclude), ("include", globs.include)):
        for tag in listed:
            if tag in tags:
                because = f"the tag {tag!r} is on the {kind} list"
                return Decision(wanted=kind == "include", because=because)
    if globs.include:
        has = _listed(tags) if tags else "none"
        because = f"no tag is on the include list ({_listed(globs.include)}); it has {has}"
        return Decision(wanted=False, because=because)
    return Decision(wanted=True, because="no tag is against it")


def _listed(items: tuple[str, ...]) -> str:
    shown = ", ".join(items[:8])
    return f"{shown} and {len(items) - 8} more" if len(items) > 8 else shown
