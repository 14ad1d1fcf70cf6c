"""`mcpreg validate` on the command line: text, JSON, SARIF and exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mcpreg.checks.examples import BASE
from mcpreg.checks.registry import RULES
from warm_start import started


def validate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*started("mcpreg"), "validate", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, **changes: object) -> None:
    (folder / "mcps.json").write_text(json.dumps(BASE | changes, indent=2))


def test_says_place_rule_reason_and_fix(folder: Path) -> None:
    write(folder, licence="MIT")
    done = validate(folder)
    assert done.returncode == 1
    line = json.dumps(BASE | {"licence": "MIT"}, indent=2).splitlines().index('  "licence": "MIT"')
    expected = f"mcps.json:{line + 1}:3: error unknown-key unknown key 'licence'"
    assert expected in done.stdout.splitlines()
    assert "  help: write license" in done.stdout.splitlines()
    assert done.stderr == ""


def test_warnings_alone_are_no_failure(folder: Path) -> None:
    write(folder)
    done = validate(folder)
    assert done.returncode == 0
    assert "1 manifest: 0 errors, 2 warnings" in done.stdout


def test_a_usage_mistake_is_exit_code_two(folder: Path) -> None:
    assert validate(folder, "nowhere").returncode == 2
    assert validate(folder).returncode == 2
    assert validate(folder, "--format", "xml").returncode == 2


@pytest.mark.parametrize("arguments", [("--json",), ("--format", "json")])
def test_json_is_one_versioned_envelope(folder: Path, arguments: tuple[str, ...]) -> None:
    write(folder, version="latest")
    done = validate(folder, *arguments)
    envelope = json.loads(done.stdout)
    assert done.returncode == 1
    assert envelope.keys() == {"mcpreg", "command", "ok", "data"}
    assert (envelope["mcpreg"], envelope["command"], envelope["ok"]) == (1, "validate", False)
    found = next(f for f in envelope["data"]["findings"] if f["rule"] == "one-version")
    assert found == {
        "rule": "one-version",
        "severity": "error",
        "message": "'latest' is not one exact version",
        "file": "mcps.json",
        "line": 5,
        "column": 14,
        "pointer": "/version",
        "fix": "write it like 1.2.3",
    }


def test_sarif_has_what_the_standard_requires(folder: Path) -> None:
    write(folder, version="latest")
    done = validate(folder, "--format", "sarif")
    log = json.loads(done.stdout)
    # SARIF 2.1.0: 3.13 sarifLog, 3.14 run, 3.19 toolComponent, 3.27 result, 3.30 region
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "mcpreg"
    ids = [rule["id"] for rule in driver["rules"]]
    assert sorted(ids) == sorted(rule.id for rule in RULES)
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "mcps.json"
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1


def test_fix_renames_and_says_so(folder: Path) -> None:
    (folder / "server.json").write_text(json.dumps(BASE))
    done = validate(folder, "--fix")
    assert done.returncode == 0
    assert "server.json is mcps.json now" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["mcps.json"]


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp\u200b\r\n"


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_no_output_carries_what_a_terminal_would_obey(folder: Path, form: str) -> None:
    place = folder / f"a{HOSTILE[:-2]}b"
    place.mkdir()
    write(
        place,
        **{HOSTILE: 1},
        name=HOSTILE,
        version=HOSTILE,
        license=HOSTILE,
        tags=[HOSTILE],
        capabilities={"tools": [HOSTILE], "sandbox": [HOSTILE], HOSTILE: HOSTILE},
        packages=[{"registryType": HOSTILE, "identifier": HOSTILE, "transport": HOSTILE}],
    )
    raw = (place / "mcps.json").read_text()
    assert "\\u001b" in raw  # it is in the manifest
    done = validate(folder, "--format", form)
    assert done.returncode == 1
    assert "owned" in done.stdout
    for char in done.stdout + done.stderr:
        assert char.isprintable() or char == "\n"


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000,
        b'"' + b"x" * (2 << 20) + b'"',
        b"\xff\xfe" + b"\0" * 100,
        b'{"name": "\xed\xa0\x80"}',
        b"\0",
        b"",
        b"-",
        b'{"_meta": ' + b"9" * 100_000 + b"}",
    ],
    ids=["deep", "deep-open", "2 MB", "utf-16", "surrogate", "nul", "empty", "minus", "digits"],
)
def test_hostile_bytes_are_one_finding_and_no_traceback(folder: Path, data: bytes) -> None:
    (folder / "mcps.json").write_bytes(data)
    done = validate(folder)
    assert done.returncode == 1
    assert done.stdout.startswith("mcps.json:")
    assert "1 manifest: 1 error, 0 warnings" in done.stdout
    assert done.stderr == ""
