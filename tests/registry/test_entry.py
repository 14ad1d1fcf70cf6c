"""`mcpreg run NAME` as a client starts it is read without click, and means the same."""

from __future__ import annotations

import subprocess
import sys
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.cli import entry, run
from mcpreg.cli.main import cli
from mcpreg.cli.run_server import RunOptions

NAMES = st.from_regex(r"[a-z][a-z.]{0,9}/[a-z]{1,9}(@[0-9.]{1,5})?", fullmatch=True)
WORDS = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=9), max_size=4)


def by_click(words: list[str]) -> RunOptions:
    """What `mcpreg`'s own parser makes of the words."""
    asked: list[RunOptions] = []
    with patch.object(run, "run_server", asked.append):
        cli.main(words, standalone_mode=False)
    return asked[0]


@given(NAMES, st.none() | WORDS)
def test_a_clients_start_means_what_click_makes_of_it(name: str, after: list[str] | None) -> None:
    words = ["run", name, *([] if after is None else ["--", *after])]
    assert entry.read_directly(words) == by_click(words)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["run"],
        ["run", ""],
        ["run", "--help"],
        ["run", "--yes", "a/b"],
        ["run", "a/b", "--yes"],
        ["run", "a/b", "--yes", "--", "x"],
        ["run", "a/b", "x"],
        ["search", "time"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_everything_else_is_clicks(words: list[str]) -> None:
    assert entry.read_directly(words) is None


@pytest.mark.cold
def test_a_failure_is_said_like_any_other() -> None:
    command = [sys.executable, "-m", "mcpreg", "run", "no name at all"]
    straight = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    read = subprocess.run([*command, "--yes"], capture_output=True, text=True, check=False)
    assert straight.returncode == read.returncode == 2
    assert straight.stderr == read.stderr
    assert straight.stderr.startswith("error: ")
