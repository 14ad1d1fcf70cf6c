"""`mcpreg init`: a manifest from a server.json, and from a package that is really started."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_index import CUTOFF, LocalIndex, client_settings, local_index
from mcpreg.checks.interface import Severity
from mcpreg.core.lock import LOCK_FILE, parse_lock
from mcpreg.core.manifest import parse_manifest
from mcpreg.core.toolset import Offer
from mcpreg.errors import McpregError, UsageError
from mcpreg.usecases.init import (
    Draft,
    Started,
    draft_from_file,
    draft_from_package,
    offered,
    readme,
    start,
)
from mcpreg.usecases.validate import validate_folder
from tiny_package import SERVER

NAME = "io.github.acme/clock"


def write(path: Path, **changes: object) -> Path:
    document: dict[str, Any] = {
        "$schema": "https://static.example/2025-09-29/server.schema.json",
        "name": NAME,
        "description": "Tells the time",
        "version": "1.2.0",
        "repository": {},
        "packages": [
            {
                "registryType": "npm",
                "identifier": "@acme/clock",
                "version": "1.2.0",
                "transport": {"type": "stdio"},
                "environmentVariables": [
                    {"name": "KEY", "isSecret": True},
                    {"name": "MODE", "value": "fast"},
                ],
            }
        ],
    }
    path.write_text(json.dumps(document | changes))
    return path


def begin(draft: Draft, root: Path, *, launch: bool = False, force: bool = False) -> Started:
    return start(draft, root, launch=launch, force=force, cutoff=CUTOFF, progress=lambda _: None)


def test_a_server_json_becomes_a_version_folder_without_errors(tmp_path: Path) -> None:
    draft = draft_from_file(write(tmp_path / "server.json"), name=None, description=None)
    done = begin(draft, tmp_path)
    assert done.folder == tmp_path / "servers" / "io.github.acme" / "clock" / "1.2.0"
    assert sorted(path.name for path in done.folder.iterdir()) == ["README.md", "mcps.json"]
    assert validate_folder(done.folder).ok
    assert not [item for item in done.findings if item.severity is Severity.ERROR]


def test_a_variable_that_the_person_sets_is_let_in_and_nothing_else(tmp_path: Path) -> None:
    draft = draft_from_file(write(tmp_path / "server.json"), name=None, description=None)
    assert begin(draft, tmp_path).manifest.capabilities.sandbox == ("env:KEY",)
    assert any("no file and no host" in note for note in draft.notes)


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    draft = draft_from_file(write(tmp_path / "server.json"), name=None, description=None)
    folder = begin(draft, tmp_path).folder
    (folder / "mcps.json").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        begin(draft, tmp_path)
    assert (folder / "mcps.json").read_text() == "mine"


def test_force_replaces_the_manifest_and_never_the_readme(tmp_path: Path) -> None:
    draft = draft_from_file(write(tmp_path / "server.json"), name=None, description=None)
    folder = begin(draft, tmp_path).folder
    (folder / "mcps.json").write_text("mine")
    (folder / "README.md").write_text("mine")
    (folder / LOCK_FILE).write_text("of another manifest")
    begin(draft, tmp_path, force=True)
    assert parse_manifest((folder / "mcps.json").read_bytes()).name == NAME
    assert (folder / "README.md").read_text() == "mine"
    assert not (folder / LOCK_FILE).exists()


def test_a_draft_that_is_no_manifest_is_refused_with_its_first_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "server.json", description="x" * 200, packages=[{}])
    draft = draft_from_file(path, name=None, description=None)
    with pytest.raises(UsageError, match="200 characters"):
        begin(draft, tmp_path)
    assert not (tmp_path / "servers").exists()


@pytest.mark.parametrize("name", ["../../evil", "a/../../b", "clock", "a.b/.."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    draft = draft_from_file(write(tmp_path / "server.json"), name=name, description=None)
    with pytest.raises(UsageError):
        begin(draft, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["server.json"]


def test_a_version_leads_nowhere_else(tmp_path: Path) -> None:
    path = write(tmp_path / "server.json", version="../../../evil")
    with pytest.raises(UsageError, match="exact version"):
        begin(draft_from_file(path, name=None, description=None), tmp_path)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": 1, "a": 2}', b"[" * 9999])
def test_a_file_that_is_no_server_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "server.json"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        draft_from_file(path, name=None, description=None)


def test_odd_packages_are_reported_not_fallen_over(tmp_path: Path) -> None:
    for packages in (5, [5], [{"environmentVariables": 5}], [{"environmentVariables": [5, {}]}]):
        path = write(tmp_path / "server.json", packages=packages)
        with pytest.raises(UsageError):
            begin(draft_from_file(path, name=None, description=None), tmp_path)


@pytest.mark.parametrize(
    ("text", "name", "identifier", "version"),
    [
        ("npm:@acme/clock@1.2.3", "io.github.acme/clock", "@acme/clock", "1.2.3"),
        ("npm:@acme/clock@1.2.3-rc.1", "io.github.acme/clock", "@acme/clock", "1.2.3-rc.1"),
    ],
)
def test_a_scope_names_its_server(text: str, name: str, identifier: str, version: str) -> None:
    document = draft_from_package(text, name=None, description=None).document
    (package,) = document["packages"]
    assert (document["name"], package["identifier"], package["version"]) == (
        name,
        identifier,
        version,
    )


def test_a_package_that_does_not_say_who_publishes_it_needs_a_name() -> None:
    for text in ("pypi:acme-clock==1.2", "npm:clock@1.2.3"):
        with pytest.raises(UsageError) as caught:
            draft_from_package(text, name=None, description=None)
        assert "--name" in (caught.value.hint or "")
        assert draft_from_package(text, name=NAME, description=None).document["name"] == NAME


@pytest.mark.parametrize(
    "text",
    ["acme-clock", "pypi:acme-clock", "pypi:acme-clock>=1", "npm:clock", "npm:clock@latest",
     "npm:clock@^1.0.0", "pypi:--index-url==1", "npm:../x@1.0.0", "oci:clock:1", "pypi:a==1 b==2"],
)  # fmt: skip
def test_what_is_not_one_exact_package_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        draft_from_package(text, name=NAME, description=None)


def test_what_a_server_lists_is_written_in_full_and_nothing_more() -> None:
    tool = {
        "name": "now",
        "title": "Now",
        "description": "The time",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True},
    }
    prompt = {"name": "ask", "arguments": [{"name": "about", "_meta": {}, "required": True}]}
    offer = Offer(
        protocol="2025-11-25",
        tools=({**tool, "_meta": {"x": 1}, "icons": []},),
        prompts=({**prompt, "_meta": {}},),
        templates=({"name": "log", "uriTemplate": "log://{day}", "annotations": {}},),
    )
    assert offered(offer) == {
        "specVersion": "2025-11-25",
        "tools": [tool],
        "prompts": [{"name": "ask", "arguments": [{"name": "about", "required": True}]}],
        "resources": [{"name": "log", "uriTemplate": "log://{day}"}],
    }


def test_the_readme_says_what_it_can_touch_and_holds_no_text_of_the_tools(tmp_path: Path) -> None:
    tools = [{"name": "now", "description": "<script>alert(1)</script>"}]
    path = write(tmp_path / "server.json", capabilities={"tools": tools, "sandbox": ["net:none"]})
    draft = draft_from_file(path, name=None, description=None)
    text = readme(begin(draft, tmp_path).manifest).decode()
    assert "- cannot use the network" in text
    assert "- `now`" in text
    assert "script" not in text


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    with local_index() as served:
        for name, value in client_settings(served, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        yield served


needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap", path=f"{os.environ.get('PATH', '')}:/usr/bin") is None,
    reason="bubblewrap is not installed, and init starts nothing without it",
)


@pytest.mark.sandbox
@needs_sandbox
def test_a_package_is_started_and_what_it_lists_written_down(
    index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel(
        "acme-clock",
        "1.2.0",
        files={"acme_clock/__init__.py": SERVER},
        scripts={"acme-clock": "acme_clock:main"},
    )
    draft = draft_from_package("pypi:acme-clock==1.2.0", name=NAME, description="Tells the time")
    done = begin(draft, tmp_path, launch=True)
    assert [tool.name for tool in done.manifest.capabilities.tools] == ["now", "zones"]
    assert done.manifest.capabilities.tools[0].input_schema == {"type": "object"}
    lock = parse_lock((done.folder / LOCK_FILE).read_bytes())
    assert lock.manifest == done.manifest.digest()
    report = validate_folder(done.folder)
    assert report.ok
    assert {finding.rule for finding in report.findings} <= {"license-missing"}


@pytest.mark.sandbox
@needs_sandbox
def test_a_package_that_does_not_start_leaves_nothing_behind(
    index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel(
        "acme-clock",
        "1.2.0",
        files={"acme_clock/__init__.py": "def main():\n    raise SystemExit(3)\n"},
        scripts={"acme-clock": "acme_clock:main"},
    )
    draft = draft_from_package("pypi:acme-clock==1.2.0", name=NAME, description=None)
    with pytest.raises(McpregError):
        begin(draft, tmp_path, launch=True)
    assert not (tmp_path / "servers").exists()
