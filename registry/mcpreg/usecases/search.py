"""Searching the registries this machine trusts, over their signed search indexes.

A verified pointer is kept for `FRESH` seconds and shards for good, under their hash: within that
time a search whose shards are here reads local files and imports neither tuf nor pydantic. A host
that does not answer leaves the last verified copy, however old, and a note about its age.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcpreg.core.search import query as queries
from mcpreg.core.search.build import TAG
from mcpreg.core.search.documents import Document
from mcpreg.core.search.query import Query, Ranked
from mcpreg.core.search.shards import Pointer, TermShard, read_documents
from mcpreg.errors import UnreachableError, VerificationError
from mcpreg.store.files import write_atomic
from mcpreg.store.network import is_offline
from mcpreg.store.places import Places
from mcpreg.trust.pins import Pin, Pins

if TYPE_CHECKING:  # imports tuf, which a search of what is here does without
    from mcpreg.trust.client import RegistryClient

OFFLINE = "nothing is fetched offline"
FRESH = 3600  # seconds; the registry signs its timestamp anew every twelve hours
TIERS = ("unverified", "community-trusted", "security-audited", "certified")
_CONNECTIONS = 8  # to one host, when everything is fetched


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for. `tier` is the lowest that counts; `limit` 0 means every hit."""

    text: str
    tag: str | None = None
    tier: str = TIERS[0]
    locked: bool = False
    limit: int = 20

    def lets_pass(self, document: Document) -> bool:
        """Whether a hit passes the filters that no posting answers."""
        tier = TIERS.index(document.tier) if document.tier in TIERS else 0
        return tier >= TIERS.index(self.tier) and (document.locked or not self.locked)


@dataclass(frozen=True, slots=True)
class Hit:
    """A server that answers, as its registry's signed index describes it. Higher scores first."""

    registry: str
    document: Document
    score: int
    why: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Found:
    """The best hits; `more` says whether there are others beyond the limit."""

    hits: tuple[Hit, ...]
    more: bool


def search(
    places: Places, wanted: Wanted, *, refresh: bool = False, note: Callable[[str], None]
) -> Found:
    """The servers that answer best, over all registries.

    `note` is told when a registry's last verified copy is used because its host does not answer.

    Raises:
        UnreachableError: what is needed is not here and cannot be fetched.
        VerificationError: a registry serves what nobody signed.
    """
    hits: list[Hit] = []
    more = False
    for pin in Pins(places.config).all():
        found = _Shelf(places, pin, note).search(wanted, refresh=refresh)
        hits += found.hits
        more = more or found.more
    hits.sort(key=lambda hit: -hit.score)  # stable: each registry's own order stays
    most = wanted.limit or len(hits)
    return Found(tuple(hits[:most]), more or len(hits) > most)


def download(places: Places) -> int:
    """Fetch every registry's whole index, for searching offline. Returns the number of shards.

    Raises as `search`.
    """
    return sum(_Shelf(places, pin, _ignore).download() for pin in Pins(places.config).all())


def _ignore(_: str) -> None:
    pass


