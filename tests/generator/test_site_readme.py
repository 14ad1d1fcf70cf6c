"""READMEs are hostile: nothing in them may run, load, lead into the site or break its layout."""

from __future__ import annotations

import resource
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg_site.pages.readme import MAX_CHARACTERS, render

ALLOWED_TAGS = {
    *("h3", "h4", "h5", "h6", "p", "div", "blockquote", "pre", "hr", "br", "ol", "ul", "li"),
    *("a", "code", "em", "strong", "s", "table", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *(
        "caption",
        "dl",
        "dt",
        "dd",
        "details",
        "summary",
        "figure",
        "figcaption",
        "ruby",
        "rt",
        "rp",
    ),
    *("abbr", "b", "cite", "del", "dfn", "i", "ins", "kbd", "mark", "q", "samp", "small", "span"),
    *("strike", "sub", "sup", "time", "u", "var", "wbr"),
}
ALLOWED_ATTRIBUTES = {
    *("href", "rel", "class", "tabindex", "role", "aria-label", "start", "open", "align"),
    *("colspan", "rowspan"),
}


class Inspector(HTMLParser):
    """Parses as a browser would and keeps every tag and attribute."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def _inspect(html: str) -> Inspector:
    inspector = Inspector()
    inspector.feed(html)
    inspector.close()
    return inspector


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<a href=javascript:alert(1) onclick=alert(1)>x</a>",
    "<style>body{display:none}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><input name=q autofocus onfocus=alert(1)></form>",
    "<object data=//evil.example/x.swf></object><embed src=//evil.example>",
    "<math><mtext></p><style><a title='</style><img src onerror=alert(1)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<details open ontoggle=alert(1)>x</details>",
    "<template><script>alert(1)</script></template>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    "[x](/servers/other/)",
    "[x](#content)",
    '[x](https://ok.example "onmouseover=alert(1) x=\\"")',
    "[x][r]\n\n[r]: javascript:alert(1) 'title'",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "[![badge](https://evil.example/b.svg)](javascript:alert(1))",
    "```html onload=alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "    </code></pre><img src=x onerror=alert(1)>",
    "`</code><script>alert(1)</script>`",
    "| a | b |\n|---|---|\n| <script>alert(1)</script> | [x](javascript:1) |",
    "# <img src=x onerror=alert(1)>",
    "Setext <script>\n===",
    "\x1b[2J\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\u202egnp.exe\u2066 \u200bhidden\ufeff",
    "\x00<script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<p style=position:fixed;inset:0>cover</p>",
    "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_hostile_survives(source: str) -> None:
    for text in (source, f"intro\n\n{source}\n\nend", f"> {source}", f"- {source}"):
        found = _inspect(render(text.encode()))
        assert set(found.tags) <= ALLOWED_TAGS
        assert {name for name, _ in found.attributes} <= ALLOWED_ATTRIBUTES
        for name, value in found.attributes:
            if name == "href":
                assert (value or "").startswith(("http://", "https://", "mailto:"))
        assert not set(found.text) & set("\x1b\u202e\u2066\u200b\ufeff\x00")


MARKUP = "<>\"'&[]()!`*_#|-=:/\\ \nascriptonj\u202e\x1b"


@given(st.text(alphabet=st.sampled_from(MARKUP), max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_mixture_escapes_the_allow_list(source: str) -> None:
    found = _inspect(render(source.encode()))
    assert set(found.tags) <= ALLOWED_TAGS
    assert {name for name, _ in found.attributes} <= ALLOWED_ATTRIBUTES


def test_keeps_what_is_harmless() -> None:
    html = render(
        b"# Title\n\n## Use\n\nSay *hello* to [us](https://us.example/?a=1&b=2).\n\n"
        b"```sh\na && b\n```\n"
    )
    assert "Title" not in html
    assert "<h3>Use</h3>" in html
    assert "<em>hello</em>" in html
    assert '<a href="https://us.example/?a=1&amp;b=2" rel="nofollow noopener ugc">us</a>' in html
    assert '<pre tabindex="0"><code>a &amp;&amp; b\n</code></pre>' in html


REAL = b"""<h1 align="center"><img src="docs/logo.png" alt="Thing"><br>Thing</h1>
<p align="center">
  <a href="https://ci.example/thing"><img src="https://ci.example/thing.svg" alt="build"></a>
</p>

<details>
<summary><b>Options</b></summary>

Press <kbd>Ctrl</kbd>, see *below*.

</details>

<table align="center"><tr><td colspan="2" align="right" bgcolor="x">H<sub>2</sub>O</td></tr></table>
"""


def test_keeps_what_people_write_as_html() -> None:
    html = render(REAL)
    assert "Thing" not in html, "the title is the page's own"
    assert '<p align="center">' in html
    assert '<a href="https://ci.example/thing" rel="nofollow noopener ugc">build</a>' in html
    assert "<details>\n<summary><b>Options</b></summary>" in html
    assert "<p>Press <kbd>Ctrl</kbd>, see <em>below</em>.</p>" in html
    assert '<table><tbody><tr><td colspan="2" align="right">H<sub>2</sub>O</td>' in html


@pytest.mark.parametrize(
    "source",
    [
        '<div class="touch safe" id="touch" role="alert" style="color:red">safe</div>',
        '<span class="level safe" tabindex="1" aria-label="safe">safe</span>',
        '<a class="add" href="https://x.example" target="_blank" rel="opener">Add</a>',
        '<details name="client"><summary class="brief" data-copy>x</summary></details>',
        '<table class="chart" width="9999"><td colspan="9999" rowspan="65534">x</table>',
    ],
)
def test_html_borrows_neither_the_look_nor_the_voice_of_the_site(source: str) -> None:
    found = _inspect(render(source.encode()))
    ours = {("class", "scroll"), ("tabindex", "0"), ("role", "group"), ("aria-label", "Table")}
    ours |= {("rel", "nofollow noopener ugc"), ("href", "https://x.example")}
    assert set(found.attributes) <= ours


def test_characters_spelled_as_entities_disguise_nothing_either() -> None:
    html = render("&#x202e;gnp.exe <b>&ZeroWidthSpace;&#8294;</b> \u202e".encode())
    assert not set(html) & set("\u202e\u200b\u2066")


def test_html_beyond_reason_is_left_out_and_the_words_stay() -> None:
    html = render(b"Hello *you*\n\n" + b"<i>x</i>\n" * 3000)
    assert "<em>you</em>" in html
    assert "<i>" not in html


def test_pictures_become_links_and_say_so() -> None:
    html = render(b"![A chart](https://pics.example/chart.png)")
    assert "<img" not in html
    assert '<a href="https://pics.example/chart.png"' in html
    assert "[image: A chart]" in html


def test_wide_tables_scroll_by_themselves() -> None:
    html = render(b"| a |\n|---|\n| " + b"wide" * 200 + b" |\n")
    assert '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>' in html


@pytest.mark.parametrize(
    "source",
    [
        "[" * 200_000,
        "*a " * 100_000,
        "> " * 100_000,
        "`" * 99_999 + "x",
        "[a](" * 60_000,
        "|".join("a" * 5000) + "\n" + "|".join(["-"] * 5000) + "\n" + ("|x\n" * 5000),
        "- " * 50_000,
        "<" * 100_000,
        "![" * 60_000,
        "&" * 100_000,
        "\n".join(f"[r{n}]: /x" for n in range(9000)) + "\n" + "[r1]" * 9000,
        "<p>" + "".join(f"<b x={n}>" for n in range(1000)) + "</p>" + "<p>x" * 1900,
        "<ul><li>" * 1450,
        "<table><td><b><i><u>" * 550,
        "<div>" * 2900,
        "<!--" * 2900,
    ],
    ids=lambda source: repr(source[:6]),
)
def test_size_and_nesting_do_not_stop_a_build(source: str) -> None:
    started = time.monotonic()
    html = render(source.encode())
    assert time.monotonic() - started < 5
    assert len(html) < 60 * MAX_CHARACTERS


def test_says_that_a_long_readme_is_cut() -> None:
    html = render(b"word " * 10_000 + b"\n\n" + b"line\n\n" * 20_000)
    assert "The rest of this README is not shown here." in html


def test_survives_bytes_that_are_no_text() -> None:
    assert "\ufffd" in render(b"caf\xe9 \xff\xfe")


def test_headings_go_down_one_step_at_a_time() -> None:
    found = _inspect(render(b"# T\n\n#### A\n\n# B\n\n## C\n\n###### D\n"))
    assert found.tags == ["h3", "h3", "h3", "h4"]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory")
def test_rendering_leaves_nothing_in_memory() -> None:
    source = (
        b"## A\n\n- *one* [two](https://a.example) `three`\n\n| a | b |\n|-|-|\n| c | d |\n\n" * 100
    )

    def after(times: int) -> int:
        for _ in range(times):
            render(source)
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    warm = after(10)
    assert after(60) - warm < 3 << 20  # what cmarkgfm does by itself leaves 20 MiB
