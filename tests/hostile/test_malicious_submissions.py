"""Every folder of `submissions/` is a pull request that must be stopped by the rule it names.

A folder holds the files of a version, and `expect.toml`: `rule`, `why` (the attack or incident),
and where they are needed `says` (part of the message), `folder` (where it is submitted) and
`[links]` (symbolic links to make). A `previous.json` is a manifest that was published before.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcpreg.core.manifest import Manifest, parse_manifest
from mcpreg.usecases.check import TREE_RULE, Checked, Options, check_changes
from mcpreg.usecases.gather import Sources
from tiny_registry import TinyRegistry, make_manifest

SUBMISSIONS = Path(__file__).parent / "submissions"
CASES = sorted(path.name for path in SUBMISSIONS.iterdir())
OPTIONS = Options(datetime(2026, 11, 2, tzinfo=UTC), Sources(offline=True))


@pytest.fixture
def registry(tiny_registry: TinyRegistry) -> TinyRegistry:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    remote = [{"type": "streamable-http", "url": "https://oracle.example.com/mcp"}]
    oracle = make_manifest("com.example/oracle", "1.0.0", packages=None, remotes=remote)
    tiny_registry.submit(oracle, locked=False)
    tiny_registry.git("branch", "-M", "main")
    tiny_registry.git("checkout", "-q", "-b", "submission")
    return tiny_registry


def publish_before(registry: TinyRegistry, manifest: Manifest) -> None:
    """What was on main and published when the pull request was opened."""
    registry.git("checkout", "-q", "main")
    registry.submit(manifest, locked=False)
    registry.publish()
    registry.git("checkout", "-q", "-B", "submission", "main")


def submit(registry: TinyRegistry, case: Path, expected: dict[str, Any]) -> Checked:
    manifest = case / "mcps.json"
    folder = expected.get("folder")
    if folder is None:
        try:
            document = json.loads(manifest.read_bytes())
            folder = f"servers/{document['name']}/{document['version']}"
        except (ValueError, KeyError, TypeError, RecursionError):
            folder = "servers/io.github.mallory/clock/1.2.0"
    previous = case / "previous.json"
    if previous.exists():
        publish_before(registry, parse_manifest(previous.read_bytes()))
    target = registry.repo / folder
    ours = shutil.ignore_patterns("expect.toml", previous.name)
    shutil.copytree(case, target, ignore=ours, dirs_exist_ok=True)
    for name, to in expected.get("links", {}).items():
        (target / name).symlink_to(to)
    registry.commit("A submission")
    return check_changes(registry.repo, "main", "HEAD", OPTIONS)


@pytest.mark.parametrize("case", CASES)
def test_is_stopped_by_the_rule_named_for_it(registry: TinyRegistry, case: str) -> None:
    expected = tomllib.loads((SUBMISSIONS / case / "expect.toml").read_text())
    done = submit(registry, SUBMISSIONS / case, expected)
    assert not done.ok
    messages = {check.id: check.evidence() for report in done.reports for check in report.failed}
    if done.tree:
        messages[TREE_RULE.id] = "; ".join(finding.message for finding in done.tree)
    assert expected["rule"] in messages
    assert expected.get("says", "") in messages[expected["rule"]]
    assert expected["why"]


def test_there_are_as_many_as_promised() -> None:
    assert len(CASES) >= 60
