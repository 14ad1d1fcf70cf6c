"""A publisher's README as HTML that can do nothing but be read.

Markdown with raw HTML off, then an allow-list sanitiser over the result: either alone would do, and
each has had holes. Images become links (the policy allows no foreign request), headings move below
the page's own, and links carry rel="nofollow noopener ugc".
"""

from __future__ import annotations

from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import escape

from mcpreg_site.text import shown, web_address

# Beyond this a page is no longer quick; GitHub's own cut is 512 KiB. Nobody reads so far.
MAX_CHARACTERS = 60_000
MAX_LINE = 10_000  # emphasis and brackets in one line take quadratic time
MAX_BARS = 100  # a row of a table this wide is none; short rows are filled up to the widest
_SECTION_LEVEL = 2  # the README stands in a section whose heading is h2
_TAGS = {
    *("h3", "h4", "h5", "h6", "p", "div", "blockquote", "pre", "hr", "br", "ol", "ul", "li"),
    *("a", "code", "em", "strong", "s", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": set(),  # the library would allow title and lang
    "a": {"href"},
    "pre": {"tabindex"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
}
_TRUNCATED = "\n\n---\n\n*The rest of this README is not shown here.*\n"


def render(source: bytes) -> str:
    """Sanitised HTML of a README, the first title left out (the page has its own)."""
    text = _bounded(shown(source.decode("utf-8", errors="replace")))
    tokens = _without_title(_PARSER.parse(text))
    _sink_headings(tokens)
    for token in tokens:
        if token.children:
            token.children = _without_images(token.children)
            _unlink_relative(token.children)
    html: str = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return _CLEANER.clean(html)


def _bounded(text: str) -> str:
    text = "\n".join(_bounded_line(line) for line in text.split("\n"))
    if len(text) <= MAX_CHARACTERS:
        return text
    return text[:MAX_CHARACTERS].rpartition("\n")[0] + _TRUNCATED


def _bounded_line(line: str) -> str:
    if line.count("|") > MAX_BARS:
        line = line.replace("|", "\\|")
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + " …"


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    if len(tokens) >= 3 and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        return list(tokens[3:])
    return list(tokens)


def _sink_headings(tokens: Sequence[Token]) -> None:
    """Below the section's own heading, and none deeper by more than one (WCAG 1.3.1)."""
    level = _SECTION_LEVEL
    for token in tokens:
        if token.type == "heading_open":
            level = max(_SECTION_LEVEL + 1, min(int(token.tag[1]) + 1, level + 1, 6))
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"


def _without_images(children: Sequence[Token]) -> list[Token]:
    """Each image as its description, linked to the picture unless a link surrounds it already."""
    result: list[Token] = []
    depth = 0
    for child in children:
        depth += child.nesting if child.type in ("link_open", "link_close") else 0
        if child.type != "image":
            result.append(child)
            continue
        text = Token("text", "", 0, content=f"[image: {child.content or 'no description'}]")
        if depth:
            result.append(text)
        else:
            source = {"href": child.attrs.get("src", "")}
            result += [Token("link_open", "a", 1, attrs=source), text, Token("link_close", "a", -1)]
    return result


def _unlink_relative(children: Sequence[Token]) -> None:
    # A relative link would lead into this site, where the publisher has nothing.
    for child in children:
        if child.type == "link_open":
            address = str(child.attrs.get("href", ""))
            if not web_address(address) and not address.lower().startswith("mailto:"):
                child.attrs.pop("href", None)


def _scrolling_table(*_: object) -> str:
    # Focusable, so that a wide table can be scrolled from the keyboard (WCAG 2.1.1).
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>\n'


def _plain_code(_: object, tokens: Sequence[Token], index: int, *__: object) -> str:
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("table_open", _scrolling_table)
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    parser.add_render_rule("fence", _plain_code)
    parser.add_render_rule("code_block", _plain_code)
    return parser


_PARSER = _parser()
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    attributes=_ATTRIBUTES,
    url_schemes={"http", "https", "mailto"},
    link_rel="nofollow noopener ugc",
    strip_comments=True,
)