class _Shelf:
    """One registry's search index: what of it is here, and the way to the rest."""

    def __init__(self, places: Places, pin: Pin, note: Callable[[str], None]) -> None:
        self._places, self._pin, self._note = places, pin, note
        key = pin.root[7:39]
        self._kept = places.cache / "search" / f"{key}.json"
        self._shards = places.cache / "registries" / key / "shards"
        self._client: RegistryClient | None = None

    def search(self, wanted: Wanted, *, refresh: bool) -> Found:
        pointer, is_new = self._pointer(refresh=refresh)
        try:
            return self._answer(pointer, wanted)
        except UnreachableError:
            if is_new:
                raise
        # The host may have let go of shards that a pointer kept for an hour still names.
        pointer, _ = self._pointer(refresh=True)
        return self._answer(pointer, wanted)

    def download(self) -> int:
        from concurrent.futures import ThreadPoolExecutor

        pointer, _ = self._pointer(refresh=True)
        digests = [*pointer.term_shards, *pointer.document_shards]
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for _ in pool.map(self._shard, digests):
                pass
        return len(digests)

    def _answer(self, pointer: Pointer, wanted: Wanted) -> Found:
        query = queries.parse(wanted.text)
        hits: list[Hit] = []
        for document, score in self._documents(pointer, self._ranked(pointer, query, wanted)):
            if not wanted.lets_pass(document):
                continue
            if wanted.limit and len(hits) == wanted.limit:
                return Found(tuple(hits), more=True)
            hits.append(Hit(self._pin.name, document, score, queries.why(query, document)))
        return Found(tuple(hits), more=False)

    def _ranked(self, pointer: Pointer, query: Query, wanted: Wanted) -> Iterable[Ranked]:
        if not query.spelled:
            if wanted.text.strip():
                return []
            if wanted.tag is None:
                return self._newest(pointer)
        ranked = queries.rank(query, pointer, self._terms(queries.needed(query, pointer)))
        if wanted.tag is None:
            return ranked
        tagged = self._tagged(pointer, wanted.tag)
        if not query.spelled:
            return [Ranked(identity, 0) for identity in sorted(tagged, reverse=True)]
        return [item for item in ranked if item.id in tagged]

    def _newest(self, pointer: Pointer) -> Iterator[Ranked]:
        for digest in reversed(pointer.document_shards):
            for identity in sorted(read_documents(self._shard(digest)), reverse=True):
                yield Ranked(identity, 0)

    def _tagged(self, pointer: Pointer, tag: str) -> set[int]:
        digest = pointer.of_term(tag + TAG)
        if digest is None:
            return set()
        return set(TermShard(self._shard(digest)).postings(tag + TAG).ids)

    def _terms(self, digests: Iterable[str]) -> Mapping[str, TermShard]:
        return {digest: TermShard(self._shard(digest)) for digest in sorted(digests)}

    def _documents(
        self, pointer: Pointer, ranked: Iterable[Ranked]
    ) -> Iterator[tuple[Document, int]]:
        loaded: dict[str, dict[int, Document]] = {}
        for item in ranked:
            digest = pointer.of_document(item.id)
            if digest is None:
                raise VerificationError(f"the search index of {self._pin.name!r} lacks a server")
            if digest not in loaded:
                loaded[digest] = read_documents(self._shard(digest))
            if item.id not in loaded[digest]:
                raise VerificationError(f"the search index of {self._pin.name!r} lacks a server")
            yield loaded[digest][item.id], item.score

    def _shard(self, digest: str) -> bytes:
        try:
            data = (self._shards / digest).read_bytes()
        except OSError:
            data = b""
        if sha256(data).hexdigest() == digest:
            return data
        return self._registry().shard(digest)

    def _pointer(self, *, refresh: bool) -> tuple[Pointer, bool]:
        """The pointer, and whether it was fetched just now."""
        kept = _read(self._kept)
        is_fresh = kept is not None and 0 <= time.time() - kept.fetched < FRESH
        if kept and is_fresh and not refresh:
            return Pointer(kept.body), False
        if kept and is_offline():
            self._note(f"{self._pin.name}: {OFFLINE}; using what was {_verified(kept)}")
            return Pointer(kept.body), True
        try:
            body = self._registry().search_pointer()
        except UnreachableError as error:
            if kept is None:
                raise
            self._note(f"{error.message}; using what was {_verified(kept)}")
            return Pointer(kept.body), True
        pointer = Pointer(body)
        text = body.decode()
        record = {"fetched": time.time(), "sha256": sha256(body).hexdigest(), "body": text}
        write_atomic(self._kept, json.dumps(record).encode(), ours=True)
        return pointer, True

    def _registry(self) -> RegistryClient:
        if self._client is None:
            from mcpreg.usecases import registries

            self._client = registries.clients(self._places, self._pin.name)[0]
        return self._client


@dataclass(frozen=True, slots=True)
class _Kept:
    fetched: float  # seconds since 1970
    body: bytes


def _verified(kept: _Kept) -> str:
    return time.strftime("verified on %Y-%m-%d %H:%M", time.localtime(kept.fetched))


def _read(path: Path) -> _Kept | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        body = data["body"].encode()
        intact = sha256(body).hexdigest() == data["sha256"]
        return _Kept(float(data["fetched"]), body) if intact else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
