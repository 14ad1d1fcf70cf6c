"""What is known of a server when it is searched for and shown in a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

MAX_DESCRIPTION = 400  # characters; longer ones are cut in lists
MAX_TOOLS, MAX_TOOL = 64, 64  # as many tools are shown and searched, each by as many characters
MAX_TAGS = 32


@dataclass(frozen=True, slots=True)
class Document:
    """A server's latest version. `id` never changes: the sequence of its first publication."""

    id: int
    name: str
    title: str
    description: str
    version: str
    published_at: str
    tags: tuple[str, ...]
    tools: tuple[str, ...]
    status: str
    safety: str
    """A level; empty where a mirrored entry says nothing that it could be judged by."""
    tier: str
    locked: bool
    remote: bool

    def public(self) -> dict[str, Any]:
        """As `--json` shows it: empty title and level left out, as in the registry's documents."""
        shown = {
            "publishedAt" if key == "published_at" else key: value
            for key, value in asdict(self).items()
            if key != "id" and value != ""
        }
        return {**shown, "tags": list(self.tags), "tools": list(self.tools)}


COLUMNS = tuple(field.name for field in fields(Document))


def to_columns(documents: Sequence[Document]) -> dict[str, list[Any]]:
    """Column name to values: alike things lie together, and compress well."""
    return {name: [getattr(document, name) for document in documents] for name in COLUMNS}


def from_columns(columns: dict[str, list[Any]]) -> Iterator[Document]:
    """The documents of a shard. Raises KeyError, TypeError or ValueError for another shape."""
    for row in zip(*(columns[name] for name in COLUMNS), strict=True):
        values: list[Any] = [tuple(value) if type(value) is list else value for value in row]
        document = Document(*values)
        texts = (document.name, document.title, document.description, document.version)
        if not all(isinstance(text, str) for text in (*texts, *document.tags, *document.tools)):
            raise TypeError("a name, a word or a description is not text")
        yield document
