"""`--offline`: what is here works, what is not is named, and no socket to anywhere is opened."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from offline_story import CLOCK, Completed, Story, offline_story

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]
_REMOTE = re.compile(r"(?:connect|sendto|sendmsg)\([^\n]*sa_family=AF_INET6?, [^\n]*")


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
        made.environment["UV_CACHE_DIR"] = str(made.folder / "uv-cache")
        made.offer("1.0.0")
        made.trust()
        yield made


def traced(story: Story, *arguments: str) -> tuple[Completed, list[str]]:
    """Run a command under strace: what it did, and every address that it spoke to."""
    if shutil.which("strace") is None:
        pytest.skip("strace is missing: apt-get install strace")
    log = story.folder / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log)]
    done = subprocess.run(
        [*strace, *story.command(*arguments)],
        env=story.environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done, _REMOTE.findall(log.read_text(errors="replace"))


def unplugged(story: Story, *arguments: str, given: str = "") -> Completed:
    """Run a command in a network namespace with nothing in it, not even loopback."""
    return subprocess.run(
        ["unshare", "--net", *story.command(*arguments)],
        env=story.environment, input=given, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


def need_namespaces() -> None:
    if os.geteuid() != 0:
        pytest.skip("unshare --net needs root")


def test_what_was_fetched_before_is_installed_and_asked_without_a_network(story: Story) -> None:
    need_namespaces()
    assert story.mcpreg("search", "clock").returncode == 0
    assert story.mcpreg("install", CLOCK).returncode == 0
    assert story.mcpreg("uninstall", CLOCK).returncode == 0
    refused = unplugged(story, "install", CLOCK)  # without the option it tries, and says so
    assert refused.returncode == 7, refused.stderr
    done = unplugged(story, "install", CLOCK, "--offline")
    assert done.returncode == 0, done.stderr
    story.environment["MCPREG_OFFLINE"] = "1"
    for words in (["search", "clock"], ["info", CLOCK], ["verify", CLOCK], ["update"]):
        done = unplugged(story, *words)
        assert done.returncode == 0, (words, done.stderr)
    answer, done = story.ask(CLOCK, "--yes")
    assert answer == "noon", done.stderr


def test_not_one_packet_is_sent(story: Story) -> None:
    assert story.mcpreg("install", CLOCK).returncode == 0
    online, spoken = traced(story, "install", CLOCK)
    assert online.returncode == 0
    assert spoken  # the trace sees what there is
    commands = (
        ["install", CLOCK], ["verify", CLOCK], ["info", CLOCK], ["update", CLOCK],
    )  # fmt: skip
    for words in commands:
        done, spoken = traced(story, *words, "--offline")
        assert (done.returncode, spoken) == (0, []), (words, done.stderr)


def test_what_is_missing_is_named_with_the_command_that_fetches_it(story: Story) -> None:
    for words in (["install", CLOCK], ["info", CLOCK], ["search", "clock"], ["run", CLOCK]):
        done = story.mcpreg(words[0], "--offline", *words[1:])
        assert done.returncode == 7, (words, done.stderr)
        assert "nothing is fetched offline" in done.stderr
        assert f"with a network: mcpreg {' '.join(words)}" in done.stderr


def test_a_missing_artifact_is_named(story: Story) -> None:
    assert story.mcpreg("install", CLOCK).returncode == 0
    assert story.mcpreg("uninstall", CLOCK).returncode == 0
    shutil.rmtree(story.environment["UV_CACHE_DIR"])
    story.environment["MCPREG_OFFLINE"] = "1"
    done = story.mcpreg("install", CLOCK)
    assert done.returncode == 7, done.stderr
    assert "acme-clock" in done.stderr
    assert f"with a network: MCPREG_OFFLINE=0 mcpreg install {CLOCK}" in done.stderr
    assert story.mcpreg("list").stdout == ""


def test_expired_state_installs_nothing_and_says_so_and_files_are_still_checked(
    story: Story,
) -> None:
    assert story.mcpreg("install", CLOCK).returncode == 0
    story.registry.clock -= timedelta(days=20)
    story.registry.publish(later=timedelta(0))
    # As if it had been fetched when it was signed, twenty days ago.
    kept = next((story.folder / "cache/mcpreg/registries").rglob("timestamp.json")).parent
    for path in (story.registry.site / "tuf").glob("*.json"):
        (kept / path.name.lstrip("0123456789").lstrip(".")).write_bytes(path.read_bytes())
    refused = story.mcpreg("install", CLOCK, "--offline")
    assert refused.returncode == 4, refused.stderr
    assert "expired" in refused.stderr
    assert "once online" in refused.stderr
    verified = story.mcpreg("verify", CLOCK, "--offline")
    assert verified.returncode == 0, verified.stderr
    assert "the registry was not asked" in verified.stdout
    assert "every installed file" in verified.stdout
    source = next((story.folder / "data").rglob("acme_clock/__init__.py"))
    source.write_text("changed = True\n")
    assert story.mcpreg("verify", CLOCK, "--offline").returncode == 4
