"""What a person sees: exit codes, sentences, one JSON envelope, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mcpreg.cli.main import COMMANDS
from mcpreg.cli.output import clean
from warm_start import started

Completed = subprocess.CompletedProcess[str]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    kinds = ("CONFIG", "DATA", "CACHE", "STATE")
    return os.environ | {f"XDG_{kind}_HOME": str(tmp_path / kind) for kind in kinds}


def mcpreg(home: dict[str, str], *arguments: str) -> Completed:
    command = [*started("mcpreg"), *arguments]
    return subprocess.run(
        command, env=home, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.cold
def test_every_command_has_help(home: dict[str, str], name: str) -> None:
    done = mcpreg(home, name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: mcpreg" in done.stdout


def test_the_program_s_help_names_every_command(home: dict[str, str]) -> None:
    said = mcpreg(home, "--help").stdout
    assert [name for name in COMMANDS if name not in said] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["frobnicate"], 2, "No such command"),
        (["info", "not a name"], 2, "is not a server name"),
        (["info", "io.github.acme/clock@^1.0"], 2, "not an exact version"),
        (["info", "io.github.acme/clock"], 3, "trusts no registry yet"),
        (["run", "io.github.acme/clock"], 3, "trusts no registry yet"),
        (["uninstall", "io.github.acme/clock"], 3, "is not installed"),
        (["logs", "abc"], 3, "no run 'abc'"),
        (["registry", "remove", "nobody"], 3, "no registry is called"),
        (["registry", "add", "ftp://x.example"], 2, "not a registry address"),
        (["registry", "add", "http://127.0.0.1:1/", "--root-sha256", "0" * 64], 7, "127.0.0.1:1"),
        (["ci", "publish", "--repo", "/", "--online-key", "file:/x"], 3, "not in a git repository"),
    ],
)
def test_failures_have_a_code_a_sentence_and_no_traceback(
    home: dict[str, str], arguments: list[str], code: int, said: str
) -> None:
    done = mcpreg(home, *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_failure_is_an_envelope_when_json_is_asked_for(home: dict[str, str]) -> None:
    done = mcpreg(home, "info", "io.github.acme/clock", "--json")
    envelope = json.loads(done.stdout)
    assert (envelope["mcpreg"], envelope["ok"]) == (1, False)
    assert envelope["data"]["exitCode"] == done.returncode == 3


def test_empty_lists_are_said_on_stderr_and_empty_on_stdout(home: dict[str, str]) -> None:
    for command in (["list"], ["registry", "list"], ["logs"]):
        done = mcpreg(home, *command)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr
        assert json.loads(mcpreg(home, *command, "--json").stdout)["data"] == []


def test_a_damaged_settings_file_is_named(home: dict[str, str]) -> None:
    folder = Path(home["XDG_CONFIG_HOME"]) / "mcpreg"
    folder.mkdir(parents=True)
    (folder / "registries.json").write_text("{")
    done = mcpreg(home, "search", "clock")
    assert done.returncode == 2
    assert str(folder / "registries.json") in done.stderr


def test_hostile_text_cannot_steer_a_terminal() -> None:
    assert clean("a\x1b[31mb\u202ec\x07d\ne") == "a\ufffd[31mb\ufffdc\ufffdd e"
