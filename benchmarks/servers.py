"""Every locked entry of servers/, started bare and sandboxed without network: docs/servers.md.

    python -m benchmarks servers [--write]

Milliseconds from starting the process to its answer to `initialize`, median of five, in turn. The
tools it then lists must be exactly the declared ones, hash by hash; otherwise the row says so and
the command fails.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from mcpreg.core import toolset
from mcpreg.core.lock import LOCK_FILE, parse_lock
from mcpreg.core.manifest import MANIFEST_FILE, parse_manifest
from mcpreg.core.plan import Plan
from mcpreg.packages.registry import kind_for
from mcpreg.sandbox.planfile import write_plan
from mcpreg.usecases.introspect import introspect
from mcpreg.usecases.probe import probe_plan

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs/servers.md"
RUNS = 5
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}


@dataclass(frozen=True)
class Row:
    """One entry's line."""

    name: str
    version: str
    tools: str
    bare: float
    sandboxed: float


def main() -> None:
    write = "--write" in sys.argv
    rows = [measure(folder) for folder in folders()]
    text = render(rows)
    print(text)
    if write:
        TABLE.write_text(text)
    if any("not" in row.tools for row in rows):
        sys.exit(1)


def folders() -> list[Path]:
    return sorted(path.parent for path in (ROOT / "servers").rglob(LOCK_FILE))


def measure(folder: Path) -> Row:
    manifest = parse_manifest((folder / MANIFEST_FILE).read_bytes())
    lock = parse_lock((folder / LOCK_FILE).read_bytes())
    kind = kind_for(lock.package.registry_type)
    with tempfile.TemporaryDirectory(prefix="mcpreg-bench-") as temporary:
        app = Path(temporary, "app")
        app.mkdir()
        kind.install(lock, app, progress=lambda _: None)
        runtime = kind.runtime(lock)
        plan = probe_plan(manifest, lock, app, runtime)
        offer = introspect(plan)
        same = toolset.tool_hashes(offer.tools) == lock.toolset.tools
        planfile = Path(temporary, "plan.json")
        planfile.write_bytes(write_plan(plan))
        scratch = Path(temporary, "scratch")
        scratch.mkdir()
        sandboxed = [sys.executable, "-P", "-m", "mcpreg.sandbox", str(planfile)]
        bare = [
            runtime.executable,
            *(outside(word, app, scratch) for word in plan.argv[1:]),
        ]
        environment = bare_environment(plan, app, scratch)
        times = [
            (first_answer(bare, environment, scratch), first_answer(sandboxed, None, scratch))
            for _ in range(RUNS)
        ]
    count = len(lock.toolset.tools)
    row = Row(
        manifest.name,
        manifest.version,
        str(count) if same else f"{count}, not the {len(offer.tools)} it lists",
        statistics.median(a for a, _ in times) * 1000,
        statistics.median(b for _, b in times) * 1000,
    )
    print(f"{row.name}@{row.version}: {row.bare:.0f} -> {row.sandboxed:.0f} ms", file=sys.stderr)
    return row


def outside(word: str, app: Path, scratch: Path) -> str:
    """A word of the command line with the sandbox's own folders really there."""
    if word.startswith("/app/"):
        return word.replace("/app", str(app), 1)
    return str(scratch) if word.startswith(("/home/mcp", "/tmp")) else word


def bare_environment(plan: Plan, app: Path, scratch: Path) -> dict[str, str]:
    """What the server gets outside: the same variables, with its folders really there."""
    inside = {
        key: value.replace("/app", str(app), 1) if value.startswith("/app") else value
        for key, value in plan.env.items()
    }
    return {"PATH": os.environ["PATH"], "HOME": str(scratch), **inside}


def first_answer(command: Sequence[str], environment: dict[str, str] | None, cwd: Path) -> float:
    """Seconds until the answer to `initialize`; NaN when it ends before it answers."""
    began = time.perf_counter()
    with subprocess.Popen(
        command,
        env=environment,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        process.stdin.flush()
        seconds = time.perf_counter() - began if answered(process.stdout) else float("nan")
        process.terminate()
        process.stdin.close()
    return seconds


def answered(stream: IO[bytes]) -> bool:
    while line := stream.readline():
        try:
            message: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and message.get("id") == 1:
            return "result" in message
    return False


def render(rows: Sequence[Row]) -> str:
    lines = [
        "# Every entry, started in the sandbox",
        "",
        "Made by `python -m benchmarks servers --write`. Each entry is installed from its lock and",
        "started without network, grants or host environment; it must then list exactly the tools",
        "that its manifest declares, compared by hash. Times are medians of "
        f"{RUNS} runs in turn, from",
        "starting the process to the answer to `initialize`, bytecode cached on both sides.",
        "",
        "| server | version | tools | ms bare | ms sandboxed |",
        "|---|---|---:|---:|---:|",
    ]
    for row in rows:
        sandboxed = f"{row.sandboxed:.0f}"
        lines.append(f"| {row.name} | {row.version} | {row.tools} | {row.bare:.0f} | {sandboxed} |")
    return "\n".join([*lines, "", f"{len(rows)} entries.", ""])


if __name__ == "__main__":
    main()
