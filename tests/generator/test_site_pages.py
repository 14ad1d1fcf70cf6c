from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mcpreg.core.manifest import Manifest
from mcpreg.core.safety import of_manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.headers import POLICY
from mcpreg_site.pages.clients import SCHEMES
from mcpreg_site.pages.reach import marks
from mcpreg_site.paths import page_file
from mcpreg_site.routes import resolve
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mcpreg_site.tree import Tree
from tiny_registry import make_manifest

Snapshots = Callable[..., Snapshot]
CLOCK = "servers/io.github.acme/clock/index.html"
WEATHER = "servers/io.github.acme-labs/weather/index.html"


class Links(HTMLParser):
    """Every address a page names, and every attribute name."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.attributes: set[str] = set()
        self.scripts = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A data block, which no browser runs (HTML, "prepare the script element").
        self._inside = "" if ("type", "application/ld+json") in attrs else tag
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [v or "" for n, v in attrs if n in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            self.scripts += data.strip()

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def _links(html: bytes) -> Links:
    links = Links()
    links.feed(html.decode())
    return links


@pytest.fixture(scope="module")
def sample_tree(
    make_snapshot: Snapshots, sample_manifests: list[Manifest], templates: Templates
) -> Tree:
    readmes = {"io.github.acme/clock": b"# Clock\n\nTells the *time*.\n"}
    return render(make_snapshot(sample_manifests, readmes), templates)


def _text(tree: Tree, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", tree[path].decode()))


def test_every_link_within_the_site_leads_somewhere(sample_tree: Tree) -> None:
    _require_links(sample_tree)


def test_every_link_from_any_state_of_an_entry_leads_somewhere(
    mixed_snapshot: Snapshot, templates: Templates
) -> None:
    _require_links(render(mixed_snapshot, templates))


def _require_links(tree: Tree) -> None:
    files = dict(tree.items())  # each rendered once
    pages = [path for path in files if path.endswith(".html")]
    assert len(pages) > 12
    for path in pages:
        for address in _links(files[path]).addresses:
            if not address.startswith("/"):
                clients = tuple(f"{scheme}:" for scheme in SCHEMES)
                assert address.startswith(("https://", "#", *clients)), (path, address)
                continue
            bare, _, anchor = address.partition("#")
            file = page_file("/" + (resolve(bare, {}) or bare).removeprefix("/"))
            assert file in files, (path, address)
            assert not anchor or f'id="{anchor}"' in files[file].decode(), (path, address)


def test_pages_need_nothing_that_the_policy_forbids(sample_tree: Tree) -> None:
    assert "unsafe" not in POLICY
    for path in sample_tree:
        if path.endswith(".html"):
            found = _links(sample_tree[path])
            assert found.scripts == "", f"inline script or style in {path}"
            assert "style" not in found.attributes
            assert not [name for name in found.attributes if name.startswith("on")]


def test_server_page_says_what_it_may_touch_and_what_not(sample_tree: Tree) -> None:
    clock = _text(sample_tree, CLOCK)
    assert "may contact time.example on 443" in clock
    assert "cannot read your files" in clock
    assert "receives no secret" in clock
    weather = _text(sample_tree, WEATHER)
    assert "may contact api.weather.example on 443" in weather
    assert "receives the secret WEATHER_KEY" in weather
    assert "cannot" not in weather.partition("Run it")[0].partition("Denied")[2]


def test_server_page_shows_tools_settings_and_how_to_run(sample_tree: Tree) -> None:
    html = sample_tree[WEATHER].decode()
    assert "<code>mcpreg run io.github.Acme-Labs/Weather -- CACHE_DIR</code>" in html
    text = _text(sample_tree, WEATHER)
    for part in ("forecast", "place", "required", "Default 3", "says it only reads", "WEATHER_KEY"):
        assert part in text
    assert text.index("mcpreg run") < text.index("mcpServers")
    assert "${input:WEATHER_KEY}" in html


def test_readme_appears_without_its_title(sample_tree: Tree) -> None:
    assert "Tells the <em>time</em>." in sample_tree[CLOCK].decode()


def test_version_page_shows_the_difference(sample_tree: Tree) -> None:
    new = _text(sample_tree, "servers/io.github.acme/clock/versions/1.1.0/index.html")
    assert "wider may contact time.example on 443" in new
    assert "new tool leap_seconds" in new
    assert "removed zones" in new
    assert "changed now description" in new
    old = _text(sample_tree, "servers/io.github.acme/clock/versions/1.0.0/index.html")
    assert "First version here" in old
    assert "There is a newer version: 1.1.0" in old


def test_remote_servers_are_said_to_run_elsewhere(sample_tree: Tree) -> None:
    text = _text(sample_tree, "servers/com.elsewhere/oracle/index.html")
    assert "runs at mcp.elsewhere.example, where no sandbox of yours holds it" in text
    assert "mcpreg run" not in text


def test_provenance_names_digests_and_checks(sample_tree: Tree) -> None:
    text = _text(sample_tree, CLOCK)
    assert "mcpreg verify io.github.acme/clock" in text
    assert "1 passed" in text
    assert text.count("sha256:") >= 3


def test_an_unsigned_tree_says_so_on_every_page(
    make_snapshot: Snapshots, sample_manifests: list[Manifest], templates: Templates
) -> None:
    tree = render(make_snapshot(sample_manifests, published=False), templates)
    pages = [path for path in tree if path.endswith(".html")]
    assert all("This tree is not signed" in tree[path].decode() for path in pages)
    assert not [path for path in tree if path.startswith(("tuf/", "targets/"))]
    assert "claude mcp add" not in tree[CLOCK].decode()


def test_facets_hold_the_servers_they_name(sample_tree: Tree) -> None:
    assert "Weather" in _text(sample_tree, "browse/tag/weather/index.html")
    assert "clock" in _text(sample_tree, "browse/safety/low/index.html")
    assert "oracle" in _text(sample_tree, "browse/kind/remote/index.html")
    assert "Weather" not in _text(sample_tree, "browse/kind/pypi/index.html")


def test_long_lists_are_cut_into_pages(make_snapshot: Snapshots, templates: Templates) -> None:
    many = [make_manifest(f"io.github.acme/s{number:03}", "1") for number in range(130)]
    tree = render(make_snapshot(many), templates)
    assert "page 1 of 3" in _text(tree, "browse/index.html")
    last = tree["browse/page/3/index.html"].decode()
    assert 'href="/browse/page/2/" rel="prev"' in last
    assert "s129" in last
    assert 'rel="next"' not in last


HOSTILE = "</script></title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\x1b[31m"


def test_hostile_manifest_text_stays_text(make_snapshot: Snapshots, templates: Templates) -> None:
    short = HOSTILE[:100]
    tool = {
        "name": short,
        "title": short,
        "description": HOSTILE * 50,
        "inputSchema": {
            "properties": {
                HOSTILE: {"type": [HOSTILE], "description": HOSTILE, "default": HOSTILE},
                "b": {"enum": [HOSTILE, 1, None]},
                "c": "not a schema",
            },
            "required": HOSTILE,
        },
    }
    variable = {"name": HOSTILE[:200], "description": HOSTILE, "isSecret": True, "default": HOSTILE}
    argument = {"type": "positional", "valueHint": HOSTILE, "isRequired": True}
    manifest = make_manifest(
        "a/hostile",
        HOSTILE.replace("/", "_")[:100],
        title=short,
        description=short,
        license=HOSTILE,
        websiteUrl='https://x.example/"onmouseover=alert(1)',
        repository={"url": "javascript:alert(1)", "source": HOSTILE, "subfolder": HOSTILE},
        requiredConsents=[{"id": "a", "reason": HOSTILE}],
        packages=[
            {
                "registryType": "npm",
                "identifier": HOSTILE,
                "version": HOSTILE,
                "transport": {"type": "stdio"},
                "environmentVariables": [variable],
                "packageArguments": [argument],
            }
        ],
        capabilities={
            "tools": [tool],
            "prompts": [{"name": short, "description": HOSTILE}],
            "resources": [{"name": short, "uri": "javascript:alert(1)"}],
            "sandbox": ["env:KEY", "fs:read:./a<b>'c"],
        },
    )
    tree = render(make_snapshot([manifest]), templates)
    for path in tree:
        if path.endswith((".html", ".xml")):
            text = tree[path].decode()
            assert "<script>alert" not in text, path
            assert "<img" not in text, path
            assert "\u202e" not in text, path
            assert "\x1b" not in text, path
        if path.endswith(".html"):
            found = _links(tree[path])
            assert not [name for name in found.attributes if name.startswith("on")], path
            assert not [a for a in found.addresses if a.lower().startswith("javascript")], path


def test_odd_schemas_do_not_stop_a_build(make_snapshot: Snapshots, templates: Templates) -> None:
    deep: dict[str, object] = {"type": "string"}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    schemas: list[object] = [
        {"properties": []},
        {"properties": {"a": None, "b": [], "c": {"anyOf": 3, "type": 7, "enum": {}}}},
        {"properties": {"deep": deep}},
        {"properties": {f"p{n}": {"type": "string"} for n in range(500)}},
    ]
    tools = [{"name": f"t{n}", "inputSchema": schema} for n, schema in enumerate(schemas)]
    manifest = make_manifest("a/odd", "1", capabilities={"tools": tools})
    tree = render(make_snapshot([manifest]), templates)
    assert "400 more are not shown." in _text(tree, "servers/a/odd/index.html")


def test_detail_pages_and_style_keep_their_budget(sample_site: Path) -> None:
    import gzip

    def size(path: Path) -> int:
        return len(gzip.compress(path.read_bytes(), mtime=0))  # brotli is smaller still

    assert size(next(sample_site.glob("assets/*.css"))) < 10 << 10
    assert size(sample_site / CLOCK) < 30 << 10
    for page in ("index.html", "browse/index.html", "checks/index.html", "registry/index.html"):
        assert size(sample_site / page) < 60 << 10, page


def test_the_mark_for_secrets_agrees_with_the_safety_level() -> None:
    unmarked = {"name": "GITHUB_TOKEN"}  # isSecret left out
    package = {
        "registryType": "pypi",
        "identifier": "acme-clock",
        "version": "1.0.0",
        "transport": {"type": "stdio"},
        "environmentVariables": [unmarked],
    }
    manifest = make_manifest(
        "io.github.acme/clock",
        "1.0.0",
        packages=[package],
        capabilities={"sandbox": ["env:GITHUB_TOKEN"]},
    )
    assert "receives the secret GITHUB_TOKEN" in of_manifest(manifest).sentences
    assert marks(manifest)[2].text == "1 secret"
