"""A publisher's README as HTML that can do nothing but be read.

Markdown by GitHub's own parser (cmark-gfm), HTML in it by GitHub's rules (`raw_html`), then an
allow-list sanitiser over the result, whatever came before it. Between them images become links (the
policy allows no foreign request), headings move below the page's own, and links carry
rel="nofollow noopener ugc".
"""

from __future__ import annotations

import re
from html import unescape

import nh3
from cmarkgfm.cmark import Options

from mcpreg_site.pages import markdown, raw_html
from mcpreg_site.text import shown, web_address

# Beyond this a page is no longer quick; GitHub's own cut is 512 KiB. Nobody reads so far.
MAX_CHARACTERS = 60_000
MAX_LINE = 10_000  # emphasis and brackets in one line take quadratic time
MAX_BARS = 100  # a row of a table this wide is none; short rows are filled up to the widest
MAX_DEPTH = 20  # quotations and lists inside each other; the rest is shown without its frame
_SECTION_LEVEL = 2  # the README stands in a section whose heading is h2
_EXTENSIONS = ["table", "strikethrough"]
_HEADINGS = {"h3", "h4", "h5", "h6"}
_TAGS = _HEADINGS | raw_html.INLINE | raw_html.BLOCKS
_ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),  # the library would allow title and lang
    "a": {"href"},
    "pre": {"tabindex"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
    "details": {"open"},
}
_TRUNCATED = "\n\n---\n\n*The rest of this README is not shown here.*\n"
_TITLE = re.compile(r"\s*<h1\b[^>]*>.*?</h1>\n?", re.DOTALL)
# The parser's own output: `<` and `>` in texts and values are escaped, so each belongs to a tag.
_TAG = re.compile(
    r"<(/?)(h[1-6]|img|a|table|pre|del|strike|blockquote|ul|ol|dl|div|details|summary|figure)\b([^>]*)>"
)
_ATTRIBUTE = re.compile(r'\b(href|src|alt)="([^"]*)"')


def render(source: bytes) -> str:
    """Sanitised HTML of a README, the first title left out (the page has its own)."""
    text = _bounded(shown(source.decode("utf-8", errors="replace")))
    html = _parsed(text)
    title = _TITLE.match(html)
    clean = _CLEANER.clean(_TAG.sub(_Rewriter(), html[title.end() :] if title else html))
    return shown(clean)  # once more: `&#x202e;` was spelled out on the way


def _parsed(text: str) -> str:
    """The parser's HTML, with what people wrote as HTML if that is not too much."""
    options = Options.CMARK_OPT_VALIDATE_UTF8
    raw = raw_html.written_in(text)
    if raw:
        options |= Options.CMARK_OPT_UNSAFE
    html = markdown.to_html(text, options, _EXTENSIONS)
    return raw_html.tamed(html) if raw else html


class _Rewriter:
    """Rewrites the parser's tags one after the other, so it knows what is open."""

    def __init__(self) -> None:
        self._level = _SECTION_LEVEL
        self._links = 0
        self._depth = 0

    def __call__(self, tag: re.Match[str]) -> str:
        end, name, rest = tag.groups()
        if name[0] == "h":
            return self._heading(end, name, rest)
        if name == "a":
            return self._link(end, rest)
        if name == "img":
            return self._image(rest)
        if name in _PLAIN:
            return _PLAIN[name][bool(end)]
        return self._frame(name, tag[0], end)

    def _heading(self, end: str, name: str, rest: str) -> str:
        """Below the section's own, and none deeper by more than one (WCAG 1.3.1)."""
        if not end:
            self._level = max(_SECTION_LEVEL + 1, min(int(name[1]) + 1, self._level + 1, 6))
        return f"<{end}h{self._level}{rest}>"

    def _link(self, end: str, rest: str) -> str:
        if end:
            self._links -= 1
            return "</a>"
        self._links += 1
        # A relative link would lead into this site, where the publisher has nothing.
        written = dict(_ATTRIBUTE.findall(rest)).get("href", "")
        address = unescape(written)
        kept = web_address(address) or address.lower().startswith("mailto:")
        return f'<a href="{written}">' if kept else "<a>"

    def _image(self, rest: str) -> str:
        """Its description, linked to the picture unless a link surrounds it already."""
        values: dict[str, str] = dict(_ATTRIBUTE.findall(rest))
        alt = values.get("alt", "").strip()
        if alt and self._links:
            return alt  # a badge says what it leads to
        text = f"[image: {alt or 'no description'}]"
        if self._links or not web_address(unescape(values.get("src", ""))):
            return text
        return f'<a href="{values["src"]}">{text}</a>'

    def _frame(self, name: str, tag: str, end: str) -> str:
        deep = self._depth > MAX_DEPTH if end else self._depth >= MAX_DEPTH
        self._depth += -1 if end else 1
        if deep:
            return ""
        return _TABLE[bool(end)] if name == "table" else tag


# Focusable, so that a wide table can be scrolled from the keyboard (WCAG 2.1.1).
_TABLE = (
    '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>',
    "</table></div>",
)
_PLAIN = {
    "pre": ('<pre tabindex="0">', "</pre>"),
    "del": ("<s>", "</s>"),
    "strike": ("<s>", "</s>"),
}


def _bounded(text: str) -> str:
    text = "\n".join(_bounded_line(line) for line in text.split("\n"))
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[:MAX_CHARACTERS].rpartition("\n")[0] + _TRUNCATED


def _bounded_line(line: str) -> str:
    if line.count("|") > MAX_BARS:
        line = line.replace("|", "\\|")
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + " …"


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    tag_attribute_values=raw_html.attribute_values(_HEADINGS),
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow noopener ugc",
    strip_comments=True,
)
