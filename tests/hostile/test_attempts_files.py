"""Attempts on files that end the server: notes/sandbox.md 1-5. Denied, recorded, killed.

Each deed is done outside first. Inside it runs twice: once with `deny`, to see that it is the
mounts that refuse it, and once as everybody runs it, to see it killed and what was recorded.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mcpreg.core.plan import Bind
from mcpreg.sandbox.watcher import MAX_MISSES

if TYPE_CHECKING:
    from tests.hostile.conftest import World

pytestmark = pytest.mark.sandbox


@dataclass(frozen=True)
class Attempt:
    """A deed, its parameters with `{home}` for the world's home, and what is recorded of it."""

    number: int
    sentence: str
    deed: str
    parameters: dict[str, str]
    recorded: tuple[str, str]
    privileged: bool = False


ATTEMPTS = [
    Attempt(1, "what is in the password file", "files.read", {"path": "/etc/shadow"},
            ("file", "/etc/shadow"), privileged=True),
    Attempt(1, "the same through /proc", "files.read", {"path": "/proc/self/root/etc/shadow"},
            ("file", "/etc/shadow"), privileged=True),
    Attempt(2, "a key in ~/.ssh", "files.read", {"path": "{home}/.ssh/id_ed25519"},
            ("file", "{home}/.ssh/id_ed25519")),
    Attempt(2, "the same from a process that hides its memory", "files.read_hidden",
            {"path": "{home}/.ssh/id_ed25519"}, ("file", "{home}/.ssh/id_ed25519")),
    Attempt(3, "~/.aws", "files.read", {"path": "{home}/.aws/credentials"},
            ("file", "{home}/.aws/credentials")),
    Attempt(3, "the same with slashes to spare", "files.read",
            {"path": "/{home}//./.aws/credentials"}, ("file", "{home}/.aws/credentials")),
    Attempt(3, "the same from a folder that it stands in", "files.read_from",
            {"folder": "/tmp", "path": "..{home}/.aws/credentials"},  # inside
            ("file", "{home}/.aws/credentials")),
    Attempt(3, "the same by a descriptor of a folder", "files.read_at",
            {"folder": "/", "path": "{home}/.aws/credentials"},
            ("file", "{home}/.aws/credentials")),
    Attempt(4, "../ out of the grant", "files.read", {"path": "{home}/project/../secret.txt"},
            ("escape", "{home}/secret.txt")),
    Attempt(4, "../ from within the grant", "files.read_from",
            {"folder": "{home}/project", "path": "../secret.txt"},
            ("escape", "{home}/secret.txt")),
    Attempt(4, "starting a program outside the grant", "process.start",
            {"path": "{home}/project/../tool"}, ("escape", "{home}/tool")),
    Attempt(5, "a link in the grant that leads out", "files.follow_planted_link",
            {"folder": "{home}/project", "secret": "{home}/secret.txt"},
            ("escape", "{home}/project/link -> {home}/secret.txt")),
    Attempt(5, "a link to a folder outside", "files.follow_planted_folder",
            {"folder": "{home}/project", "outside": "{home}", "name": "secret.txt"},
            ("escape", "{home}/project/folder/secret.txt -> {home}")),
]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda a: f"{a.number}: {a.sentence}")
def test_denies_records_and_kills(attempt: Attempt, world: World) -> None:
    tool = world.home / "tool"
    tool.write_text("#!/bin/sh\necho ran\n")
    tool.chmod(0o755)

    home = str(world.home)
    given: dict[str, Any] = {key: _fill(value, home) for key, value in attempt.parameters.items()}
    recorded = (attempt.recorded[0], _fill(attempt.recorded[1], home))
    if attempt.privileged and os.geteuid() != 0:
        pytest.skip("only root can do this deed outside the sandbox")
    assert world.outside(attempt.deed, as_root=attempt.privileged, **given).did
    _clear_links(world.project)
    plan = world.plan(attempt.deed, given)

    denied = world.launch(plan, options={"deny": True})
    assert denied.refused == "ENOENT"
    assert denied.violations == [recorded]
    _clear_links(world.project)

    killed = world.launch(plan)
    assert (killed.code, killed.did_nothing_more) == (6, True)
    assert killed.violations == [recorded]
    assert recorded[1] in killed.stderr


def _fill(text: str, home: str) -> str:
    return text.replace("{home}", home)


def _clear_links(folder: Path) -> None:
    for name in ("link", "folder"):
        (folder / name).unlink(missing_ok=True)


def test_a_grant_of_the_very_folder_is_no_violation(world: World) -> None:
    path = str(world.home / ".aws" / "credentials")
    plan = world.plan("files.read", {"path": path})
    granted = Bind(str(world.home / ".aws"), str(world.home / ".aws"))
    assert world.inside("files.read", changes={"binds": (*plan.binds, granted)}, path=path).did


def test_a_link_that_was_there_before_is_denied_and_no_more(world: World) -> None:
    """A person's project may point anywhere: that the server meets such a link is not its doing."""
    link = world.project / "link"
    link.symlink_to(world.home / "secret.txt")
    assert world.outside("files.read", path=str(link)).did
    inside = world.inside("files.read", path=str(link))
    assert (inside.refused, inside.violations) == ("ENOENT", [])


def test_what_is_looked_for_in_vain_is_recorded_once(world: World) -> None:
    path = str(world.home / "secret.txt")
    assert world.outside("files.read_twice", path=path).did
    result = world.inside("files.read_twice", path=path)
    assert result.refused == "ENOENT"
    missing = [event["path"] for event in result.events if event["event"] == "missing"]
    assert missing.count(path) == 1


def test_a_server_may_make_its_own_in_its_own_home(world: World) -> None:
    result = world.inside("files.write_and_read", path="/home/mcp/.aws/config")
    assert (result.did, result.violations) == ("mine", [])


def test_a_path_that_is_no_text_is_printable_in_the_record(world: World) -> None:
    path = f"{world.home}/.ssh/\x1b[2J"
    result = world.launch(world.plan("files.read", {"path": path}))
    assert result.code == 6
    assert result.violations == [("file", f"{world.home}/.ssh/\\x1b[2J")]
    assert "\x1b" not in result.stderr


def test_a_thousand_misses_are_not_a_thousand_records(world: World) -> None:
    result = world.inside("files.look_for_many", folder=str(world.home), count=1000)
    assert result.did == 1000
    missing = [event for event in result.events if event["event"] == "missing"]
    assert len(missing) == MAX_MISSES


def test_a_server_does_not_outlive_its_watcher(world: World) -> None:
    """Nothing runs unwatched: the deed outside is that the server sleeps on."""
    arguments, _ = world.launcher(world.plan("process.sleep", {"seconds": 60}))
    process = subprocess.Popen(
        arguments,
        env=world.environment(),
        cwd=world.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **world.launcher_credentials(),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        watcher = _watcher_of(process.pid)
        os.kill(watcher, signal.SIGKILL)
        began = time.monotonic()
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - began < 15
        assert process.returncode == 1
        assert "watches which files" in said
    finally:
        process.kill()


def _watcher_of(launcher: int) -> int:
    """The launcher's child that holds the asking end."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
            with suppress(OSError):
                held = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
                if any("seccomp notify" in name for name in held):
                    return int(pid)
        time.sleep(0.05)
    pytest.fail("no watcher")
