"""Take the pictures of docs/catalog.md: every kind of page, light and dark, wide and narrow.

python scripts/screenshots.py [--only NAME]

Shows this repository's own servers, published with throw-away keys, in Debian's chromium. Pictures
are kept small: 256 colours, which the pages do not exceed by much.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from mcpreg import gitrepo
from mcpreg.gitrepo import PUBLISHED
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.publish import publish
from mcpreg_site.publish import publish as publish_site
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs/images"
COLOURS = 128
OWNER = "/servers/io.github.modelcontextprotocol"
SERVE = "import sys; from mcpreg_site.cli.main import main; sys.argv[0] = 'mcpreg-site'; main()"
# The pictures show the same day whenever they are taken.
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as somebody sees it. `selector` scrolls to a part of it."""

    name: str
    path: str
    width: int = 1280
    height: int = 900
    dark: bool = False
    selector: str | None = None


PICTURES = (
    Picture("home-light", "/"),
    Picture("home-dark", "/", dark=True),
    Picture("browse-light", "/browse/safety/safe/"),
    Picture("server-light", f"{OWNER}/server-filesystem/"),
    Picture("server-phone-dark", f"{OWNER}/server-memory/", width=360, height=780, dark=True),
    Picture("report-light", f"{OWNER}/server-filesystem/", selector="#report"),
    Picture("version-dark", f"{OWNER}/server-filesystem/versions/2026.8.31/", dark=True),
    Picture("publisher-light", "/publishers/io.github.modelcontextprotocol/"),
    Picture("checks-light", "/checks/"),
    Picture("figures-dark", "/registry/", dark=True),
    Picture("sources-light", "/sources/", height=500),
    Picture("not-found-dark", "/404.html", height=500, dark=True),
)


def main() -> None:
    """Build, serve, take."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="the name of one picture")
    only: str | None = parser.parse_args().only
    program = shutil.which("chromium")
    if not program:
        sys.exit("screenshots: chromium is missing: python3 scripts/setup.py --with chromium")
    with tempfile.TemporaryDirectory(prefix="mcpreg-pictures-") as name, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        with served(site(Path(name))) as address:
            for picture in PICTURES:
                if only in (None, picture.name):
                    take(browser, address, picture)
        browser.close()


def site(folder: Path) -> Path:
    """This repository's servers, published with new keys."""
    repo = folder / "repo"
    repo.mkdir()
    git(repo, "init", "-q", "-b", "main")
    settings = (ROOT / "mcpreg.toml").read_text()
    # What only a package index could say is not asked for.
    (repo / "mcpreg.toml").write_text(settings + "\n[checks]\nrequire = []\n")
    shutil.copytree(ROOT / "servers", repo / "servers")
    keys = init_keys(repo, folder / "keys", NOW)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "Servers")
    publish(repo, "HEAD", keys.online_uri, now=NOW, environment={})
    publish_site(render(gitrepo.read(repo, PUBLISHED), find_templates()), folder / "site")
    return folder / "site"


def git(repo: Path, *arguments: str) -> None:
    """Run git as somebody."""
    who = ["-c", "user.name=Pictures", "-c", "user.email=pictures@localhost"]
    subprocess.run(["git", "-C", str(repo), *who, *arguments], check=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`mcpreg-site serve` on a free port."""
    command = [sys.executable, "-c", SERVE, "serve", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None  # noqa: S101  # given PIPE, for the type checker
        yield process.stdout.readline().split(" at ")[1].split("/  ")[0]
    finally:
        process.terminate()
        process.wait(10)


def take(browser: Browser, address: str, picture: Picture) -> None:
    """One picture, in a context of its own."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address + picture.path)
    page.wait_for_load_state("networkidle")
    if picture.selector:
        page.locator(picture.selector).evaluate("element => element.scrollIntoView()")
    image = Image.open(io.BytesIO(page.screenshot()))
    file = IMAGES / f"{picture.name}.png"
    image.convert("RGB").quantize(COLOURS).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size >> 10} KiB")
    context.close()


if __name__ == "__main__":
    main()
