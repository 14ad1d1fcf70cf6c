"""From documents to the index: a pointer document, and shards under the hash of their content.

    pointer          how many servers; what parts the shards, and their SHA-256; this is signed
    directory        the same for browsers, which verify nothing: names of files instead
    term shard       terms in order; for each how many servers have it, which, and how much
    document shard   what is shown of servers, in the order of their ids

Keys that end in a mark are no words: `compact=` an exact name, `compact~` one but for `mcp` and
`server`, `compact#` an exact tool, `tag@` a tag as written, `namespace/` its servers. They lie
beside the words that they begin with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sized

from mcpreg.core.search import scoring, words
from mcpreg.core.search.cutting import Cut, cut
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import Index, Posting, lay, order

NAME, ALIAS, TOOL, TAG, NAMESPACE = "=", "~", "#", "@", "/"
# Bytes before compression, which makes them a fourth; a few of each are a first query.
TERMS = Cut(apart=128, least=6 << 10, most=32 << 10)
DOCUMENTS = Cut(apart=8, least=4 << 10, most=12 << 10)
_GENERIC = frozenset(("mcp", "server", "servers"))


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
    postings: dict[str, list[Posting]] = defaultdict(list)
    for document, weights in ordered:
        for key, weight in weights.items():
            postings[key].append((document.id, weight))
    terms = [(key, postings[key]) for key in sorted(postings, key=order)]
    documents = [document for document, _ in ordered]
    return lay(
        len(ordered),
        cut(((term[0], term_size(term[1]), term) for term in terms), TERMS),
        cut(((one.name, document_size(one), one) for one in documents), DOCUMENTS),
    )


def term_size(postings: Sized) -> int:
    """About how many bytes a term takes in its shard."""
    return 16 + 6 * len(postings)


def document_size(document: Document) -> int:
    """About how many bytes a server takes in its shard."""
    texts = (document.name, document.title, document.description, *document.tags, *document.tools)
    return 80 + sum(map(len, texts))


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
