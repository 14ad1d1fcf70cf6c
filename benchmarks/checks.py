"""What a check costs: each rule's share of the processor, and each server's time with its evidence.

    python -m benchmarks checks [--servers FOLDER…]

The first table runs every rule over the manifests of servers/ and names the dearest; its peer is
reading the same files with `json` alone. The second makes the whole of `mcpreg ci check` for the
named version folders (two small ones without `--servers`), online: seconds a server, and how much
of them each kind of evidence takes.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from mcpreg.checks import engine
from mcpreg.checks.case import Case, Surroundings
from mcpreg.checks.interface import Rule
from mcpreg.checks.judge import judge
from mcpreg.checks.reading import read
from mcpreg.checks.registry import CASE_RULES, RULES
from mcpreg.checks.subject import subject_of
from mcpreg.core.evidence import Evidence
from mcpreg.usecases.gather import Sources, gather
from mcpreg.usecases.report import VersionFolder

ROUNDS = 20
SHOWN = 10
SERVERS = Path("servers")
FEW = ("time", "sequential-thinking")


def main() -> None:
    """Both tables."""
    folders = [_folder(path.parent) for path in sorted(SERVERS.glob("*/*/*/mcps.json"))]
    shares(folders)
    named = sys.argv[sys.argv.index("--servers") + 1 :] if "--servers" in sys.argv else []
    evidence([folder for folder in folders if _is_wanted(folder, named)])


def _is_wanted(folder: VersionFolder, named: list[str]) -> bool:
    if named:
        return any(word in folder.path for word in named)
    return folder.path.rsplit("/", 2)[1].endswith(FEW)


def _folder(path: Path) -> VersionFolder:
    files = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
    return VersionFolder(path.as_posix(), files, "0" * 40)


def shares(folders: list[VersionFolder]) -> None:
    """Each rule's share of the processor time of judging."""
    spent: dict[str, float] = defaultdict(float)
    started = time.process_time()
    for _ in range(ROUNDS):
        for folder in folders:
            json.loads(folder.files["mcps.json"])
    peer = time.process_time() - started
    started = time.process_time()
    for _ in range(ROUNDS):
        for folder in folders:
            engine.run(folder.submission())
    whole = time.process_time() - started
    for folder in folders:
        _time_rules(folder, spent)
    count = len(folders) * ROUNDS
    each, bare = whole / count * 1000, peer / count * 1000
    print(f"{each:.2f} ms a manifest, every rule; json.loads alone {bare:.2f} ms")
    total = sum(spent.values())
    for rule, seconds in sorted(spent.items(), key=lambda item: -item[1])[:SHOWN]:
        print(f"  {seconds / total:6.1%}  {rule}")
    print(f"  {len(RULES)} rules about a manifest, {len(CASE_RULES)} about a case")


def _time_rules(folder: VersionFolder, spent: dict[str, float]) -> None:
    subject = subject_of(read(folder.submission()))
    if subject is None:
        return
    case = Case(subject, Surroundings(today=datetime.now(UTC).date()), Evidence(), folder.lock())
    for rule in RULES:
        if isinstance(rule, Rule):
            started = time.process_time()
            for _ in range(ROUNDS):
                list(rule.check(subject))
            spent[rule.id] += time.process_time() - started
    for case_rule in CASE_RULES:
        started = time.process_time()
        for _ in range(ROUNDS):
            judge(case, [case_rule])
        spent[case_rule.id] += time.process_time() - started


def evidence(folders: list[VersionFolder]) -> None:
    """Seconds a server, each kind of evidence apart."""
    for folder in folders:
        started = time.perf_counter()
        found = gather(
            folder,
            folder.manifest(),
            Surroundings(today=datetime.now(UTC).date(), curated=True),
            Sources(),
            lambda _: None,
        )
        seconds = time.perf_counter() - started
        parts = ", ".join(f"{kind} {spent:.1f}" for kind, spent in found.seconds.items())
        print(f"{folder.identity}: {seconds:.1f} s ({parts})")


if __name__ == "__main__":
    main()
