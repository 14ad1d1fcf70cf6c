"""An index made from the one before it is the one that would be made anew."""

from __future__ import annotations

import random

import pytest

from mcpreg.core.search import laying
from mcpreg.core.search.build import build_weighted, weights_of
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import Index, Posting
from mcpreg.core.search.patch import Change, Old, Weighted, patched

WORDS = [f"{a}{b}" for a in ("zor", "ba", "mel", "tik", "Ω", "é") for b in map(str, range(150))]
COMMON = 40  # stands for the 4,096 of a real index
Servers = dict[int, Weighted]


@pytest.fixture(autouse=True)
def _a_small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laying, "MAX_POSTINGS", COMMON)


def _server(identity: int, chance: random.Random) -> Weighted:
    words = chance.choices(WORDS, k=chance.randrange(3, 40))
    document = Document(
        id=identity,
        name=f"com.example/{chance.choice(WORDS)}-{identity}",
        title=" ".join(words[:3]),
        description=" ".join(words),
        version="1.0.0",
        published_at="2026-11-01T00:00:00Z",
        tags=tuple(words[:2]),
        tools=tuple(words[2:5]),
        status="active",
        safety="low",
        tier="unverified",
        locked=False,
        remote=False,
    )
    return document, weights_of(document)


class _Kept:
    """What a build remembers: every shard, and the terms that a shard has only a part of."""

    def __init__(self, servers: Servers) -> None:
        self.shards: dict[str, bytes] = {}
        self.common: dict[str, list[Posting]] = {}
        self.loads = 0
        self.keep(build_weighted(servers.values()))

    def keep(self, index: Index) -> None:
        self.index = index
        self.shards |= index.shards
        self.common |= index.common

    def _load(self, digest: str) -> bytes:
        self.loads += 1
        return self.shards[digest]

    def old(self, servers: int) -> Old:
        index = self.index
        return Old(servers, index.terms, index.documents, self._load, self.common.__getitem__)


def _changed(servers: Servers, chance: random.Random) -> list[Change]:
    """Some servers come, some go, some are told of in other words."""
    changes: list[Change] = []
    for _ in range(chance.choice((1, 1, 2, 9))):
        identity = chance.choice([*servers, max(servers, default=0) + 1, chance.randrange(1, 2000)])
        if any(one[0].id == identity for change in changes for one in change if one):
            continue
        before = servers.pop(identity, None)
        after = _server(identity, chance) if before is None or chance.random() < 0.6 else None
        if after is not None:
            servers[identity] = after
        changes.append(Change(before, after))
    return changes


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [0, 1, 400])
def test_a_patched_index_is_the_one_made_anew(seed: int, size: int) -> None:
    chance = random.Random(f"{seed} {size}")
    identities = chance.sample(range(1, 2000), size)
    servers = {identity: _server(identity, chance) for identity in identities}
    kept = _Kept(servers)
    for _ in range(25):
        before = len(servers)
        found = patched(kept.old(before), _changed(servers, chance))
        kept.keep(found)
        anew = build_weighted(servers.values())
        assert found.pointer == anew.pointer
        assert found.directory == anew.directory
        assert (found.terms, found.documents) == (anew.terms, anew.documents)
        assert anew.shards.items() <= kept.shards.items()


def test_one_change_reads_a_few_shards_of_many() -> None:
    chance = random.Random(3)
    servers = {identity: _server(identity, chance) for identity in range(1, 1500)}
    kept = _Kept(servers)
    assert any(len(postings) > COMMON for postings in kept.common.values())
    before = servers[700]
    servers[700] = (before[0], {**before[1], "a-new-word": 7})
    found = patched(kept.old(len(servers)), [Change(before, servers[700])])
    assert found.pointer == build_weighted(servers.values()).pointer
    assert kept.loads < len(kept.index.terms) / 2 + 3


def test_what_was_lost_is_said_and_not_made_up() -> None:
    chance = random.Random(4)
    servers = {identity: _server(identity, chance) for identity in range(1, 300)}
    kept = _Kept(servers)
    kept.shards.clear()
    with pytest.raises(LookupError):
        patched(kept.old(len(servers)), [Change(servers[7], None)])
