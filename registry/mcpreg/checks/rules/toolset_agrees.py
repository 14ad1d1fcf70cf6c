"""The server offers what its manifest declares and what its lock holds the hashes of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcpreg.checks import examples
from mcpreg.checks.case import Case
from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core import canonical, toolset
from mcpreg.core.evidence import Behaviour, Evidence, Missing
from mcpreg.core.lock import LOCK_FILE, Lock, LockedOffer, LockedToolset
from mcpreg.core.manifest import Prompt, Tool
from mcpreg.core.toolset import PROMPT_FIELDS, TOOL_FIELDS, Offer

_FIX = "declare what tools/list answers; mcpreg lock reads it again"


def _check(case: Case) -> Iterator[Problem]:
    behaviour = case.evidence.behaviour
    if isinstance(behaviour, Missing):
        return
    if behaviour.offer is None:
        reason = behaviour.killed or behaviour.problem or "it offered nothing"
        yield Problem(
            f"it could not be asked what it offers: {reason}",
            fix="a server must list its tools without network and without real secrets",
        )
        return
    declared, offer = case.manifest.capabilities, behaviour.offer
    yield from _against_manifest("tool", declared.tools, offer.tools, TOOL_FIELDS)
    yield from _against_manifest("prompt", declared.prompts, offer.prompts, PROMPT_FIELDS)
    if case.lock is not None:
        yield from _against_lock(case.lock, offer)


def _against_manifest(
    what: str,
    declared: Sequence[Tool | Prompt],
    offered: Sequence[Mapping[str, Any]],
    fields: Sequence[str],
) -> Iterator[Problem]:
    """A declared name alone is enough; whatever else is declared must be what is offered."""
    live = {str(item["name"]): item for item in offered}
    place = ("capabilities", f"{what}s")
    for index, item in enumerate(declared):
        pointer = (*place, index)
        if item.name not in live:
            yield Problem(f"the {what} {item.name!r} is declared but not offered", pointer, _FIX)
            continue
        said = item.model_dump(mode="json", by_alias=True, exclude_none=True)
        for field in fields:
            if field in said and said[field] != live[item.name].get(field):
                yield Problem(
                    f"the {what} {item.name!r} is offered with another {field}", pointer, _FIX
                )
    for name in sorted(live.keys() - {item.name for item in declared}):
        yield Problem(f"the {what} {name!r} is offered but not declared", ("capabilities",), _FIX)


def _against_lock(lock: Lock, offer: Offer) -> Iterator[Problem]:
    yield from _against_reading(lock.toolset, offer)
    besides = lock.toolset.capable or LockedOffer(client_capabilities={})
    yield from _against_reading(besides, offer.capable or Offer(protocol=offer.protocol))


def _against_reading(locked: LockedToolset | LockedOffer, offer: Offer) -> Iterator[Problem]:
    pairs = (
        ("tool", locked.tools, toolset.tool_hashes(offer.tools)),
        ("prompt", locked.prompts, toolset.prompt_hashes(offer.prompts)),
    )
    for what, before, now in pairs:
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                yield Problem(
                    f"the {what} {name!r} is not what was locked", file=LOCK_FILE, fix="mcpreg lock"
                )
    instructions = canonical.digest(offer.instructions) if offer.instructions else None
    if instructions != locked.instructions:
        yield Problem("the instructions are not what was locked", file=LOCK_FILE, fix="mcpreg lock")


def _behaviour(*names: str) -> Evidence:
    tools = tuple({"name": name} for name in names)
    return Evidence(behaviour=Behaviour(offer=Offer(protocol="2025-11-25", tools=tools)))


_NAMES_ONLY = with_capabilities(tools=[{"name": "now"}])
_LOCK = {LOCK_FILE: examples.lock()}

RULE = CaseRule(
    id="toolset-agrees",
    severity=Severity.ERROR,
    rationale=(
        "People approve the tools that they were shown; a server that offers others when it runs "
        "was approved for something that it is not."
    ),
    fires=Example(_NAMES_ONLY, files=_LOCK, evidence=_behaviour("now", "send_file")),
    silent=Example(_NAMES_ONLY, files=_LOCK, evidence=_behaviour("now")),
    check=_check,
    needs=("behaviour",),
)
