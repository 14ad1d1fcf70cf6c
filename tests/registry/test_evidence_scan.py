"""The static scan: what each rule finds, what it leaves alone, and how source tries to hide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from mcpreg.core.evidence import Missing, Scan
from mcpreg.errors import McpregError
from mcpreg.evidence import semgrep
from mcpreg.evidence.installed import Installed
from mcpreg.evidence.scan import scan
from mcpreg.store.places import places
from scan_samples import SAMPLES

OWN = "acme-clock@1.2.0"
EVAL = "def go(text):\n    return eval(text)\n"


@pytest.fixture(scope="module")
def tool() -> semgrep.Semgrep:
    """The very environment that checks use; made when a package index can be reached."""
    try:
        return semgrep.environment(places().cache / "checks", lambda _: None)
    except McpregError as error:
        pytest.skip(f"semgrep cannot be installed here: {error.message}")


def tree(folder: Path, files: Mapping[str, str | bytes], owner: str = OWN) -> Installed:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return Installed(folder, "pypi", OWN, (OWN,), dict.fromkeys(files, owner))


def scanned(folder: Path, files: Mapping[str, str | bytes], tool: semgrep.Semgrep) -> Scan:
    found = scan(tree(folder, files), tool)
    assert isinstance(found, Scan), found
    return found


@pytest.fixture(scope="module")
def samples(tool: semgrep.Semgrep, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The rules that fired on each sample's file: `<rule>/bad.py`, `<rule>/good.py`."""
    files = {f"{rule}/bad{sample.ending}": sample.bad for rule, sample in SAMPLES.items()}
    files |= {f"{rule}/good{sample.ending}": sample.good for rule, sample in SAMPLES.items()}
    found = scanned(tmp_path_factory.mktemp("samples"), files, tool)
    assert (found.files, found.unread) == (len(files), ())
    fired: dict[str, set[str]] = {name: set() for name in files}
    for finding in found.findings:
        fired[finding.path].add(finding.rule)
    return fired


@pytest.mark.parametrize("rule", SAMPLES)
def test_finds_the_deed(rule: str, samples: dict[str, set[str]]) -> None:
    assert rule in samples[f"{rule}/bad{SAMPLES[rule].ending}"]


@pytest.mark.parametrize("rule", SAMPLES)
def test_leaves_its_harmless_neighbour_alone(rule: str, samples: dict[str, set[str]]) -> None:
    assert samples[f"{rule}/good{SAMPLES[rule].ending}"] == set()


def test_every_rule_has_a_sample_a_severity_and_a_message() -> None:
    rules = [
        rule
        for file in sorted(semgrep.RULES_FOLDER.glob("*.yaml"))
        for rule in yaml.safe_load(file.read_text())["rules"]
    ]
    names = [rule["id"] for rule in rules]
    assert sorted(names) == sorted(SAMPLES)
    assert {rule["severity"] for rule in rules} == {"ERROR", "WARNING"}
    assert all(rule["message"] for rule in rules)


def test_every_rule_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs/scan-rules.md").read_text()
    assert [rule for rule in SAMPLES if f"`{rule}`" not in text] == []


HIDDEN = {
    ".semgrepignore": "*\n",
    ".gitignore": "*\n",
    "a.py": "eval(x)  # nosemgrep\n",
    "b.py": "eval(x)  # nosem: python-code-from-text\n",
    "tests/test_c.py": EVAL,
    "node_modules/d/d.min.js": "eval(x);\n",
    "vendor/build/dist/e.js": "eval(x); // nosemgrep\n",
    ".hidden/f.py": EVAL,
    "-rf.py": EVAL,
}
COMMANDS = {
    "bin/one": f"#!/usr/bin/env python3\n{EVAL}",
    "bin/two": "#!/usr/bin/env node\neval(x);\n",
    "bin/three": "plain text: eval(x)\n",
}
UNREAD: dict[str, str | bytes] = {
    "broken.py": "def broken(:\n  ((((\n",
    "fast.so": b"\x7fELF",
    "huge.js": b"x = 1;\n" * (3 << 20),
}
LOUD = {"loud.js": "eval(x);\n" * 500}
LOADED_BY_TOOLS = ("setup.py", "conftest.py", "sitecustomize.py", "semgrep.py", "ruamel.py")


