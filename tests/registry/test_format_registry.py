"""Which format files are in: by name, by shape, or an error that says what was seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.checks.examples import BASE
from mcpreg.core.origin import StatusMark
from mcpreg.formats.interface import Exported, FormatError, Imported, Refused
from mcpreg.formats.registry import FORMATS, detect, draft

SERVER = {key: BASE[key] for key in ("name", "description", "version", "packages")}
CONTAINER = {"image": "acme/clock", "description": "x"}

SHAPES: list[tuple[str, Any, str]] = [
    ("server.json", SERVER, "server-json"),
    ("any.json", SERVER, "server-json"),
    ("any.json", [SERVER], "server-json"),
    ("any.json", {"server": SERVER, "_meta": {}}, "server-json"),
    ("any.json", {"servers": [], "metadata": {"count": 0}}, "server-json"),
    ("any.json", {"servers": None, "metadata": {"count": 0}}, "server-json"),
    ("any.json", {"servers": [{"server": SERVER}]}, "server-json"),
    ("any.json", {"servers": {"clock": CONTAINER}}, "toolhive"),
    ("any.json", {"servers": {}, "remote_servers": {}}, "toolhive"),
    ("any.json", {"version": "1.0.0", "meta": {}, "data": {"servers": []}}, "upstream"),
    ("any.json", {"data": {"servers": [SERVER]}, "$schema": "x"}, "upstream"),
    ("mcps.json", SERVER, "mcps"),
    ("a/b/1.0.0/mcp-manifest.json", SERVER, "mcps"),
    ("any.json", BASE, "mcps"),
    ("any.json", {"mcpServers": {"clock": {"command": "npx"}}}, "mcp-servers"),
    ("manifest.json", {"manifest_version": "0.2", "name": "x", "version": "1.0.0",
                       "server": {"type": "node", "entry_point": "x.js"}}, "mcpb"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "document", "name"), SHAPES)
def test_the_shape_says_the_format(file: str, document: object, name: str) -> None:
    assert detect({file: json.dumps(document).encode()}).name == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"clock/server.yaml": b"name: clock\n"}, "docker"),
        ({"kpkg.toml": b'type = "mcp-server"\n'}, "kpkg"),
        ({"a/mcps.json": b"{}", "a/README.md": b"# A"}, "mcps"),
        ({"page-00001.json": b'{"servers": [], "metadata": {}}', "page-00002.json": b"{"},
         "server-json"),
    ],
)  # fmt: skip
def test_so_do_file_names(files: dict[str, bytes], name: str) -> None:
    assert detect(files).name == name


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"5", b'{"servers": 5}', b"\xff\x00", b"[" * 99]
)
def test_what_is_nothing_known_is_named_with_all_formats(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"saw strange\.json") as caught:
        detect({"strange.json": data})
    for name in FORMATS:
        assert name in str(caught.value.hint)


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.sampled_from(["a.json", "mcps.json", "x", "server.json"]), st.binary()))
def test_detection_never_fails_otherwise(files: dict[str, bytes]) -> None:
    for form in FORMATS.values():
        assert isinstance(form.detect(files), bool)


def test_every_format_has_a_name_and_a_line_for_help() -> None:
    assert list(FORMATS) == [form.name for form in FORMATS.values()]
    assert set(FORMATS) == {
        "mcps", "server-json", "toolhive", "upstream", "docker", "kpkg", "mcpb", "mcp-servers",
    }  # fmt: skip
    for form in FORMATS.values():
        assert 10 < len(form.summary) < 100
        assert isinstance(form.every_version, bool)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_written_of_nothing_is_still_readable(name: str) -> None:
    written = FORMATS[name].write([])
    assert written.losses == ()
    for data in written.files.values():
        assert data


def test_an_authors_mistakes_are_left_for_the_rules() -> None:
    document = BASE | {"colour": "red", "description": "x" * 200, "status": "active"}
    made = draft("server.json", document)
    assert made.document == BASE | {"colour": "red", "description": "x" * 200}
    assert [note.partition(":")[0] for note in made.notes] == ["status"]
    assert draft("mcp-manifest.json", document).document == document


# --- mcps.json ----------------------------------------------------------------------------------


def test_version_folders_come_back_with_readme_and_status() -> None:
    newer = BASE | {"version": "1.3.0+x y"}
    servers = [Exported(BASE, "# Clock"), Exported(newer)]
    files = dict(FORMATS["mcps"].write(servers).files)
    folder = "io.github.acme/clock/1.2.0"
    assert sorted(files) == sorted(
        [f"{folder}/mcps.json", f"{folder}/README.md", "io.github.acme/clock/1.3.0+x%20y/mcps.json"]
    )
    mark = StatusMark(status="deprecated", message="Use dial", changed_at="2026-01-01T00:00:00Z")
    files[f"{folder}/status.json"] = mark.canonical()
    first, second = FORMATS["mcps"].read(files)
    assert isinstance(first, Imported)
    assert isinstance(second, Imported)
    assert (first.document, second.document) == (BASE, newer)
    assert (first.readme, first.status, first.status_message) == (
        "# Clock",
        "deprecated",
        "Use dial",
    )
    assert (second.readme, second.status) == (None, "active")


def test_what_lies_beside_a_manifest_is_a_loss() -> None:
    written = FORMATS["mcps"].write([Exported(BASE, None, "deleted", None, {"stars": 1})])
    assert {loss.pointer for loss in written.losses} == {"status", "metadata"}


def test_one_version_is_written_once() -> None:
    written = FORMATS["mcps"].write([Exported(BASE), Exported(BASE)])
    assert len(written.files) == 1
    assert [(loss.server, loss.pointer) for loss in written.losses] == [(BASE["name"], "")]


def test_a_strangers_status_file_is_no_mark() -> None:
    for data in (b"{}", b"[", b"x" * 20_000):
        (found,) = FORMATS["mcps"].read({"a/mcps.json": b"{}", "a/status.json": data})
        assert isinstance(found, Imported)
        assert found.status == "active"
    (refused,) = FORMATS["mcps"].read({"mcps.json": b"[]"})
    assert isinstance(refused, Refused)
