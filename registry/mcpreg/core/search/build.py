"""From documents to the index: a pointer document, and shards under the hash of their content.

    pointer          how many servers; what parts the shards, and their SHA-256; this is signed
    directory        the same for browsers, which verify nothing: names of files instead
    term shard       terms in order; for each how many servers have it, which, and how much
    document shard   what is shown of servers, in the order of their ids

Keys that end in a mark are no words: `compact=` an exact name, `compact~` one but for `mcp` and
`server`, `compact#` an exact tool, `tag@` a tag as written, `namespace/` its servers. They lie
beside the words that they begin with.

The directory is a third of a first query, so it says no more than it must: the shortest text that
parts two term shards, and what each shard's first id has more than the one before.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpreg.core.search import scoring, words
from mcpreg.core.search.cutting import Cut, cut
from mcpreg.core.search.documents import Document, to_columns

VERSION = 3
NAME, ALIAS, TOOL, TAG, NAMESPACE = "=", "~", "#", "@", "/"
NAME_DIGITS = 24  # of a shard's file: 96 bits tell files apart; whoever verifies has the digest
MAX_POSTINGS = 4096
"""A term that more servers have keeps the best of them: it says little, and nobody reads so far."""
# Bytes before compression, which makes them a fourth; a few of each are a first query.
TERMS = Cut(apart=128, least=6 << 10, most=32 << 10)
DOCUMENTS = Cut(apart=8, least=4 << 10, most=12 << 10)
_GENERIC = frozenset(("mcp", "server", "servers"))

Posting = tuple[int, int]  # document id, weight


@dataclass(frozen=True, slots=True)
class Index:
    """`shards`: 64 hexadecimal digits to the bytes that have this SHA-256."""

    pointer: bytes
    directory: bytes
    shards: Mapping[str, bytes]


def build_index(documents: Iterable[Document]) -> Index:
    """The index of these servers; a pure function of the documents, whatever their order.

    Raises:
        ValueError: two documents have one id.
    """
    return build_weighted((document, weights_of(document)) for document in documents)


def build_weighted(found: Iterable[tuple[Document, Mapping[str, int]]]) -> Index:
    """The same from documents and what `weights_of` says of each; finding words takes longest."""
    ordered = sorted(found, key=lambda item: item[0].id)
    if len({document.id for document, _ in ordered}) != len(ordered):
        raise ValueError("two servers have one id")
    shards: dict[str, bytes] = {}
    terms = _table(_term_shards(ordered), shards)
    shown = _table(_document_shards([document for document, _ in ordered]), shards)
    head = {"searchVersion": VERSION, "servers": len(ordered)}
    return Index(
        _dumps({**head, "terms": terms.digests(), "documents": shown.digests()}),
        _dumps({**head, "terms": terms.names(), "documents": shown.names()}),
        shards,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What parts each shard from the one before, and its digest. Digests stand in one text."""

    parts: Sequence[str | int]
    sha256: Sequence[str]

    def digests(self) -> dict[str, Any]:
        return {"parts": self.parts, "sha256": "".join(self.sha256)}

    def names(self) -> dict[str, Any]:
        return {"parts": self.parts, "names": "".join(map(name_of, self.sha256))}


def name_of(digest: str) -> str:
    """What the file of a shard is called: the beginning of its digest."""
    return digest[:NAME_DIGITS]


def _table(found: Iterable[tuple[str | int, dict[str, Any]]], shards: dict[str, bytes]) -> _Table:
    parts, digests = [], []
    for part, body in found:
        data = _dumps(body)
        digest = hashlib.sha256(data).hexdigest()
        shards[digest] = data
        parts.append(part)
        digests.append(digest)
    return _Table(parts, digests)


def _dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _document_shards(documents: Sequence[Document]) -> Iterable[tuple[int, dict[str, Any]]]:
    sized = ((document.name, _size(document), document) for document in documents)
    before = 0
    for shard in cut(sized, DOCUMENTS):
        yield shard[0].id - before, to_columns(shard)
        before = shard[0].id


