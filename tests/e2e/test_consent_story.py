"""What a person is shown and asked before a server runs, and what a policy says before that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_story import CLOCK, Story, offline_story
from terminal import at_a_terminal

READS = {"tools": [{"name": "now"}, {"name": "zones"}], "sandbox": ["fs:read:./notes.txt"]}
MORE = READS | {"sandbox": ["fs:read:./notes.txt", "fs:read:./more.txt"]}

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
        for name in ("notes.txt", "more.txt"):
            (made.folder / name).write_text(name)
        yield made


def policy_of(story: Story, text: str) -> Path:
    file = story.folder / "config" / "mcpreg" / "policy.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"version = 1\n{text}\n")
    return file


def answered(story: Story, *arguments: str, answer: str) -> tuple[int, str]:
    """What `mcpreg ARGUMENTS` shows a person who gives this answer."""
    return at_a_terminal(
        story.command(*arguments),
        [("[y/N]", answer)],
        environment=story.environment,
        folder=story.folder,
    )


def test_shows_what_it_may_touch_asks_once_and_remembers(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    refused = story.ask(CLOCK)[1]
    assert refused.returncode == 5
    assert "nobody can be asked" in refused.stderr

    code, shown = answered(story, "install", CLOCK, answer="n")
    assert code == 5
    assert "may read ./notes.txt" in shown
    assert "was not agreed to" in shown

    code, shown = answered(story, "install", CLOCK, answer="y")
    assert code == 0, shown
    assert story.ask(CLOCK)[0] is not None  # agreed to: nobody is asked


def test_yes_is_an_answer_and_stands_in_the_log(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    assert story.ask("--yes", CLOCK)[0] is not None
    events = json.loads(story.mcpreg("logs", "--last", "--json").stdout)["data"]["events"]
    assert [event["fields"]["how"] for event in events if event["event"] == "consent"] == ["--yes"]
    assert story.ask(CLOCK)[0] is not None


def test_a_version_that_may_do_more_is_asked_about_again(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    assert story.ask("--yes", CLOCK)[0] is not None
    story.offer("1.1.0", capabilities=MORE)
    done = story.mcpreg("install", f"{CLOCK}@1.1.0")
    assert done.returncode == 0, done.stderr
    assert "--yes" in done.stdout
    again = story.ask(CLOCK)[1]
    assert again.returncode == 5
    assert "more than you agreed to" in again.stderr


def test_a_server_that_may_touch_nothing_is_not_asked_about(story: Story) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(CLOCK)[0] is not None


@pytest.mark.cold
def test_a_policy_keeps_a_server_from_being_installed(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    assert story.mcpreg("install", CLOCK).returncode == 0  # without one it may
    assert story.mcpreg("uninstall", CLOCK).returncode == 0
    file = policy_of(story, '[namespaces]\ndeny = ["io.github.acme"]')
    refused = story.mcpreg("install", CLOCK)
    assert refused.returncode == 5
    assert str(file) in refused.stderr
    assert "denied by io.github.acme" in refused.stderr
    vetted = story.mcpreg("vet", CLOCK)
    assert vetted.returncode == 5
    assert "✗ namespaces.deny" in vetted.stdout
    assert not json.loads(story.mcpreg("list", "--json").stdout)["data"]


def test_a_policy_that_comes_later_stops_what_is_installed(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    assert story.ask("--yes", CLOCK)[0] is not None
    file = policy_of(story, '[capabilities]\nmaximum_safety = "safe"')
    refused = story.ask(CLOCK)[1]
    assert refused.returncode == 5
    assert "safety level is low" in refused.stderr
    file.unlink()
    assert story.ask(CLOCK)[0] is not None


@pytest.mark.parametrize("flag", ["--yes", "--grant=env:HOME"])
def test_a_policy_may_forbid_answering_beforehand_and_widening(story: Story, flag: str) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(flag, CLOCK)[0] is not None
    policy_of(story, f"[run]\n{'yes' if flag == '--yes' else 'grant'} = false")
    refused = story.ask(flag, CLOCK)[1]
    assert refused.returncode == 5
    assert f"does not allow {flag.partition('=')[0]}" in refused.stderr


def test_a_policy_with_a_slip_lets_nothing_run(story: Story) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(CLOCK)[0] is not None
    policy_of(story, 'minimum_teir = "certified"')
    refused = story.ask(CLOCK)[1]
    assert refused.returncode == 2
    assert "minimum_teir" in refused.stderr


@pytest.mark.cold
def test_an_update_shows_what_changes_asks_and_can_go_back(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    assert story.ask("--yes", CLOCK)[0] is not None
    assert "is up to date" in story.mcpreg("update").stdout
    story.offer("1.1.0", capabilities=MORE)

    looked = story.mcpreg("update", "--check")
    assert looked.returncode == 1
    assert "1.0.0 → 1.1.0" in looked.stdout
    assert "+ may read ./more.txt" in looked.stdout
    refused = story.mcpreg("update", CLOCK)
    assert refused.returncode == 5
    assert "1.1.0" not in story.mcpreg("list").stdout

    document = json.loads(story.mcpreg("update", CLOCK, "--yes", "--json").stdout)["data"]
    assert document["updates"][0]["widened"]
    assert story.ask(CLOCK)[0] is not None
    assert "1.1.0" in story.mcpreg("list").stdout

    back = story.mcpreg("update", CLOCK, "--rollback")
    assert back.returncode == 0, back.stderr
    assert "at 1.0.0 again" in back.stdout
    assert story.mcpreg("update", CLOCK, "--rollback").returncode == 3


def test_an_update_that_widens_nothing_is_not_asked_about(story: Story) -> None:
    story.offer("1.0.0", capabilities=READS)
    story.trust()
    assert story.ask("--yes", CLOCK)[0] is not None
    story.offer("1.0.1", capabilities=READS)
    done = story.mcpreg("update")
    assert done.returncode == 0, done.stderr
    assert "may touch what it could before" in done.stdout
    assert story.ask(CLOCK)[0] is not None
