"""READMEs rendered once: by their content and by what renders them.

A new version of a server, another template or another program needs the same README again; a
README's HTML depends on nothing else.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from mcpreg_site import text
from mcpreg_site.memo import Memo
from mcpreg_site.pages import markdown, raw_html, readme
from mcpreg_site.tree import key_of

_KIND = "readme"
_LIBRARIES = ("cmarkgfm", "nh3")
_MODULES = (readme, markdown, raw_html, text)
_AT_ONCE = 100  # written together: a transaction each would cost more than a short README


class Readmes:
    """Renders READMEs, and remembers them when it is given a memory."""

    def __init__(self, memo: Memo | None = None) -> None:
        self._memo = memo or Memo(None)
        self._fresh: dict[str, bytes] = {}

    def render(self, source: bytes) -> str:
        """Sanitised HTML, as `mcpreg_site.pages.readme.render` gives it."""
        key = key_of(renderer(), hashlib.sha256(source).hexdigest())
        known = self._memo.get(_KIND, [key]).get(key)
        if known is not None:
            return known.decode()
        html = readme.render(source)
        self._fresh[key] = html.encode()
        if len(self._fresh) >= _AT_ONCE:
            self.flush()
        return html

    def flush(self) -> None:
        """Remember what was rendered."""
        self._memo.put(_KIND, self._fresh)
        self._fresh = {}


@cache
def renderer() -> str:
    """The digest of what renders: the modules it is made of, and the libraries under it."""
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in _MODULES]
    return key_of(*sources, *(f"{name} {version(name)}" for name in _LIBRARIES))
