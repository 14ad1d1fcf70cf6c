"""What is left of root once it has given up what it does not need: each deed done before, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mcpreg
from mcpreg.sandbox import kernel

CODE = """
import json, os, sys
from pathlib import Path
from mcpreg.sandbox.rights import give_up

own, other, foreign, sleeper, does = sys.argv[1:]
bounded = give_up((Path(own),)) if does == "gives up" else None
deeds = {
    "write": lambda: Path(other, "written").write_text("x"),
    "append": lambda: os.close(os.open(f"{other}/there", os.O_WRONLY | os.O_APPEND)),
    "truncate": lambda: os.truncate(f"{other}/there", 0),
    "remove": lambda: Path(other, "gone").unlink(),
    "own": lambda: Path(own, "new").write_text("x"),
    "replace": lambda: Path(own, "new").replace(Path(own, "newer")),
    "null": lambda: Path(os.devnull).write_text("x"),
    "foreign": lambda: Path(foreign).read_text(),
    "chown": lambda: os.chown(own, 1, 1),
    "read": lambda: Path(other, "there").read_text(),
    "signal": lambda: os.kill(int(sleeper), 0),
    "setuid": lambda: os.setresuid(54321, 54321, 54321),  # last: what is left after it is nobody's
}
done = []
for name, deed in deeds.items():
    try:
        deed()
        done.append(name)
    except PermissionError:
        pass
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
sets = [int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")]
found = {"bounded": bounded, "done": done, "capabilities": sets}
print(json.dumps(found | {"no_new": status["NoNewPrivs"].strip()}))
"""


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "60"])
    yield process.pid
    process.kill()
    process.wait()


def tried(folder: Path, sleeper: int, does: str, *, owner: int = 0) -> dict[str, Any]:
    own, other = folder / does / "own", folder / does / "other"
    for made in (own, other):
        made.mkdir(parents=True)
    (other / "there").write_text("x")
    (other / "gone").write_text("x")
    (foreign := other / "foreign").write_text("x")
    foreign.chmod(0o600)
    os.chown(foreign, 54321, 54321)
    os.chown(own, owner, owner)
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, (own, other, foreign, sleeper, does))],
        env={"PYTHONPATH": str(Path(mcpreg.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
READS = {"own", "replace", "null", "read"}
BOUNDED = {"write", "append", "truncate", "remove"}
PRIVILEGED = {"foreign", "chown", "setuid"}


@needs_root
def test_root_without_its_rights_writes_where_it_was_told_and_is_nobody_else(
    tmp_path: Path, sleeper: int
) -> None:
    before = tried(tmp_path, sleeper, "keeps")
    assert set(before["done"]) == READS | BOUNDED | PRIVILEGED | {"signal"}
    after = tried(tmp_path, sleeper, "gives up")
    assert (after["capabilities"], after["no_new"]) == ([0] * 5, "1")
    if not after["bounded"]:
        pytest.skip("this kernel has no Landlock, so writing cannot be bounded")
    signals = {"signal"} if kernel.landlock_version() < 6 else set()
    assert set(after["done"]) == READS | signals


@needs_root
def test_folders_of_another_user_can_still_be_used(tmp_path: Path, sleeper: int) -> None:
    after = tried(tmp_path, sleeper, "gives up", owner=54321)
    assert after["capabilities"][2] == 1 << 1  # CAP_DAC_OVERRIDE
    assert {"own", "replace"} <= set(after["done"])
    assert not {"chown", "setuid"} & set(after["done"])
