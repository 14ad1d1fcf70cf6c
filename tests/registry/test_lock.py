"""Locks: the same input gives the same bytes, and a lock that is no longer right is said to be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import tiny_server
from local_index import CUTOFF, RESOLVED_AT, LocalIndex, client_settings, local_index
from mcpreg.cli.lock import command
from mcpreg.core import canonical
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import Lock, NodeRuntime, Wheel, parse_lock
from mcpreg.core.manifest import Manifest
from mcpreg.core.toolset import Offer
from mcpreg.errors import McpregError, NotFoundError, UsageError
from mcpreg.packages.runtime import find_node, find_python
from mcpreg.usecases import lock as locking
from mcpreg.usecases.lock import (
    check_lock,
    lockable_package,
    make_lock,
    write_lock,
)
from mcpreg.usecases.locked_offer import declared_differences

TOOL = {"name": "now", "description": "The time", "inputSchema": {"type": "object"}}
needs_sandbox = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="bubblewrap is missing: apt-get install bubblewrap"
)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    try:
        find_python(("3.11", "3.12", "3.13", "3.14"))
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    with local_index() as served:
        for name, value in client_settings(served, str(tmp_path)).items():
            monkeypatch.setenv(name, value)
        add_clock_with(served)
        yield served


def add_clock_with(index: LocalIndex, *requires: str) -> None:
    """Serve the package with these dependencies, and no other of its name."""
    settings = {"tools": [TOOL], "instructions": "Ask for the time."}
    start = f"import sys, json\nsys.argv[1:1] = [json.dumps({settings!r})]\n"
    source = Path(tiny_server.__file__).read_text()
    index.wheels.pop("acme-clock", None)
    index.add_wheel(
        "acme-clock",
        "1.0",
        files={"acme_clock.py": start + source},
        scripts={"acme-clock": "acme_clock:main"},
        requires=requires,
    )


def manifest(**changes: Any) -> Manifest:  # noqa: ANN401  # members of a manifest
    document: dict[str, Any] = {
        "name": "io.github.acme/clock",
        "description": "Tells the time",
        "version": "1.0",
        "packages": [package()],
        "capabilities": {"tools": [TOOL], "sandbox": ["net:none"]},
    }
    return Manifest.model_validate(document | changes)


def package(kind: str = "pypi", transport: str = "stdio") -> dict[str, Any]:
    spoken = {"type": transport} | ({} if transport == "stdio" else {"url": "http://x.test"})
    return {
        "registryType": kind,
        "identifier": "acme-clock",
        "version": "1.0",
        "transport": spoken,
    }


def folder_of(tmp_path: Path, content: Manifest) -> Path:
    folder = tmp_path / "entry"
    folder.mkdir(exist_ok=True)
    (folder / "mcps.json").write_bytes(canonical.pretty(content.document()))
    return folder


def silent(text: str) -> None:
    del text


def lock_once(content: Manifest) -> tuple[Lock, Offer]:
    return make_lock(content, cutoff=CUTOFF, progress=silent)


def noon() -> datetime:
    return datetime(2026, 6, 30, 12, 59, 59, tzinfo=UTC)


@pytest.mark.sandbox
@needs_sandbox
def test_the_same_input_gives_the_same_bytes(
    index: LocalIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, offer = lock_once(manifest())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cold"))
    index.add_wheel("acme-clock", "2.0", released="2026-07-01T00:00:00Z")
    again, _ = lock_once(manifest())
    assert first.canonical() == again.canonical()
    assert first.entry == ("python3", "/app/bin/acme-clock")
    assert list(first.toolset.tools) == ["now"]
    assert first.toolset.instructions == canonical.digest("Ask for the time.")
    assert first.manifest == manifest().digest()
    assert offer.tools == (TOOL,)
    assert parse_lock(first.canonical()) == first
    assert b"://" not in first.canonical()
    assert str(tmp_path).encode() not in first.canonical()


@pytest.mark.sandbox
@needs_sandbox
def test_writes_a_lock_that_is_derived_again(index: LocalIndex, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, manifest())
    done = write_lock(folder, cutoff=None, now=noon, progress=silent)
    assert (done.changed, done.lock.resolved_at) == (True, "2026-06-30T12:59:59Z")
    assert done.lock.dependencies_before == "2026-06-23T12:00:00Z"
    assert check_lock(folder, progress=silent) == []


@pytest.mark.sandbox
@needs_sandbox
def test_a_release_that_an_index_shows_late_does_not_break_a_lock(
    index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel("acme-gears", "1.0")
    add_clock_with(index, "acme-gears")
    folder = folder_of(tmp_path, manifest())
    (tmp_path / "sudden").mkdir()
    sudden = folder_of(tmp_path / "sudden", manifest())
    write_lock(folder, cutoff=None, now=noon, progress=silent)
    write_lock(sudden, cutoff=Cutoff.now(noon()), now=noon, progress=silent)
    index.add_wheel("acme-gears", "1.1", released="2026-06-29T00:00:00Z")
    assert any("acme-gears" in line for line in check_lock(sudden, progress=silent))
    assert check_lock(folder, progress=silent) == []


@pytest.mark.sandbox
@needs_sandbox
def test_who_needs_what_was_released_this_week_is_told_how_to_say_so(
    index: LocalIndex, tmp_path: Path
) -> None:
    index.add_wheel("acme-gears", "1.0")
    index.add_wheel("acme-gears", "2.0", released="2026-06-29T00:00:00Z")
    add_clock_with(index, "acme-gears>=2")
    folder = folder_of(tmp_path, manifest())
    with pytest.raises(McpregError) as caught:
        write_lock(folder, cutoff=None, now=noon, progress=silent)
    assert "mcpreg lock --resolved-at now" in (caught.value.hint or "")
    done = write_lock(folder, cutoff=Cutoff.now(noon()), now=noon, progress=silent)
    assert [(row.name, row.version) for row in done.lock.wheels][1] == ("acme-gears", "2.0")
    assert done.lock.dependencies_before is None


def test_says_what_no_longer_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, path = folder_of(tmp_path, manifest()), tmp_path / "entry" / "mcps-lock.json"
    row = Wheel(name="gears", version="1", sha256="1" * 64, platforms=("linux-x86_64-cp311",))
    honest = made_lock(NodeRuntime(kind="node", major=20)).model_copy(update={"wheels": (row,)})
    found = (honest, Offer("2025-11-25", tools=(TOOL,)))
    monkeypatch.setattr(locking, "make_lock", lambda *_, **__: found)
    path.write_bytes(honest.canonical())
    assert check_lock(folder, progress=silent) == []
    path.write_bytes(canonical.pretty(json.loads(honest.canonical())))
    assert check_lock(folder, progress=silent) == ["mcps-lock.json is not canonical JSON"]
    swapped = row.model_copy(update={"sha256": "2" * 64})
    changes = {"wheels": (swapped,), "entry": ("node", "/app/evil.js"), "resolved_at": RESOLVED_AT}
    path.write_bytes(honest.model_copy(update=changes).canonical())
    assert [line.partition(":")[0] for line in check_lock(folder, progress=silent)] == [
        "entry", "entry", "wheels", "wheels"
    ]  # fmt: skip


@pytest.mark.sandbox
@needs_sandbox
def test_locking_again_keeps_the_moment_while_the_package_is_the_same(
    index: LocalIndex, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path, manifest())
    write_lock(folder, cutoff=CUTOFF, now=noon, progress=silent)
    folder_of(tmp_path, manifest(description="Tells the very time"))
    done = write_lock(folder, cutoff=None, now=noon, progress=silent)
    assert (done.changed, done.lock.resolved_at) == (True, RESOLVED_AT)
    assert not write_lock(folder, cutoff=None, now=noon, progress=silent).changed


@pytest.mark.sandbox
@needs_sandbox
def test_refuses_a_manifest_that_declares_other_tools_and_writes_nothing(
    index: LocalIndex, tmp_path: Path
) -> None:
    wrong = [TOOL | {"description": "Something harmless"}, {"name": "later"}]
    folder = folder_of(tmp_path, manifest(capabilities={"tools": wrong}))
    with pytest.raises(McpregError) as caught:
        write_lock(folder, cutoff=CUTOFF, now=noon, progress=silent)
    assert "tool later is declared but not listed" in caught.value.message
    assert "tool now is listed with another description" in caught.value.message
    assert not (folder / "mcps-lock.json").exists()


@pytest.mark.sandbox
@needs_sandbox
def test_required_inputs_get_fixed_values_and_no_secret_of_the_host(
    index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = json.dumps({"tools": "arguments"})
    source = Path(tiny_server.__file__).read_text()
    start = f"import sys, json\nsys.argv[1:1] = [{settings!r}]\n"
    index.add_wheel("acme-clock", "1.1", files={"c.py": start + source}, scripts={"c": "c:main"})
    monkeypatch.setenv("ACME_TOKEN", "host secret")
    entry = package() | {
        "version": "1.1",
        "packageArguments": [
            {"type": "positional", "valueHint": "folder", "format": "filepath", "isRequired": True},
            {"type": "named", "name": "--db", "format": "filepath", "isRequired": True},
            {"type": "named", "name": "--zone", "isRequired": True, "choices": ["UTC", "CET"]},
            {"type": "named", "name": "--level", "format": "number", "default": "3"},
            {"type": "named", "name": "--extra"},
        ],
        "environmentVariables": [{"name": "ACME_TOKEN", "isRequired": True, "isSecret": True}],
    }
    capabilities = {"sandbox": ["fs:read:{folder}/**", "fs:write:{db}", "env:ACME_TOKEN"]}
    _, offer = lock_once(manifest(packages=[entry], capabilities=capabilities))
    assert offer.tools[0]["description"] == ("/home/mcp --db /tmp/file --zone UTC --level 3")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"packages": None, "remotes": [{"type": "sse", "url": "https://x.test"}]}, "only remote"),
        ({"packages": [package("nuget")]}, "only nuget over stdio"),
        ({"packages": [package("pypi", "streamable-http")]}, "only pypi over streamable-http"),
        ({"packages": None}, "no package"),
    ],
)
def test_says_why_nothing_can_be_locked(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        lockable_package(manifest(**changes))


def test_takes_the_first_package_that_can_be_locked() -> None:
    both = manifest(packages=[package("nuget"), package("npm"), package("pypi")])
    assert lockable_package(both).registry_type == "npm"


def test_a_bare_name_is_declaration_enough_and_more_must_match() -> None:
    offer = Offer("2025-11-25", tools=(TOOL, {"name": "zones"}), prompts=({"name": "p"},))
    declared = manifest(capabilities={"tools": ["now", "zones"], "prompts": ["p"]})
    assert declared_differences(declared, offer) == []
    declared = manifest(capabilities={"tools": [TOOL | {"inputSchema": {"type": "array"}}]})
    assert declared_differences(declared, offer) == [
        "tool now is listed with another inputSchema",
        "tool zones is listed but not declared",
        "prompt p is listed but not declared",
    ]


def test_a_newer_node_may_check_the_lock_of_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = made_lock(NodeRuntime(kind="node", major=20))
    folder = folder_of(tmp_path, manifest())
    (folder / "mcps-lock.json").write_bytes(old.canonical())
    offer = Offer("2025-11-25", tools=(TOOL,))
    for major, expected in ((24, 0), (18, 1)):
        derived = made_lock(NodeRuntime(kind="node", major=major))
        monkeypatch.setattr(locking, "make_lock", lambda *_, found=derived, **__: (found, offer))
        assert len(check_lock(folder, progress=silent)) == expected


def made_lock(runtime: NodeRuntime) -> Lock:
    return Lock.model_validate(
        {
            "name": "io.github.acme/clock",
            "version": "1.0",
            "manifest": manifest().digest(),
            "resolvedAt": RESOLVED_AT,
            "runtime": runtime.model_dump(),
            "package": {"registryType": "npm", "identifier": "acme-clock", "version": "1.0"},
            "entry": ["node", "/app/x.js"],
            "toolset": {
                "protocol": "2025-11-25",
                "clientCapabilities": {},
                "tools": {},
                "digest": "sha256:" + "0" * 64,
            },
            "sandbox": [],
        }
    )


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, standalone_mode=False)


@pytest.mark.sandbox
@needs_sandbox
def test_the_command_writes_then_checks_then_exits_1_when_it_differs(
    index: LocalIndex, tmp_path: Path
) -> None:
    folder = str(folder_of(tmp_path, manifest()))
    written = run(folder, "--resolved-at", RESOLVED_AT)
    assert (written.return_value, written.stdout) == (0, "")
    assert "written, 1 artifacts, 1 tools" in written.stderr
    checked = run(folder, "--check", "--json")
    assert checked.return_value == 0
    envelope = json.loads(checked.stdout)
    assert (envelope["command"], envelope["ok"]) == ("lock", True)
    folder_of(tmp_path, manifest(title="Changed after locking"))
    assert run(folder, "--check").return_value == 1
    other = tmp_path / "other"
    other.mkdir()
    both = run(folder, str(other), "--check", "--json")
    assert both.return_value == 3  # the gravest: the second has no manifest
    assert [item["ok"] for item in json.loads(both.stdout)["data"]] == [False, False]


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01T00:00:00Z", "2026-06-01", "-x"])
def test_the_command_refuses_a_time_that_is_none(moment: str, tmp_path: Path) -> None:
    result = run(str(tmp_path), f"--resolved-at={moment}")
    assert isinstance(result.exception, UsageError)


def test_the_command_says_when_there_is_no_manifest_or_a_broken_one(tmp_path: Path) -> None:
    assert isinstance(run(str(tmp_path)).exception, NotFoundError)
    (tmp_path / "mcps.json").write_text('{"name": "x"}')
    broken = run(str(tmp_path)).exception
    assert isinstance(broken, McpregError)
    assert "not a valid manifest" in broken.message
    (tmp_path / "mcps.json").write_bytes(b" " * (2 << 20))
    large = run(str(tmp_path)).exception
    assert isinstance(large, McpregError)
    assert "larger than 1 MiB" in large.message


@pytest.mark.network
@pytest.mark.sandbox
@needs_sandbox
@pytest.mark.parametrize(
    ("kind", "identifier", "version", "tools"),
    [
        ("pypi", "mcp-server-time", "2026.10.19", 2),
        ("npm", "@modelcontextprotocol/server-memory", "2026.8.31", 9),
    ],
)
def test_locks_real_servers(kind: str, identifier: str, version: str, tools: int) -> None:
    if kind == "npm":
        try:
            find_node(20)
        except NotFoundError as error:
            pytest.skip(f"{error.message}: {error.hint}")
    entry = package(kind) | {"identifier": identifier, "version": version}
    lock, _ = make_lock(
        manifest(packages=[entry]), cutoff=Cutoff.at("2026-11-20T00:00:00Z"), progress=silent
    )
    assert len(lock.toolset.tools) == tools
    assert b"://" not in lock.canonical()
