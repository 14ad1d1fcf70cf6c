"""`mcpreg run` to the first answer against the bare start of the same server (SPEC section 7).

Target: at most 150 ms more than bare. Uses what `make demo` installed; both sides are started in
turn, and timed from starting the process to the answer to `initialize`.
"""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

from benchmarks.servers import ROOT, first_answer
from mcpreg.store.installed import InstalledStore

OWNER = "io.github.modelcontextprotocol"
NAMES = (f"{OWNER}/server-time", f"{OWNER}/server-everything")
PAIRS = 15


def main() -> None:
    home = ROOT / ".demo/home"
    if not (home / "data").is_dir():
        print("left out: nothing is installed yet; make demo installs what this measures")
        return
    for name in NAMES:
        measure(name, home)


def measure(name: str, home: Path) -> None:
    record = InstalledStore(home / "data/mcpreg").open(name).record
    app = record.app
    entry = [word.replace("/app", app, 1) for word in record.entry[1:]]
    arguments = ["--local-timezone", "UTC"] if name.endswith("time") else ["stdio"]
    bare = [record.runtime.executable, *entry, *arguments]
    variables = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": app}
    kinds = ("CONFIG", "DATA", "CACHE", "STATE")
    ours = dict(os.environ) | {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
    command = [str(Path(sys.executable).parent / "mcpreg"), "run", name]
    pairs = [
        (first_answer(bare, variables, home), first_answer(command, ours, home))
        for _ in range(PAIRS + 1)
    ]
    outside, inside = (statistics.median(side) * 1000 for side in zip(*pairs[1:], strict=True))
    more = statistics.median((b - a) * 1000 for a, b in pairs[1:])
    short = name.rpartition("/")[2]
    print(
        f"{short:18} bare {outside:6.0f} ms   mcpreg run {inside:6.0f} ms   "
        f"difference {more:5.0f} ms   target <= 150"
    )


if __name__ == "__main__":
    main()
