"""Importing another registry: time against size, and what a sync costs when nothing changed.

    python -m benchmarks sync

Generated entries shaped like the official registry's, as one document on a static host of this
machine. The first line's peer is `git add` and `git commit` of the same files, which is the least
that any import into git does; the last one's is two bare requests by the same HTTP library, one of
them conditional.
"""

from __future__ import annotations

import functools
import http.server
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.measure import command, compare
from benchmarks.validate import plain

SIZES = (5_000, 25_000)
SITE = "import sys; from mcpreg_site.cli.main import main; sys.argv[0] = 'mcpreg-site'; main()"
BARE = """
import sys, httpx2
first = httpx2.get(sys.argv[1])
again = httpx2.get(sys.argv[1], headers={"If-Modified-Since": first.headers["Last-Modified"]})
assert again.status_code == 304
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static host that answers conditional requests, and keeps to itself."""

    def log_message(self, *_: object) -> None:
        pass


def serve(folder: Path) -> str:
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/registry.json"


def git(repo: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "-C", str(repo), *identity, *arguments], check=True, capture_output=True)


def registry(folder: Path, url: str) -> Path:
    repo = folder / "registry"
    (repo / "sources").mkdir(parents=True)
    git(repo, "init", "-q", "-b", "main")
    (repo / "mcpreg.toml").write_text(
        '[registry]\nname = "bench"\nbase_url = "https://b.example"\n'
    )
    (repo / "sources" / "far.yaml").write_text(f"sources: [{{name: far, url: {{url: {url}}}}}]\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Begin")
    return repo


def timed(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def again(repo: Path, folder: Path) -> float:
    """`git add` and `git commit` of the files that an import made, in a new repository."""
    copy = folder / "copy"
    git(folder, "init", "-q", str(copy))
    subprocess.run(["cp", "-r", str(repo / "servers"), str(copy)], check=True)
    began = time.perf_counter()
    git(copy, "add", ".")
    git(copy, "commit", "-qm", "All")
    return time.perf_counter() - began


def measure(size: int) -> float:
    rng = random.Random(size)
    with tempfile.TemporaryDirectory(prefix="mcpreg-bench-") as name:
        folder = Path(name)
        entries = [{"server": plain(rng, number)} for number in range(size)]
        (folder / "registry.json").write_text(json.dumps({"servers": entries, "metadata": {}}))
        url = serve(folder)
        repo = registry(folder, url)
        where = ["--repo", str(repo), "--output", str(folder / "public")]
        sync = [sys.executable, "-c", SITE, "sync", *where]
        seconds, peer = timed(sync), again(repo, folder)
        print(
            f"{f'import of {size:,} entries':34} {seconds:8.1f} s    "
            f"{'git add and commit of them':28} {peer:8.1f} s    ratio {seconds / peer:5.2f}   "
            f"{seconds / size * 1000:.2f} ms an entry",
            flush=True,
        )
        if size == SIZES[-1]:
            nothing = compare(command(*sync), command(sys.executable, "-c", BARE, url), pairs=5)
            print(nothing.line(f"sync, nothing changed, {size:,}", "two bare requests", "—"))
        return seconds / size


def main() -> None:
    small, large = (measure(size) for size in SIZES)
    print(
        f"time an entry, {SIZES[1]:,} against {SIZES[0]:,}: {large / small:.2f} (linear: about 1)"
    )


if __name__ == "__main__":
    main()
