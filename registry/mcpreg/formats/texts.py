"""Texts of others in the words used here."""

from __future__ import annotations

DESCRIPTION_LIMIT = 100  # characters, server.json and mcps.json alike


def shorten(text: str, most: int = DESCRIPTION_LIMIT) -> str:
    """The beginning of a text, cut between words; line breaks become spaces."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    head = line[: most - 1]
    cut = head.rpartition(" ")[0] or head
    return cut.rstrip(" ,;:.-") + "…"


def repository_source(url: str) -> str:
    """The host's short name, as upstream writes it; ToolHive itself says `github` of any host."""
    host = url.partition("://")[2].partition("/")[0].lower()
    return {"github.com": "github", "gitlab.com": "gitlab"}.get(host, host)
