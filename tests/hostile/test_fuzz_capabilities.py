"""No host file that no capability names can be read or written: generated plans, two ways.

`make soak` asks for 100,000 plans mounted in the mind and 2,000 launched (MCPREG_PLANS,
MCPREG_LAUNCHES, split over MCPREG_FUZZ_SHARDS tests). The seed is chance, and stands in every
finding; MCPREG_FUZZ_SEED repeats it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from broken_plans import BROKEN
from capability_fuzz import compile_many
from capability_launch import Settings
from installed_machine import InstalledMachine, installed_machine
from mcpreg.store.installed import Installed, InstalledStore

SHARDS = int(os.environ.get("MCPREG_FUZZ_SHARDS", "1"))
PLANS = int(os.environ.get("MCPREG_PLANS", "300"))
LAUNCHES = int(os.environ.get("MCPREG_LAUNCHES", "4"))
SEED = int(os.environ.get("MCPREG_FUZZ_SEED", random.SystemRandom().randrange(1 << 32)))
ENOUGH = 5000  # plans within which every broken compiler is found; most within a hundred
SUPPORT = Path(__file__).parent.parent / "support"
SERVER_USER = 54321  # an ordinary user that owns nothing else on any machine
HOUR = 3600
needs_bubblewrap = pytest.mark.skipif(
    not shutil.which("bwrap"), reason="bubblewrap is not installed: apt-get install bubblewrap"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not in /tmp: every sandbox has one of its own.
    made = Path(tempfile.mkdtemp(prefix="mcpreg-fuzz-", dir="/var/tmp")).resolve()
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        made.install((SUPPORT / "fuzz_inside.py").read_text(), name="io.github.acme/fuzz")
        yield made


@pytest.fixture
def base(machine: InstalledMachine) -> Installed:
    return InstalledStore(machine.folder / "data" / "mcpreg").open("io.github.acme/fuzz")


def launched(machine: InstalledMachine, folder: Path, seed: int, count: int, broken: str) -> Any:  # noqa: ANN401  # JSON
    """The report of `capability_launch`, in a mount namespace of its own where that is ours."""
    settings = Settings(
        data=str(machine.folder / "data" / "mcpreg"),
        name="io.github.acme/fuzz",
        folder=str(folder),
        seed=seed,
        count=count,
        uid=os.geteuid() or SERVER_USER,
        broken=broken,
    )
    file = machine.folder / "settings.json"
    file.write_text(json.dumps(asdict(settings)))
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*apart, sys.executable, str(SUPPORT / "capability_launch.py"), str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * HOUR,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("broken", BROKEN)
def test_finds_a_broken_compiler(base: Installed, folder: Path, broken: str) -> None:
    report = compile_many(base, folder, SEED, ENOUGH, BROKEN[broken], enough=1)
    assert report.findings


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_plan_shows_exactly_what_capabilities_name(
    base: Installed, folder: Path, shard: int
) -> None:
    report = compile_many(base, folder, SEED + shard, PLANS // SHARDS)
    _tell(asdict(report))
    assert report.findings == []
    assert report.shown > report.plans / 2  # it is no proof to show nothing
    assert report.hidden > report.shown


@needs_bubblewrap
@pytest.mark.sandbox
def test_finds_a_mount_that_nobody_named(machine: InstalledMachine, folder: Path) -> None:
    report = launched(machine, folder, SEED, 200, "everything is writable")
    assert "written" in report["findings"][0]


@needs_bubblewrap
@pytest.mark.sandbox
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_server_reads_and_writes_what_capabilities_name_and_no_more(
    machine: InstalledMachine, folder: Path, shard: int
) -> None:
    report = launched(machine, folder, SEED + shard, LAUNCHES // SHARDS, "")
    _tell(report)
    assert report["findings"] == []
    assert report["launched"] == LAUNCHES // SHARDS
    assert report["hidden"] > report["shown"]


def _tell(report: dict[str, Any]) -> None:
    """A soak says what it did: pytest shows it with -rP."""
    sys.stdout.write(json.dumps(report) + "\n")
