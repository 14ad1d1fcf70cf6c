"""The HTML that people write between their Markdown, down to what GitHub's own pages would keep.

Logos in `<p align="center">`, `<details>`, tables with spans: many READMEs are little else. The
parser passes HTML through as written, so this is where strangers' markup is parsed (as browsers
do, by html5ever) and written anew from an allow-list: tags are balanced, attributes quoted, and no
class, id, style or role is left that could borrow the look or the voice of the site.
"""

from __future__ import annotations

import re

import nh3

INLINE = {
    *("a", "abbr", "b", "br", "cite", "code", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q"),
    *("rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time"),
    *("u", "var", "wbr"),
}
BLOCKS = {
    *("blockquote", "caption", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "hr"),
    *("li", "ol", "p", "pre", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr"),
    "ul",
}
SIDES = {"left", "center", "right"}
MAX_TAGS = 3_000
"""Beyond this HTML is left out whole: html5ever takes quadratic time for what is not balanced."""

_HEADINGS = {f"h{level}" for level in range(1, 7)}
# Browsers reserve a column for every one that is spanned.
_SPANS = {str(number) for number in range(1, 21)}
_CELL = {"align": SIDES, "colspan": _SPANS, "rowspan": _SPANS}
# Every `<` that could begin a tag, a comment or a declaration; addresses in brackets are Markdown.
_BEGINS = re.compile(r"<(?!https?:|mailto:)[a-z/!?]", re.IGNORECASE)
# Elements that the parser opens anew in every later block while they are not closed. Without
# attributes it does so for three of a kind at most ("Noah's Ark clause", HTML Standard 13.2.4.3).
_REOPENED = re.compile(
    r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)\b[^>]*>", re.IGNORECASE
)


def attribute_values(headings: set[str]) -> dict[str, dict[str, set[str]]]:
    """Attributes of which a few values are harmless, by tag."""
    return {tag: {"align": SIDES} for tag in ("p", "div", *headings)} | {"td": _CELL, "th": _CELL}


def written_in(text: str) -> bool:
    """Whether Markdown may hold HTML, and not too much of it."""
    begins = len(_BEGINS.findall(text))
    return 0 < begins <= MAX_TAGS


def tamed(html: str) -> str:
    """Well-formed HTML of allowed tags and attributes. Pictures are still `<img>`."""
    return _CLEANER.clean(_REOPENED.sub(r"<\1>", html))


_CLEANER = nh3.Cleaner(
    tags=INLINE | BLOCKS | _HEADINGS | {"img"},
    attributes={
        "*": set(),
        "a": {"href"},
        "img": {"src", "alt"},
        "ol": {"start"},
        "details": {"open"},
    },
    tag_attribute_values=attribute_values(_HEADINGS),
    # Their text is code, or another document's; of what else is not allowed the text stays.
    clean_content_tags={
        *("script", "style", "template", "svg", "math", "iframe", "object", "noscript", "noembed"),
        *("noframes", "title", "textarea", "select", "xmp", "plaintext", "audio", "video"),
        "canvas",
    },
    url_schemes={"http", "https", "mailto"},
    link_rel=None,
    strip_comments=True,
)
