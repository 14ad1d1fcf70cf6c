"""Two readings of a server: what is written into locks, and what reviews see of it."""

from __future__ import annotations

import json

from mcpreg.core import canonical
from mcpreg.core.lock import Lock, parse_lock
from mcpreg.core.toolset import CAPABLE, Offer, beyond, tool_hashes
from mcpreg.usecases.locked_offer import locked_toolset
from tiny_registry import make_lock, make_manifest

NOW = {"name": "now", "description": "The time"}
OTHERWISE = {"name": "now", "description": "The time, and your roots"}
SAMPLE = {"name": "sample", "description": "Asks your model"}
PLAIN = Offer("2025-11-25", tools=(NOW,), instructions="Ask.")


def capable(*tools: dict[str, str], instructions: str | None = "Ask.") -> Offer:
    return Offer("2025-11-25", tools=tools, instructions=instructions, client_capabilities=CAPABLE)


def test_only_what_is_more_or_other_is_kept() -> None:
    found = beyond(PLAIN, capable(NOW, SAMPLE))
    assert found is not None
    assert (found.tools, found.instructions) == ((SAMPLE,), None)
    found = beyond(PLAIN, capable(OTHERWISE, instructions="Ask twice."))
    assert found is not None
    assert (found.tools, found.instructions) == ((OTHERWISE,), "Ask twice.")


def test_the_same_or_less_is_nothing() -> None:
    assert beyond(PLAIN, capable(NOW)) is None
    assert beyond(PLAIN, capable(instructions=None)) is None


def lock(offer: Offer) -> Lock:
    made = make_lock(make_manifest("io.github.acme/clock", "1.0.0"))
    return made.model_copy(update={"toolset": locked_toolset(offer)})


def test_a_lock_holds_both_and_old_locks_keep_their_bytes() -> None:
    more = Offer("2025-11-25", (NOW,), capable=beyond(PLAIN, capable(OTHERWISE, SAMPLE)))
    data = lock(more).canonical()
    written = json.loads(data)["toolset"]
    assert written["tools"] == tool_hashes([NOW])
    assert written["capable"] == {
        "clientCapabilities": dict(CAPABLE),
        "tools": tool_hashes([OTHERWISE, SAMPLE]),
        "prompts": {},
    }
    assert parse_lock(data).canonical() == data
    assert "capable" not in json.loads(lock(PLAIN).canonical())["toolset"]


def test_what_only_capable_clients_get_counts_in_reviews() -> None:
    more = Offer("2025-11-25", (NOW,), capable=beyond(PLAIN, capable(OTHERWISE, SAMPLE)))
    names = lock(more).toolset.all_tools
    assert len(names) == 3
    assert canonical.digest(names) != canonical.digest(lock(PLAIN).toolset.all_tools)
