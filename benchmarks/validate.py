"""How many manifests a second a core checks, by every rule that needs no network.

    python benchmarks/validate.py [FILE]

Measures validation of generated manifests, shaped like those of the official registry and like
ours with ten tools in full, against `jsonschema` with one reused validator (which checks shape
alone) over the same documents in the same run. FILE is a copy of the official registry,
`{"servers": [{"server": …}]}`, to be measured too. One thread, processor time.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from mcpreg.checks.engine import run
from mcpreg.checks.reading import Submission
from mcpreg.core.schema import json_schema

COUNT = 2000
ROUNDS = 3
TARGET = 3000  # manifests a second a core, SPEC section 7
WORDS = [
    "search",
    "files",
    "issues",
    "weather",
    "maps",
    "calendar",
    "notes",
    "deploy",
    "logs",
    "query",
    "tasks",
    "memory",
]


def package(rng: random.Random, name: str, version: str) -> dict[str, Any]:
    return {
        "registryType": rng.choice(["npm", "pypi"]),
        "identifier": name,
        "version": version,
        "transport": {"type": "stdio"},
        "environmentVariables": [
            {"name": f"{name.upper()}_KEY", "description": "Your key", "isSecret": True}
        ],
    }


def plain(rng: random.Random, number: int) -> dict[str, Any]:
    """As most of the official registry: a package or a remote, about 800 bytes."""
    word = rng.choice(WORDS)
    name, version = f"{word}{number}", f"{rng.randrange(3)}.{rng.randrange(20)}.{rng.randrange(9)}"
    document: dict[str, Any] = {
        "name": f"io.github.owner{number % 300}/{name}",
        "description": f"Lets a model use {word} through the service's own interface",
        "version": version,
        "repository": {"url": f"https://github.com/owner/{name}", "source": "github"},
        "license": rng.choice(["MIT", "Apache-2.0", "BSD-3-Clause"]),
        "tags": [word],
    }
    if rng.random() < 0.45:
        url = f"https://{name}.example.com/mcp"
        return document | {"remotes": [{"type": "streamable-http", "url": url}]}
    variable = f"env:{name.upper()}_KEY"
    return document | {
        "packages": [package(rng, name, version)],
        "capabilities": {"sandbox": [variable, f"net:egress:api.{name}.example.com:443"]},
    }


def detailed(rng: random.Random, number: int) -> dict[str, Any]:
    """As a server of ours: ten tools in full, about 8 KB."""
    document = plain(rng, number)
    schema = {
        "type": "object",
        "properties": {
            word: {"type": "string", "description": f"Which {word} to use, by name or by number"}
            for word in WORDS[:6]
        },
        "required": WORDS[:2],
    }
    tools = [
        {
            "name": f"{word}_{verb}",
            "description": f"{verb} one of your {word}",
            "inputSchema": schema,
        }
        for word in WORDS[:5]
        for verb in ("get", "set")
    ]
    capabilities = document.get("capabilities", {})
    return document | {"capabilities": {**capabilities, "tools": tools}}


def rate(work: Callable[[], object], count: int) -> float:
    """Items a second of processor time: the best of a few rounds, as noise only ever slows."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return count / best


def measure(title: str, documents: Sequence[dict[str, Any]]) -> float:
    data = [json.dumps(document).encode() for document in documents]
    validator = Draft202012Validator(json_schema("https://registry.example.com/s.json"))

    def ours() -> None:
        for item in data:
            run(Submission(item))

    def theirs() -> None:
        for item in data:
            for _ in validator.iter_errors(json.loads(item)):
                pass

    fast, slow = rate(ours, len(data)), rate(theirs, len(data))
    size = sum(map(len, data)) // len(data)
    print(
        f"{title:<34} {size:>6} B  {fast:>8,.0f}/s   jsonschema {slow:>7,.0f}/s   "
        f"{fast / slow:.1f} x as fast"
    )
    return fast


def main(files: Sequence[str] = ()) -> None:
    rng = random.Random(7)
    first = measure("as the official registry's", [plain(rng, n) for n in range(COUNT)])
    measure("with ten tools in full", [detailed(rng, n) for n in range(COUNT // 4)])
    for file in files:
        entries = json.loads(Path(file).read_bytes())["servers"]
        measure(Path(file).name[:34], [entry["server"] for entry in entries])
    reached = "reached" if first >= TARGET else "missed"
    print(f"target {TARGET:,}/s a core on the first line: {reached}")
    if first < TARGET:
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
