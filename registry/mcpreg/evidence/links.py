"""The addresses of a manifest that people may follow, and what they answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from mcpreg.core.evidence import Link, Missing
from mcpreg.core.manifest import Manifest
from mcpreg.core.position import to_text
from mcpreg.evidence.web import UnresolvedError, Web, WebError, reach

MAX_LINKS = 12  # a repository, a website and ten icons
_AT_ONCE = 4
_ALWAYS_THERE = ("https://github.com/", "https://gitlab.com/")


def links(manifest: Manifest, web: Web) -> tuple[Link, ...] | Missing:
    """Ask each address once; one that does not answer has no status, and says why.

    Where not even a code host has an address, it is this machine that has no network.
    """
    asked = list(dict.fromkeys(_addresses(manifest)))[:MAX_LINKS]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(lambda one: _asked(one[0], one[1], web), asked))
    nowhere = next((one for one in found if isinstance(one, Missing)), None)
    return nowhere or tuple(link for link in found if isinstance(link, Link))


def _addresses(manifest: Manifest) -> Iterator[tuple[str, str]]:
    if manifest.repository and manifest.repository.url:
        yield to_text(("repository", "url")), manifest.repository.url
    if manifest.website_url:
        yield to_text(("websiteUrl",)), manifest.website_url
    for index, icon in enumerate(manifest.icons or ()):
        yield to_text(("icons", index, "src")), icon.src


def _asked(pointer: str, url: str, web: Web) -> Link | Missing:
    try:
        final, status = reach(url.partition("#")[0], web)
    except UnresolvedError as error:
        if url.startswith(_ALWAYS_THERE):
            return Missing(f"no network here: {error}")
        return Link(pointer, url, None, None, str(error))
    except WebError as error:
        return Link(pointer, url, None, None, str(error))
    return Link(pointer, url, status, final, f"answers {status}")
