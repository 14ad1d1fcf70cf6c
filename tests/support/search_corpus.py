"""Documents to search, the index of them as files, and the real worker script run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core.index import SEARCH_DIRECTORY, shard_path
from mcpreg.core.search import query as queries
from mcpreg.core.search.build import build_index
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import Index
from mcpreg.core.search.query import Ranked
from mcpreg.core.search.shards import Pointer, TermShard, read_documents

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "templates/assets/search-worker.js"
HARNESS = Path(__file__).with_name("search_node.cjs")


def make_document(identity: int, name: str, **changes: object) -> Document:
    values: dict[str, Any] = {
        "title": "",
        "description": "",
        "version": "1.0.0",
        "published_at": "2026-11-01T12:00:00Z",
        "tags": (),
        "tools": (),
        "status": "active",
        "safety": "safe",
        "tier": "unverified",
        "locked": True,
        "remote": False,
    }
    return Document(id=identity, name=name, **(values | changes))


def write_index(index: Index, folder: Path) -> Path:
    """The index as files of a site."""
    (folder / "search/shards").mkdir(parents=True, exist_ok=True)
    (folder / SEARCH_DIRECTORY).write_bytes(index.directory)
    for digest, data in index.shards.items():
        (folder / shard_path(digest)).write_bytes(data)
    return folder


@dataclass(frozen=True)
class Answer:
    """What Python says to a query: every server with its score, and the first ones' reasons."""

    ranked: list[Ranked]
    documents: list[Document]
    why: list[tuple[str, str] | None]


@dataclass(frozen=True)
class Searcher:
    """An index in memory, read as `mcpreg search` reads it."""

    index: Index

    def search(self, text: str, count: int = 30) -> Answer:
        pointer, query = Pointer(self.index.pointer), queries.parse(text)
        needed = queries.needed(query, pointer)
        shards = {digest: TermShard(self.index.shards[digest]) for digest in needed}
        ranked = queries.rank(query, pointer, shards)
        documents = [self._document(pointer, item.id) for item in ranked[:count]]
        return Answer(ranked, documents, [queries.why(query, item) for item in documents])

    def names(self, text: str) -> list[str]:
        return [document.name for document in self.search(text).documents]

    def _document(self, pointer: Pointer, identity: int) -> Document:
        digest = pointer.of_document(identity)
        assert digest is not None
        return read_documents(self.index.shards[digest])[identity]


def searcher(documents: Iterable[Document]) -> Searcher:
    return Searcher(build_index(documents))


def in_node(site: Path, worker: Path = WORKER, **asked: Sequence[str]) -> dict[str, Any]:
    """What the worker script answers to `queries` and makes of `texts`; skips without node."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed: apt-get install nodejs")
    done = subprocess.run(
        [node, str(HARNESS), str(worker), str(site)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def require_agreement(
    ours: Searcher,
    site: Path,
    asked: Sequence[str],
) -> None:
    """The same servers in the same order with the same scores and reasons, query by query."""
    answers = in_node(site, queries=asked)["answers"]
    for text, theirs in zip(asked, answers, strict=True):
        found = ours.search(text)
        assert "error" not in theirs, (text, theirs)
        assert theirs["total"] == len(found.ranked), text
        expected = [
            (document.name, item.score, list(why) if why else None)
            for document, item, why in zip(found.documents, found.ranked, found.why, strict=False)
        ]
        assert [(row["name"], row["score"], row["why"]) for row in theirs["results"]] == expected
