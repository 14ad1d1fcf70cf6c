"""The catalog in a real browser: accessible, usable by keyboard and without script, and harmless.

The pages are those of this repository's own servers, signed with new keys, and of entries made to
attack whoever looks at them. Chromium is Debian's; axe-core comes from npm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.publish import BRANCH, publish
from mcpreg_site.publish import publish as publish_site
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from tiny_registry import TinyRegistry, make_manifest

ROOT = Path(__file__).resolve().parents[2]
AXE_VERSION = "4.14.1"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
OWNER = "/servers/io.github.modelcontextprotocol"
PAGES = {
    "home": "/",
    "browse": "/browse/",
    "facet": "/browse/safety/safe/",
    "server": f"{OWNER}/server-filesystem/",
    "version": f"{OWNER}/server-memory/versions/2026.8.31/",
    "404": "/404.html",
}
COMMAND = "import sys; from mcpreg_site.cli.main import main; sys.argv[0] = 'mcpreg-site'; main()"


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """`mcpreg-site serve` on a free port, stopped at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split("/  ")[0]
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def _repository(folder: Path) -> Path:
    repo = folder / "repo"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    shutil.copy(ROOT / "mcpreg.toml", repo)
    return repo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def real_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """This repository's servers, published with new keys, built and served."""
    folder = tmp_path_factory.mktemp("real")
    repo = _repository(folder)
    shutil.copytree(ROOT / "servers", repo / "servers")
    now = datetime.now(UTC).replace(microsecond=0)
    tiny = TinyRegistry(repo, folder / "unused", init_keys(repo, folder / "keys", now), clock=now)
    tiny.commit("Begin")
    publish(repo, "HEAD", tiny.keys.online_uri, now=now, environment={})
    publish_site(render(gitrepo.read(repo, BRANCH), find_templates()), folder / "site")
    with _served(folder / "site") as url:
        yield url


@dataclass
class Watched:
    """A page, and all that it did on its own."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """`watch(width=1280, color_scheme="light", java_script_enabled=True)`: a page of its own."""
    contexts: list[BrowserContext] = []

    def start(
        *, width: int = 1280, dark: bool = False, script: bool = True, height: int = 900
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on("console", lambda message: watched.messages.append(message.text))
        watched.page.on("pageerror", lambda error: watched.messages.append(str(error)))

        def dismiss(dialog: object) -> None:
            watched.dialogs.append(str(dialog))
            getattr(dialog, "dismiss")()  # noqa: B009  # playwright types handlers as object

        watched.page.on("dialog", dismiss)
        return watched

    yield start
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from where AXE_CORE points or from npm."""
    given = os.environ.get("AXE_CORE")
    if given:
        return Path(given).read_text()
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not installed, which brings axe-core: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe")
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]
    done = subprocess.run(
        [*command, str(folder), f"axe-core@{AXE_VERSION}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        pytest.skip(f"npm cannot install axe-core {AXE_VERSION}: {done.stderr.strip()[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.mark.network
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_no_violation(
    real_site: str, watch: Callable[..., Watched], axe: str, dark: bool, width: int
) -> None:
    page = watch(width=width, dark=dark).page
    page.set_content("<html><body><img src='x'><input></body></html>")
    page.evaluate(axe)
    assert page.evaluate("axe.run().then(r => r.violations.length)") > 0, "axe finds nothing at all"
    for name, path in PAGES.items():
        page.goto(real_site + path)
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.target[0])]))"
        )
        assert found == [], f"{name}: {json.dumps(found, indent=1)}"


