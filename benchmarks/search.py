"""The search at the size of the real ecosystem and beyond: index, first query, every query.

    python -m benchmarks search

Real entries first, then variations of them (see `search_corpus`). The page's worker runs in node;
Pagefind (npm, its own binary and its own script) indexes and searches the same texts in the same
run. Bytes are gzip's, as the least of hosts compresses. A round trip is one that waits for the one
before: the directory is fetched when the box gets the focus, so that what is typed waits for two.
`mcpreg search` is compared with what a Python program with click must do at least.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from benchmarks.measure import command, compare
from benchmarks.search_corpus import documents, real_documents
from benchmarks.search_quality import judged
from mcpreg.core import canonical
from mcpreg.core.index import SEARCH_DIRECTORY, SEARCH_TARGET, shard_path
from mcpreg.core.search.build import build_index
from mcpreg.core.search.documents import Document
from mcpreg.core.search.laying import Index

ROOT = Path(__file__).resolve().parents[1]
HARNESS = ROOT / "tests/support/search_node.cjs"
WORKER = ROOT / "templates/assets/search-worker.js"
SCRIPTS = (WORKER, WORKER.with_name("search.js"))
PAGEFIND = "1.6.0"
PAGEFIND_INDEX = """
import { createIndex, close } from "pagefind";
import { readFileSync } from "node:fs";
const { index } = await createIndex({});
for (const line of readFileSync(process.argv[2], "utf8").split("\\n").filter(Boolean)) {
  await index.addCustomRecord(JSON.parse(line));
}
await index.writeFiles({ outputPath: process.argv[3] });
await close();
"""
PAGEFIND_SEARCH = """
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
const folder = process.argv[2] + "/";
let fetched = [];
globalThis.document = { querySelector: () => null, currentScript: null };
globalThis.location = new URL("http://localhost/");
globalThis.window = globalThis;
globalThis.fetch = async (url) => {
  const data = readFileSync(folder + String(url).split("/pagefind/").pop().split("?")[0]);
  fetched.push(data);
  return new Response(data);
};
const pagefind = await import("file://" + folder + "pagefind.js");
await pagefind.options({ basePath: "http://localhost/pagefind/", baseUrl: "/" });
const queries = JSON.parse(readFileSync(0, "utf8"));
const ask = async (text) =>
  Promise.all((await pagefind.search(text)).results.slice(0, 10).map((found) => found.data()));
