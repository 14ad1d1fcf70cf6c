"""`mcpreg validate` as its callers see it: what is read, what is reported, what is rewritten."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mcpreg.checks.examples import BASE
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MAX_MANIFEST_BYTES, Manifest
from mcpreg.errors import McpregError, UsageError
from mcpreg.usecases.validate import (
    find,
    rewrite,
    validate_bytes,
    validate_file,
    validate_folder,
)
from tiny_registry import make_lock


def write(folder: Path, name: str = "mcps.json", **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(json.dumps(BASE | changes, indent=2))
    return path


def rules_of(path: Path) -> set[str]:
    return {finding.rule for finding in validate_file(path).findings}


def version_folder(root: Path, version: str = "1.2.0") -> Path:
    return root / "servers" / "io.github.acme" / "clock" / version


def test_a_complete_version_folder_has_no_problem(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    write(folder)
    (folder / "README.md").write_text("# Clock\n")
    (folder / LOCK_FILE).write_bytes(make_lock(Manifest.model_validate(BASE)).canonical())
    assert validate_folder(folder).findings == ()


def test_a_lock_of_an_older_manifest_is_an_error_in_the_lock(tmp_path: Path) -> None:
    folder = version_folder(tmp_path)
    write(folder, title="Clock, now with zones")
    (folder / LOCK_FILE).write_bytes(make_lock(Manifest.model_validate(BASE)).canonical())
    report = validate_folder(folder)
    (found,) = [finding for finding in report.findings if finding.rule == "lock-agrees"]
    assert found.file.endswith(LOCK_FILE)
    assert not report.ok


def test_a_folder_that_says_another_version_is_an_error(tmp_path: Path) -> None:
    assert "folder-agrees" in rules_of(write(version_folder(tmp_path, "9.9.9")))


def test_outside_a_registry_the_folders_name_means_nothing(tmp_path: Path) -> None:
    assert "folder-agrees" not in rules_of(write(tmp_path / "draft"))


def test_findings_are_placed_in_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, version="latest")
    (found,) = [item for item in validate_file(path).findings if item.rule == "one-version"]
    line = path.read_text().splitlines()[found.line - 1]
    assert line[found.column - 1 :].startswith('"latest"')
    assert found.pointer == "/version"


def test_the_older_names_are_read_and_said_to_be_older(tmp_path: Path) -> None:
    for name in ("server.json", "mcp-manifest.json"):
        report = validate_file(write(tmp_path / name, name))
        assert [finding.rule for finding in report.findings] == ["file-name"]
        assert report.ok


def test_without_a_path_the_current_manifest_or_all_servers_are_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no mcps"):
        find([])
    write(version_folder(Path(), "1.0.0"))
    write(version_folder(Path(), "1.1.0"), "server.json")
    assert [path.parent.name for path in find([])] == ["1.0.0", "1.1.0"]
    write(Path())
    assert find([]) == [Path("mcps.json")]


def test_a_path_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        find([tmp_path / "nowhere"])


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"password": "hunter2"}')
    (tmp_path / "mcps.json").symlink_to(secret)
    # it works unprotected: the link leads to the secret
    assert "hunter2" in (tmp_path / "mcps.json").read_text()
    report = validate_folder(tmp_path)
    assert [finding.rule for finding in report.findings] == ["regular-file"]
    assert "hunter2" not in json.dumps(report.document())


def test_a_linked_neighbour_counts_as_missing(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "real").write_text("# Clock")
    (tmp_path / "README.md").symlink_to("real")
    assert "readme-present" in rules_of(tmp_path / "mcps.json")


def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mcps.json")
    assert rules_of(tmp_path / "mcps.json") == {"regular-file"}


def test_a_linked_folder_is_not_walked_into(tmp_path: Path) -> None:
    write(tmp_path / "outside")
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="holds no"):
        find([tmp_path / "servers"])


def test_a_file_beyond_the_cap_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "mcps.json"
    with path.open("wb") as stream:
        stream.truncate(20 * MAX_MANIFEST_BYTES)
    assert rules_of(path) == {"file-size"}


def test_rewriting_a_server_json_makes_a_manifest_of_it(tmp_path: Path) -> None:
    old = tmp_path / "server.json"
    old.write_text(
        json.dumps(
            {
                "$schema": "https://static.example/2025-07-09/server.schema.json",
                "name": "io.github.acme/clock",
                "description": "Tells the time",
                "version": "1.2.0",
                "status": "active",
                "website_url": "https://example.com",
                "repository": {},
                "packages": [
                    {
                        "registry_type": "npm",
                        "identifier": "@acme/clock",
                        "version": "1.2.0",
                        "transport": {"type": "stdio"},
                        "environment_variables": [{"name": "MY_KEY", "is_secret": True}],
                    }
                ],
                "_meta": {"io.modelcontextprotocol.registry/official": {"id": "1"}},
            }
        )
    )
    done = rewrite(old)
    assert done is not None
    assert not old.exists()
    document = json.loads(done.new.read_bytes())
    assert document["websiteUrl"] == "https://example.com"
    assert document["packages"][0]["environmentVariables"] == [{"name": "MY_KEY", "isSecret": True}]
    assert not document.keys() & {"$schema", "status", "repository", "_meta"}
    assert len(done.notes) == 2
    kept = {finding.rule for finding in validate_file(done.new).findings}
    assert "unknown-key" not in kept


def test_rewriting_never_replaces_a_manifest(tmp_path: Path) -> None:
    kept = write(tmp_path)
    other = write(tmp_path, "server.json", title="Another")
    with pytest.raises(McpregError, match="exists already"):
        rewrite(other)
    assert other.exists()
    assert json.loads(kept.read_bytes())["title"] == "Clock"


def test_what_is_not_json_is_not_rewritten(tmp_path: Path) -> None:
    broken = tmp_path / "server.json"
    broken.write_text("{")
    with pytest.raises(McpregError, match="cannot be rewritten"):
        rewrite(broken)
    assert [path.name for path in tmp_path.iterdir()] == ["server.json"]


def test_a_manifest_is_left_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = path.read_bytes()
    assert rewrite(path) is None
    assert path.read_bytes() == before


def test_in_memory_the_neighbours_are_not_missed() -> None:
    assert validate_bytes(json.dumps(BASE).encode()).findings == ()