@dataclass(frozen=True)
class Odd:
    """One scan of everything odd; `mark` is a file that some of it would make if it ran."""

    scan: Scan
    mark: Path

    def rules(self, path: str) -> list[str]:
        return [finding.rule for finding in self.scan.findings if finding.path == path]


@pytest.fixture(scope="module")
def odd(tool: semgrep.Semgrep, tmp_path_factory: pytest.TempPathFactory) -> Odd:
    folder = tmp_path_factory.mktemp("odd")
    mark = folder / "ran"
    deed = f"open({str(mark)!r}, 'w').close()\n"
    exec(deed)  # it would work
    assert mark.exists()
    mark.unlink()
    files: dict[str, str | bytes] = {**HIDDEN, **COMMANDS, **UNREAD, **LOUD}
    files |= dict.fromkeys(LOADED_BY_TOOLS, deed)
    files |= {"acme/hidden.pyc": b"\xa7\r\r\n"}
    return Odd(scanned(folder / "source", files, tool), mark)


def test_says_what_and_where(odd: Odd) -> None:
    (finding,) = [item for item in odd.scan.findings if item.path == ".hidden/f.py"]
    assert (finding.rule, finding.severity) == ("python-code-from-text", "warning")
    assert finding.line == 2
    assert odd.scan.tool.startswith("semgrep 1.")


@pytest.mark.parametrize("path", [name for name in HIDDEN if not name.endswith("ignore")])
def test_ignore_files_comments_and_folder_names_hide_nothing(odd: Odd, path: str) -> None:
    assert len(odd.rules(path)) == 1


def test_scripts_without_an_ending_are_read_by_their_first_line(odd: Odd) -> None:
    assert {name: len(odd.rules(name)) for name in COMMANDS} == {
        "bin/one": 1,
        "bin/two": 1,
        "bin/three": 0,
    }


def test_says_what_it_could_not_read(odd: Odd) -> None:
    assert {line.partition(" ")[0] for line in odd.scan.unread} == set(UNREAD)


def test_bytecode_without_source_is_an_error(odd: Odd) -> None:
    first = odd.scan.findings[0]  # errors come first
    assert (first.rule, first.severity, first.path) == ("bytecode", "error", "acme/hidden.pyc")


def test_a_file_that_repeats_itself_does_not_bury_the_rest(odd: Odd) -> None:
    assert len(odd.rules("loud.js")) == 3


def test_nothing_that_is_scanned_runs(odd: Odd) -> None:
    assert not odd.mark.exists()


def test_dependencies_are_not_scanned(tool: semgrep.Semgrep, tmp_path: Path) -> None:
    found = scan(tree(tmp_path, {"part.py": EVAL}, owner="part@1.0"), tool)
    assert isinstance(found, Scan)
    assert (found.files, found.findings) == (0, ())


def test_a_failing_tool_is_missing_and_not_clean(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin/python"
    python.write_text("#!/bin/sh\nexit 2\n")
    python.chmod(0o755)
    found = scan(tree(tmp_path / "tree", {"a.py": EVAL}), semgrep.Semgrep(tmp_path))
    assert isinstance(found, Missing)
    assert "semgrep ended with 2" in found.reason


def test_a_rule_that_cannot_be_read_is_no_rule_that_found_nothing(
    tool: semgrep.Semgrep, tmp_path: Path
) -> None:
    rules, source = tmp_path / "rules", tmp_path / "source"
    rules.mkdir()
    source.mkdir()
    (source / "a.py").write_text(EVAL)
    rule = {"id": "x", "languages": ["python"], "severity": "ERROR", "message": "m"}
    broken = {"rules": [rule | {"pattern": "foo((((\n"}]}
    (rules / "broken.yaml").write_text(yaml.safe_dump(broken))
    with pytest.raises(McpregError, match=r"could not use every rule|ended with"):
        tool.run(source, tmp_path, rules)


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    text = semgrep.lock_file().read_text()
    assert "://" not in text
    assert "index" not in text.replace("keyring", "")
    pins = [line for line in text.splitlines() if "==" in line]
    assert any(line.startswith("semgrep==") for line in pins)
    assert text.count("--hash=sha256:") >= len(pins)