await pagefind.init();
await ask(queries[0]);
// It asks for its binary's compressed files, which gzip makes no smaller.
const first = fetched.reduce((sum, data) => sum + Math.min(data.length, gzipSync(data).length), 0);
const requests = fetched.length;
for (const query of queries) await ask(query);
const times = [];
for (let turn = 0; turn < 5; turn++) {
  for (const query of queries) {
    const began = performance.now();
    await ask(query);
    times.push(performance.now() - began);
  }
}
console.log(JSON.stringify({ first, requests, times }));
"""


def zipped(data: bytes) -> int:
    return len(gzip.compress(data, 6))


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def tree_bytes(folder: Path) -> tuple[int, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def write(index: Index, site: Path) -> None:
    for path, data in [
        (SEARCH_DIRECTORY, index.directory),
        (SEARCH_TARGET, index.pointer),
        *((shard_path(digest), data) for digest, data in index.shards.items()),
    ]:
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(data)


@dataclass(frozen=True)
class Browsed:
    """What the worker did: bytes and dependent round trips of first queries, ms of every query.

    Of five times that a query took the shortest counts: the machine may be busy with other things.
    """

    sizes: list[float]
    trips: list[int]
    times: list[float]


def browse(site: Path, queries: list[str]) -> Browsed:
    done = subprocess.run(
        ["node", str(HARNESS), str(WORKER), str(site)],
        input=json.dumps({"queries": queries, "repeat": 5, "visits": True}),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    small: dict[str, int] = {}
    for path in {path for visit in answer["visits"] for part in visit for path in part}:
        small[path] = zipped((site / path[1:]).read_bytes())
    sizes = [
        float(sum(small[path] for part in visit for path in part)) for visit in answer["visits"]
    ]
    times = shortest(answer["times"], len(queries))
    return Browsed(sizes, [len(visit) for visit in answer["visits"]], times)


def shortest(times: list[float], queries: int) -> list[float]:
    return [min(times[at::queries]) for at in range(queries)]


def ours(items: list[Document], site: Path, queries: list[str]) -> None:
    began = time.perf_counter()
    index = build_index(items)
    seconds = time.perf_counter() - began
    write(index, site)
    size = sum(map(len, index.shards.values()))
    small = sum(map(zipped, index.shards.values()))
    print(
        f"  index: {seconds:.1f} s to build, {len(index.shards):,} shards, {size / 1e6:.1f} MB, "
        f"{small / 1e6:.1f} MB compressed, directory {zipped(index.directory) / 1e3:.1f} KB"
    )
    changed = [*items[:-1], replace(items[-1], description="Something else")]
    fresh = build_index(changed).shards.keys() - index.shards.keys()
    print(f"  after one change: {len(fresh)} of {len(index.shards):,} shards are new")
    browsed = browse(site, queries)
    script = sum(zipped(path.read_bytes()) for path in SCRIPTS)
    print(
        f"  first query: median {statistics.median(browsed.sizes) / 1e3:.0f} KB, p95 "
        f"{p95(browsed.sizes) / 1e3:.0f} KB, most {max(browsed.sizes) / 1e3:.0f} KB (target <= "
        f"100), {max(browsed.trips) - 1} round trips after the directory (target <= 2); "
        f"scripts {script / 1e3:.1f} KB more"
    )
    print(
        f"  every query: median {statistics.median(browsed.times):.2f} ms, "
        f"p95 {p95(browsed.times):.2f} ms (target <= 5)",
        flush=True,
    )


def pagefind(items: list[Document], folder: Path, queries: list[str]) -> None:
    """Pagefind over the same fields, a record a server."""
    records = folder / "records.jsonl"
    with records.open("w") as lines:
        for item in items:
            text = " ".join((item.name, item.title, item.description, *item.tags, *item.tools))
            record = {
                "url": f"/servers/{item.name.lower()}/",
                "content": text,
                "language": "en",
                "meta": {"title": item.title or item.name, "description": item.description},
            }
            lines.write(json.dumps(record) + "\n")
    for name, text in (("index.mjs", PAGEFIND_INDEX), ("search.mjs", PAGEFIND_SEARCH)):
        (folder / name).write_text(text)
    output = folder / "pagefind"
    began = time.perf_counter()
    subprocess.run(
        ["node", "index.mjs", str(records), str(output)],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - began
    files, size = tree_bytes(output)
    print(f"  Pagefind: {seconds:.1f} s to build, {files:,} files, {size / 1e6:.1f} MB")
    done = subprocess.run(
        ["node", "search.mjs", str(output)],
        cwd=folder,
        input=json.dumps(queries),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"  Pagefind does not search in node here: {done.stderr.strip()[-300:]}")
        return
    found = json.loads(done.stdout)
    times = shortest(found["times"], len(queries))
    print(
        f"  Pagefind: first query {found['first'] / 1e3:.0f} KB in {found['requests']} requests; "
        f"median {statistics.median(times):.2f} ms, p95 {p95(times):.2f} ms",
        flush=True,
    )


def install_pagefind(folder: Path) -> bool:
    (folder / "package.json").write_text('{"type": "module"}')
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", f"pagefind@{PAGEFIND}"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"npm cannot install pagefind {PAGEFIND}: {done.stderr.strip()[-200:]}")
    return done.returncode == 0


def warm_command(site: Path, folder: Path) -> None:
    """`mcpreg search` with a pinned registry whose verified index is on this machine."""
    root = b"{}"
    digest = canonical.sha256(root)
    homes = {kind: folder / kind for kind in ("config", "data", "cache", "state")}
    os.environ |= {f"XDG_{kind.upper()}_HOME": str(path) for kind, path in homes.items()}
    pin = {"name": "bench", "url": "http://127.0.0.1:9", "root": digest}
    places = {
        homes["config"] / "mcpreg/registries.json": json.dumps({"registries": [pin]}).encode()
    }
    pointer = (site / SEARCH_TARGET).read_bytes()
    kept = {
        "fetched": time.time(),
        "sha256": canonical.sha256(pointer).removeprefix("sha256:"),
        "body": pointer.decode(),
    }
    cache = homes["cache"] / "mcpreg"
    places[cache / "search" / f"{digest[7:39]}.json"] = json.dumps(kept).encode()
    for path, data in places.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    shards = cache / "registries" / digest[7:39] / "shards"
    shards.mkdir(parents=True)
    for path in (site / "search/shards").iterdir():
        data = path.read_bytes()
        (shards / sha256(data).hexdigest()).write_bytes(data)
    mcpreg = str(Path(sys.executable).parent / "mcpreg")
    for words in (("postgres",), ("web", "search"), ("read", "and", "write", "files")):
        result = compare(
            command(mcpreg, "search", *words), command(sys.executable, "-c", "import click")
        )
        print(
            result.line(f"mcpreg search {' '.join(words)}", 'python -c "import click"', "<= 4"),
            flush=True,
        )


def main() -> None:
    try:
        real = len(real_documents())
    except FileNotFoundError as error:
        print(error)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    queries = [item.text for item in judged()]
    with tempfile.TemporaryDirectory(prefix="mcpreg-bench-") as name:
        folder = Path(name)
        has_pagefind = install_pagefind(folder)
        for size in (10_000, 25_000):
            items = documents(size)
            print(f"{size:,} servers, {size - min(size, real):,} of them variations")
            ours(items, folder / f"site{size}", queries)
            if has_pagefind:
                pagefind(items, folder, queries)
                shutil.rmtree(folder / "pagefind")
        warm_command(folder / "site25000", folder)


if __name__ == "__main__":
    main()
