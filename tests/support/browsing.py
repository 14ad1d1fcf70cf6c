"""What tests of pages in a browser share: a host, what a page did on its own, and axe-core's word.

The fixtures that start the browser are in `browser_fixtures`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from warm_start import started


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """`mcpreg-site serve` on a free port, stopped at the end."""
    process = subprocess.Popen(
        [*started("mcpreg_site"), "serve", str(folder), "--port", "0"],
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


@dataclass
class Watched:
    """A page, and all that it did on its own."""

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


def open_page(page: Page, address: str) -> None:
    """Go there; the page of sources is whole when what its script read is there."""
    page.goto(address)
    if address.endswith("/sources/"):
        page.locator("#sources dl").first.wait_for()


def require_no_violation(page: Page, site: str, paths: dict[str, str], axe: str) -> None:
    for name, path in paths.items():
        open_page(page, site + path)
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        page.evaluate(axe)
        found = page.evaluate(
            "axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.target[0])]))"
        )
        assert found == [], f"{name}: {json.dumps(found, indent=1)}"
