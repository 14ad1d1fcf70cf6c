"""What `mcpreg validate` prints for the folders beside this file, in every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpreg.cli.validate import command

CASES = Path(__file__).with_name("validate")
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
FORMATS = {"text": "txt", "json": "json", "sarif": "sarif"}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_prints_what_was_reviewed(
    name: str,
    form: str,
    golden: Callable[[Path, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES / name
    monkeypatch.chdir(case / "input")
    done = CliRunner().invoke(command, ["--format", form, "."], standalone_mode=False)
    assert done.exception is None
    assert done.stderr == ""
    golden(case / f"expected.{FORMATS[form]}", done.stdout)


def test_there_are_cases() -> None:
    assert {"clean", "every-slip", "not-json", "server-json"} <= set(NAMES)