@pytest.mark.parametrize("width", [320, 360, 768, 1440])
def test_nothing_is_wider_than_the_screen(
    real_site: str, watch: Callable[..., Watched], width: int
) -> None:
    page = watch(width=width).page
    for name, path in PAGES.items():
        page.goto(real_site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_pages_load_without_a_word_and_from_here_only(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    watched = watch()
    for path in PAGES.values():
        watched.page.goto(real_site + path)
        watched.page.wait_for_load_state("networkidle")
    assert watched.messages == []
    assert len(watched.requests) > len(PAGES)
    assert all(url.startswith(real_site + "/") for url in watched.requests)


def test_search_finds_as_you_type_by_keyboard_alone(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(real_site)
    page.keyboard.press("/")
    page.keyboard.type("convert_time")
    page.wait_for_selector("#results:not([hidden]) .card")
    assert page.locator("#results .card h3").first.inner_text() == "Time"
    assert page.locator("#new").is_hidden()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Time"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{OWNER}/server-time/")


def test_search_says_that_nothing_matches(real_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.goto(f"{real_site}/browse/?q=zzzzzz")
    page.wait_for_selector("#results:not([hidden])")
    assert "No server matches." in page.locator("#results").inner_text()
    page.fill("#find", "")
    page.wait_for_selector(".column > .cards >> visible=true")


def test_everything_can_be_read_and_reached_without_script(
    real_site: str, watch: Callable[..., Watched]
) -> None:
    page = watch(script=False).page
    page.goto(real_site)
    page.fill("#find", "time")
    page.keyboard.press("Enter")
    page.wait_for_url("**/browse/?q=time")
    page.get_by_role("link", name="Time", exact=True).click()
    page.wait_for_url(f"**{OWNER}/server-time/")
    text = page.locator("main").inner_text()
    assert "cannot use the network" in text
    assert "mcpreg run io.github.modelcontextprotocol/server-time" in text
    page.get_by_text("VS Code", exact=True).click()
    assert page.get_by_text('"servers"').is_visible()


def test_focus_is_always_visible(real_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.goto(f"{real_site}{OWNER}/server-filesystem/")
    for _ in range(25):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "[getComputedStyle(document.activeElement).outlineStyle,"
            " getComputedStyle(document.activeElement, '::after').outlineStyle]"
        )
        assert any(style != "none" for style in outline), page.evaluate(
            "document.activeElement.outerHTML"
        )


def test_commands_can_be_copied(real_site: str, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{real_site}{OWNER}/server-time/")
    page.get_by_role("button", name="Copy").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "mcpreg run io.github.modelcontextprotocol/server-time"


DEED = "<img src=/x onerror=\"document.title='deed'\"><script>document.title='deed'</script>"
HOSTILE_READMES = [
    DEED,
    "# x\n\n" + DEED,
    "[x](javascript:document.title='deed')",
    "<svg onload=\"document.title='deed'\"></svg>",
    "![x](//evil.example/p.png)\n\n<link rel=stylesheet href=//evil.example/x.css>",
    "<style>body{display:none}</style><p style='position:fixed;inset:0'>cover</p>",
    "<meta http-equiv=refresh content='0;url=//evil.example'><base href=//evil.example/>",
    "<form action=//evil.example><button autofocus onfocus=\"document.title='deed'\">x</button>",
    "| " + "w" * 5000 + " |\n|---|\n| x |",
    "`" + "unbroken" * 800 + "`\n\n" + "unbroken" * 800,
    "\u202e\u2066" + "a" * 3000 + "\x1b[2J",
    "```\n" + "wide " * 2000 + "\n```",
]


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Entries that attack the reader; unsigned, since no registry would publish them."""
    folder = tmp_path_factory.mktemp("hostile")
    repo = _repository(folder)
    text = f"\u202e</script>{DEED}"[:100]
    for number, readme in enumerate(HOSTILE_READMES):
        manifest = make_manifest(
            f"io.github.evil/server-{number}",
            "1.0.0",
            title=text,
            description=text,
            websiteUrl="https://x.example/'onmouseover=document.title='deed'",
            repository={"url": "javascript:document.title='deed'", "source": "github"},
            capabilities={
                "tools": [
                    {
                        "name": "x" * 128,
                        "description": DEED,
                        "inputSchema": {"properties": {DEED: {"description": DEED}}},
                    }
                ],
                "sandbox": [f"net:egress:{'.'.join(['w' * 60] * 3)}.example:443"],
            },
        )
        place = repo / "servers" / manifest.name / manifest.version
        place.mkdir(parents=True)
        (place / "mcps.json").write_bytes(canonical.pretty(manifest.document()))
        (place / "README.md").write_text(readme)
    subprocess.run(["git", "-C", str(repo), "add", "-A"], check=True)
    subprocess.run(["git", "-C", str(repo), "commit", "-q", "-m", "x"], check=True)
    publish_site(render(gitrepo.read(repo, "HEAD"), find_templates()), folder / "site")
    with _served(folder / "site") as url:
        yield url


def test_the_deed_works_on_a_page_that_does_nothing_against_it(
    watch: Callable[..., Watched],
) -> None:
    page = watch().page
    page.set_content(f"<title>x</title>{DEED}")
    page.wait_for_function("document.title === 'deed'")
    assert page.title() == "deed"


@pytest.mark.parametrize("width", [320, 1280])
def test_hostile_entries_run_load_and_break_nothing(
    hostile_site: str, watch: Callable[..., Watched], width: int
) -> None:
    watched = watch(width=width)
    page = watched.page
    owner = "/servers/io.github.evil/server"
    paths = [f"{owner}-{number}/" for number in range(len(HOSTILE_READMES))]
    for path in ["/", "/browse/", *paths, f"{owner}-0/versions/1.0.0/"]:
        page.goto(hostile_site + path)
        page.wait_for_load_state("networkidle")
        page.mouse.move(width // 2, 450)
        assert page.title() != "deed", path
        assert page.url == hostile_site + path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.locator("main h1").is_visible()
    page.goto(hostile_site)
    page.fill("#find", "evil")
    page.wait_for_selector("#results .card")
    assert page.title() != "deed"
    assert watched.dialogs == []
    assert watched.messages == []
    assert all(url.startswith(hostile_site + "/") for url in watched.requests)