def _size(document: Document) -> int:
    texts = (document.name, document.title, document.description, *document.tags, *document.tools)
    return 80 + sum(map(len, texts))


def _term_shards(
    documents: Sequence[tuple[Document, Mapping[str, int]]],
) -> Iterable[tuple[str, dict[str, Any]]]:
    postings: dict[str, list[Posting]] = defaultdict(list)
    for document, weights in documents:
        for key, weight in weights.items():
            postings[key].append((document.id, weight))
    sized = ((key, 16 + 6 * len(postings[key]), key) for key in sorted(postings, key=order))
    before = ""
    for shard in cut(sized, TERMS):
        kept = [_best(postings[key]) for key in shard]
        body = {
            "terms": shard,
            "counts": [len(postings[key]) for key in shard],
            "ids": [_steps(found) for found in kept],
            "weights": [[weight for _, weight in found] for found in kept],
        }
        yield separator(before, shard[0]), body
        before = shard[-1]


def separator(before: str, first: str) -> str:
    """The shortest beginning of `first` that comes after `before`, which comes before `first`."""
    lengths = range(1, len(first))
    return next((first[:n] for n in lengths if order(first[:n]) > order(before)), first)


def order(term: str) -> bytes:
    """Sort key of terms: UTF-16 code units, as ECMAScript compares strings."""
    return term.encode("utf-16-be", "surrogatepass")


def _best(postings: list[Posting]) -> list[Posting]:
    if len(postings) <= MAX_POSTINGS:
        return postings
    return sorted(sorted(postings, key=lambda item: (-item[1], item[0]))[:MAX_POSTINGS])


def _steps(postings: list[Posting]) -> list[int]:
    """Ids as differences to the one before: short numbers."""
    before, steps = 0, []
    for identity, _ in postings:
        steps.append(identity - before)
        before = identity
    return steps


def weights_of(document: Document) -> dict[str, int]:
    """Every key that finds a document, with its weight from 1 to `scoring.FULL`."""
    share = scoring.DEPRECATED if document.status == "deprecated" else 100
    found = {
        key: max(1, round(scoring.FULL * weight) * share // 100)
        for key, weight in _word_weights(document).items()
    }
    for key, weight in _exact_keys(document).items():
        found[key] = weight * share // 100
    return found


def _word_weights(document: Document) -> dict[str, float]:
    namespace, _, short = document.name.rpartition("/")
    texts = {
        "name": words.terms(short),
        "title": words.terms(document.title),
        "tools": [term for tool in document.tools for term in words.terms(tool)],
        "tags": [term for tag in document.tags for term in words.terms(tag)],
        "description": words.terms(document.description),
        "publisher": words.terms(_publisher(namespace)),
    }
    sums: dict[str, float] = defaultdict(float)
    for field, found in texts.items():
        once = scoring.once(field, len(found))
        for term in found:
            sums[term] += once
    return {
        term: scoring.saturated(total)
        for term, total in sums.items()
        if term not in words.STOP_WORDS
    }


def _publisher(namespace: str) -> str:
    """`acme` of `io.github.acme`, `example` of `com.example`: who, without where."""
    labels = namespace.split(".")
    if labels[:2] in (["io", "github"], ["io", "gitlab"]):
        return " ".join(labels[2:])
    return " ".join(labels[1:])


def _exact_keys(document: Document) -> dict[str, int]:
    short = document.name.rpartition("/")[2]
    keys: dict[str, int] = {}
    for name in (short, document.name, document.title):
        bare = "".join(word[0] for word in words.spelled(name) if word[0] not in _GENERIC)
        for text, mark in ((words.compact(name), NAME), (bare, ALIAS)):
            if text:
                keys[text + mark] = scoring.FULL
    for tool in document.tools:
        if text := words.compact(tool):
            keys[text + TOOL] = scoring.FULL
    keys |= {tag + TAG: scoring.FULL for tag in document.tags}
    keys[document.name.partition("/")[0].lower() + NAMESPACE] = scoring.FULL
    return keys
