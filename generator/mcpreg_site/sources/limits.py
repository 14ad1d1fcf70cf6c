"""How much a source may cost: every number has a unit and a reason."""

from __future__ import annotations

from dataclasses import dataclass

from mcpreg_site.sources.interface import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one fetch. Tests lower them; nobody else needs to."""

    total_bytes: int = MAX_BYTES
    """Of all that a fetch brings, unpacked."""
    files: int = 20_000
    """Of a folder. Docker's registry holds about 1,500 files."""
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    """Silence on an open connection."""
    page_seconds: float = 60.0
    """One request for a page. The official registry has been seen to take 25 seconds."""
    document_seconds: float = 300.0
    """One request for a document: 80 MB come at 270 KB a second."""
    minimum_rate: float = 1024.0
    """Bytes a second, on average, once `read_seconds` have passed: a drip is no download."""
    fetch_seconds: float = 3600.0
    """All requests of one fetch: a full crawl of the official registry takes minutes."""
    redirects: int = 5
    page_items: int = 100
    """Entries to ask for: the official API gives no more in a page."""
    most_page_items: int = 1000
    """Entries to accept in a page: a static host cuts its pages as it likes."""
    page_attempts: int = 4
    """For a page in the middle of a crawl: to begin anew for one hiccup helps nobody."""
    page_backoff: float = 1.0
    """Seconds before the second of them; each wait is twice the one before."""
    pages: int = 10_000
    """Of one crawl: a million versions, a dozen times what the official registry holds."""
    git_seconds: float = 600.0
    git_bytes: int = 2 * MAX_BYTES
    """Of a repository on disk, one commit deep: it holds other things than the registry's file."""


DEFAULT = Limits()
