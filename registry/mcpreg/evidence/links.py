"""The addresses of a manifest that people may follow, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from mcpreg.core.evidence import Link
from mcpreg.core.manifest import Manifest
from mcpreg.core.position import to_text
from mcpreg.evidence.web import Web, WebError, reach

MAX_LINKS = 12  # a repository, a website and ten icons
_AT_ONCE = 4


def links(manifest: Manifest, web: Web) -> tuple[Link, ...]:
    """Ask each address once; one that does not answer has no status, and says why."""
    asked = list(dict.fromkeys(_addresses(manifest)))[:MAX_LINKS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(lambda one: _asked(one[0], one[1], web), asked))


def _addresses(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if manifest.repository and manifest.repository.url:
        yield to_text(("repository", "url")), manifest.repository.url
    if manifest.website_url:
        yield to_text(("websiteUrl",)), manifest.website_url
    for index, icon in enumerate(manifest.icons or ()):
        yield to_text(("icons", index, "src")), icon.src


def _asked(pointer: str, url: str, web: Web) -> Link:
    try:
        final, status = reach(url.partition("#")[0], web)
    except WebError as error:
        return Link(pointer, url, None, None, str(error))
    return Link(pointer, url, status, final, f"answers {status}")
