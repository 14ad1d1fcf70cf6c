"""Building at the size of the real ecosystem: cold, again, and after one change; and the curve.

    python -m benchmarks build                  1,000, 5,000, then 25,000 servers / 80,000 versions
    python -m benchmarks build --size=1000:2500

Each line is one command, `mcpreg-site build`, with caches of its own: seconds by the clock and of
processors, the sum of memory over its processes, and the files it wrote. The change is one new
version of one server, signed and published; it is built twice, because the first build after a cold
one also lays out the folder that builds take turns with. At the end the site is verified whole,
by `mcpreg-site verify`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.corpus import Corpus, cached, data, files_of, make_entry, write_commit
from benchmarks.memory import Measured, measured
from mcpreg import gitrepo
from mcpreg.core.catalog import build_targets
from mcpreg.core.entry import Entry
from mcpreg.gitrepo import PUBLISHED
from mcpreg.trust.keys import load_signer
from mcpreg.trust.offline import load_offline
from mcpreg.trust.repository import Publication, sign_online

SIZES = "1000:2500,5000:16000,25000:80000"


def main() -> None:
    if data() is None:
        print("left out: the real entries are not on this machine (MCPREG_DATA)")
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks build")
    parser.add_argument("--size", default=SIZES, help="SERVERS:VERSIONS,…")
    arguments, _ = parser.parse_known_args()
    for size in arguments.size.split(","):
        servers, versions = map(int, size.split(":"))
        corpus = cached(servers, versions)
        print(corpus.line(), flush=True)
        with tempfile.TemporaryDirectory(prefix="mcpreg-bench-") as temporary:
            curve(corpus, Path(temporary))


def curve(corpus: Corpus, folder: Path) -> None:
    repo = Path(shutil.copytree(corpus.repo, folder / "repo"))
    cold = run(repo, folder)
    pages = sum(1 for _ in (folder / "public").rglob("*.html"))
    show("cold", cold, cold)
    print(f"{'':24} {pages:,} pages, {cold.seconds / pages * 1000:.2f} ms each")
    show("nothing changed", run(repo, folder), cold)
    for number, name in enumerate(("one change, the first", "one change")):
        publish_one(corpus, repo, number)
        show(name, run(repo, folder), cold)
    show_verified(folder)


def show_verified(folder: Path) -> None:
    program = str(Path(sys.executable).with_name("mcpreg-site"))
    found = measured([program, "verify", str(folder / "public"), "--json"], folder)
    did = json.loads(found.output)["data"]
    print(
        f"{'verified whole':24} {found.seconds:7.1f} s  {found.cpu:7.1f} s of processor  "
        f"{found.peak / 2**20:6.0f} MiB  {did['files']:7,} files, {len(did['findings'])} findings",
        flush=True,
    )


def run(repo: Path, folder: Path) -> Measured:
    program = str(Path(sys.executable).with_name("mcpreg-site"))
    where = ["--repo", str(repo), "--output", str(folder / "public"), "--json"]
    return measured([program, "build", *where], folder, {"XDG_CACHE_HOME": str(folder / "cache")})


def show(name: str, found: Measured, cold: Measured) -> None:
    did = json.loads(found.output)["data"]
    print(
        f"{name:24} {found.seconds:7.1f} s  {found.cpu:7.1f} s of processor  "
        f"{found.peak / 2**20:6.0f} MiB  {did['written']:7,} written of {did['files']:,}  "
        f"{100 * found.seconds / cold.seconds:5.1f}% of cold",
        flush=True,
    )


def publish_one(corpus: Corpus, repo: Path, number: int) -> None:
    """A new version of a server in the middle, with the metadata signed again."""
    before = gitrepo.read(repo, PUBLISHED)
    entries = list(before.entries)
    like = entries[len(entries) // 2]
    document = like.manifest.document() | {"version": f"99.{number}.0"}
    total = len(entries) + 1
    fresh: Entry = make_entry(document, total, total, like.readme or b"")
    now = datetime.now(UTC)
    offline = load_offline(before.trust)
    key = corpus.repo.with_name(f"{corpus.repo.name}.keys") / "online.pem"
    signer = load_signer(f"file:{key}", offline.online_keys, {})
    targets = build_targets([*entries, fresh]).files
    publication = Publication(targets, before.tuf, now, before.settings.trust.expiry)
    tuf = sign_online(publication, offline, signer)
    files = {f"tuf/{name}": data for name, data in tuf.items()} | dict(files_of(fresh))
    write_commit(repo, files, before.commit)


if __name__ == "__main__":
    main()
