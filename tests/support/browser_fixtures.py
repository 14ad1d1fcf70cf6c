"""A real browser, Debian's chromium, and axe-core from npm.

A test module takes these with `pytest_plugins = ["browser_fixtures"]`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from browsing import Watched

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        yield launched
        launched.close()


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
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "axe"
    folder.mkdir(exist_ok=True)
    script = folder / "node_modules/axe-core/axe.min.js"
    with (folder / "lock").open("w") as lock:  # one worker installs it for all
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not script.exists():
            _install_axe(npm, folder)
    return script.read_text()


def _install_axe(npm: str, folder: Path) -> None:
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
