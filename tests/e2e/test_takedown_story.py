"""A version that is taken down for security does not run again where it is installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcpreg.core.names import Reference
from mcpreg.usecases.status import mark
from offline_story import CLOCK, Story, offline_story
from warm_start import started

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
        yield made


def delete(story: Story, *, takedown: bool) -> None:
    registry = story.registry
    now = datetime.now(UTC).replace(microsecond=0)
    mark(
        registry.repo,
        Reference(CLOCK, "1.0.0"),
        "deleted",
        "it sent files away",
        now,
        takedown=takedown,
    )
    registry.commit("Delete")
    registry.publish(later=timedelta(0))


def hear(story: Story) -> None:
    """What a start does beside itself, here and now."""
    [server] = json.loads(story.mcpreg("list", "--json").stdout)["data"]
    done = subprocess.run(
        [*started("mcpreg.usecases.refresh"), CLOCK, server["registry"]],
        env=story.environment,
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_takedown_refuses_the_next_run(story: Story) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(CLOCK)[0] is not None
    delete(story, takedown=True)
    assert story.ask(CLOCK)[0] is not None  # nobody has heard of it yet
    hear(story)
    answer, done = story.ask(CLOCK)
    assert (answer, done.returncode) == (None, 5)
    assert "taken down for security: it sent files away" in done.stderr


def test_a_version_that_was_only_deleted_runs_on_and_says_so(story: Story) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(CLOCK)[0] is not None
    delete(story, takedown=False)
    hear(story)
    answer, done = story.ask(CLOCK)
    assert answer is not None
    assert f"{CLOCK}@1.0.0 is deleted: it sent files away" in done.stderr


def test_a_run_has_the_registry_asked_beside_it_and_not_twice(story: Story) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(CLOCK)[0] is not None
    folder = story.folder / "state" / "mcpreg" / "standing"
    deadline = time.monotonic() + 45
    while not list(folder.glob("*.json")):
        assert time.monotonic() < deadline, "nothing was heard"
        time.sleep(0.2)
    heard = next(folder.glob("*.json"))
    heard.unlink()
    assert story.ask(CLOCK)[0] is not None
    time.sleep(4)  # one second more than the other process would wait
    assert not heard.exists()


def test_a_registry_that_is_away_keeps_nobody_from_starting(story: Story) -> None:
    story.offer("1.0.0")
    story.trust()
    assert story.ask(CLOCK)[0] is not None
    shutil.rmtree(story.registry.site / "tuf")
    answer, done = story.ask(CLOCK)
    assert answer is not None
    assert done.returncode == 0
