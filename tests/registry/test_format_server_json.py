"""The official server.json: every spelling and shape in, repairs said, and out again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mcpreg.checks.examples import BASE
from mcpreg.core.manifest import MAX_MANIFEST_BYTES
from mcpreg.formats.interface import PUBLISHER_KEY, Exported, FormatError, Imported, Refused
from mcpreg.formats.registry import FORMATS, detect
from mcpreg.formats.server_json import ServerJson
from mcpreg.usecases.listing import check

OFFICIAL = "io.modelcontextprotocol.registry/official"
SERVER: dict[str, Any] = {
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "name": "io.github.acme/clock",
    "description": "Tells the time",
    "version": "1.2.0",
    "packages": [
        {
            "registryType": "npm",
            "identifier": "@acme/clock",
            "version": "1.2.0",
            "transport": {"type": "stdio"},
        }
    ],
}


def read(document: object) -> list[Imported | Refused]:
    return list(ServerJson().read({"server.json": json.dumps(document).encode()}))


def one(**changes: object) -> Imported:
    (found,) = read(SERVER | changes)
    assert isinstance(found, Imported)
    assert check(found.document) == ()
    return found


def package(**changes: object) -> dict[str, Any]:
    return {"packages": [SERVER["packages"][0] | changes]}


def test_a_plain_document_comes_in_as_it_is() -> None:
    found = one()
    assert found.document == {key: SERVER[key] for key in SERVER if key != "$schema"}
    assert (found.notes, found.name, found.status) == ((), "io.github.acme/clock", "active")


def test_snake_case_is_read_and_variables_keep_their_names() -> None:
    variables = {"api_key": {"is_secret": True}, "registry_type": {}}
    old = {
        "name": SERVER["name"],
        "description": SERVER["description"],
        "version": "1.2.0",
        "status": "deprecated",
        "website_url": "https://example.com",
        "packages": [
            {
                "registry_type": "npm",
                "registry_base_url": "https://npm.example.com",
                "identifier": "@acme/clock",
                "version": "1.2.0",
                "transport": {"type": "stdio"},
                "runtime_hint": "npx",
                "package_arguments": [
                    {"type": "positional", "value_hint": "a_b", "is_repeated": True},
                    {
                        "type": "named",
                        "name": "--a_b",
                        "value": "{api_key}",
                        "variables": variables,
                    },
                ],
                "environment_variables": [{"name": "MY_KEY", "is_secret": True}],
            }
        ],
    }
    (found,) = read(old)
    assert isinstance(found, Imported)
    assert check(found.document) == ()
    assert found.notes == ()
    assert found.status == "deprecated"
    (written,) = found.document["packages"]
    assert written["registryType"] == "npm"
    assert written["registryBaseUrl"] == "https://npm.example.com"
    assert written["environmentVariables"] == [{"name": "MY_KEY", "isSecret": True}]
    first, second = written["packageArguments"]
    assert first == {"type": "positional", "valueHint": "a_b", "isRepeated": True}
    assert second["variables"] == {"api_key": {"isSecret": True}, "registry_type": {}}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda said: {"server": SERVER, "_meta": {OFFICIAL: said}},
        lambda said: {"server": SERVER | {"_meta": {OFFICIAL: said}}},
        lambda said: SERVER | {"_meta": {OFFICIAL: said}},
        lambda said: {"server": SERVER, "x-io.modelcontextprotocol.registry": said},
    ],
)
@pytest.mark.parametrize("published", ["publishedAt", "published_at", "release_date"])
def test_what_the_registry_says_becomes_status_and_dates(
    wrap: Callable[[dict[str, str | bool]], object], published: str
) -> None:
    said: dict[str, str | bool] = {"status": "deleted", "statusMessage": "gone", "isLatest": True}
    said |= {published: "2025-10-09T17:05:17Z", "updated_at": "2025-10-10T00:00:00Z"}
    (found,) = read(wrap(said))
    assert isinstance(found, Imported)
    assert (found.status, found.status_message) == ("deleted", "gone")
    assert found.published_at == "2025-10-09T17:05:17Z"
    assert found.updated_at == "2025-10-10T00:00:00Z"
    assert "_meta" not in found.document
    assert found.notes == ()


def test_what_the_registry_says_is_no_part_of_the_digest() -> None:
    (before,) = read({"server": SERVER, "_meta": {OFFICIAL: {"isLatest": True}}})
    (after,) = read({"server": SERVER, "_meta": {OFFICIAL: {"isLatest": False}}})
    assert isinstance(before, Imported)
    assert isinstance(after, Imported)
    assert before.digest == after.digest


def test_lists_and_pages_are_read_and_one_bad_entry_spoils_no_other() -> None:
    entries = [SERVER, 5, {"server": 5}, {"server": SERVER, "_meta": None}, {}]
    for document in (entries, {"servers": entries, "metadata": {"count": 5}}):
        found = read(document)
        kinds = [type(entry) for entry in found]
        assert kinds == [Imported, Refused, Refused, Imported, Imported]
        assert isinstance(found[4], Imported)
        assert {finding.rule for finding in check(found[4].document)} == {"missing-key"}
        assert found[3].place.endswith("[3]")


def test_pages_in_several_files_are_one_input() -> None:
    pages = {
        f"page-{n}.json": json.dumps({"servers": [SERVER | {"version": n}]}).encode() for n in "12"
    }
    found = [entry for entry in ServerJson().read(pages) if isinstance(entry, Imported)]
    assert [entry.document["version"] for entry in found] == ["1", "2"]


REPAIRED: list[tuple[dict[str, Any], str]] = [
    ({"repository": {}}, "repository: has no url"),
    ({"repository": {"url": "", "source": ""}}, "repository: has no url"),
    ({"websiteUrl": "ftp://example.com"}, "websiteUrl: not of the right form"),
    ({"icons": [{"src": "http://example.com/i.png"}]}, "icons[0]: src is not of the right form"),
    ({"icons": [{"src": "https://a.example/i", "mimeType": "image/x"}]}, "icons[0].mimeType"),
    ({"title": ""}, "title: empty"),
    ({"title": None}, "title: not a string"),
    ({"color": "red"}, "color: not a key of mcps.json"),
    ({"trustTier": "certified"}, "trustTier: not a key of mcps.json"),
    ({"capabilities": {"tools": True}}, "capabilities.tools: not an array"),
    ({"_meta": {"acme": {}}}, "_meta.acme: not a publisher's to set"),
    ({"description": "words " * 40}, "description: shortened from 240 characters"),
    ({"packages": 5}, "packages: not an array"),
    (package(registryType="brew"), "packages[0]: registryType is not one of"),
    (package(registryType="NPM"), "'NPM' read as npm"),
    (package(registryType="docker"), "'docker' read as oci"),
    (package(fileSha256="A" * 64), "packages[0].fileSha256: written in lower case"),
    (package(transport={}), "packages[0].transport.type: missing, read as stdio"),
    (package(transport=None), "packages[0].transport.type: missing, read as stdio"),
    (package(transport={"type": "stdio", "cwd": "/"}), "packages[0].transport.cwd: not a key"),
    (package(transport={"type": "http", "url": "http://localhost"}), "'http' read as"),
    (package(version=""), "packages[0].version: empty"),
    (package(environmentVariables=[{"name": ""}]), "environmentVariables[0]: name is empty"),
    (package(environmentVariables=[{"name": "A" * 257}]), "name is 257 characters long"),
    (package(environmentVariables=[{"name": "A", "format": "url"}]), "[0].format: not one of"),
    (package(environmentVariables=[{"name": "A", "isRequired": "yes"}]), "isRequired: not true"),
    (package(packageArguments=[{"type": "", "value": "x"}]), "type: missing, read as positional"),
    (package(packageArguments=[{"name": "--x"}]), "type: missing, read as named"),
    (package(packageArguments=[{"type": "named", "name": "", "value": "x"}]), "as positional"),
    (package(packageArguments=[{"type": "flag"}]), "packageArguments[0]: type is not one of"),
    ({"remotes": [{"type": "sse", "url": "https://a/" + "x" * 2048}]}, "remotes[0]: url is"),
    ({"remotes": [{"type": "stdio"}]}, "remotes[0]: type is not one of"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "note"), REPAIRED, ids=[note for _, note in REPAIRED])
def test_what_the_model_refuses_goes_alone_and_is_said(changes: dict[str, Any], note: str) -> None:
    found = one(**changes)
    assert len(found.notes) == 1, found.notes
    assert note in found.notes[0]


@pytest.mark.parametrize("key", ["registryBaseUrl", "fileSha256"])
def test_a_package_never_comes_from_another_place_than_it_said(key: str) -> None:
    found = one(**package(**{key: "not so"}))
    assert found.document["packages"] == []
    assert f"{key} is not of the right form" in found.notes[0]


def test_a_long_description_is_whole_in_the_readme() -> None:
    text = "A clock that tells the time. " * 6
    found = one(description=text)
    assert found.readme is not None
    assert text in found.readme
    assert len(found.document["description"]) <= 100
    assert text.startswith(found.document["description"].rstrip("…"))


@pytest.mark.parametrize("key", ["name", "description", "version"])
def test_what_every_manifest_needs_is_left_for_the_rules(key: str) -> None:
    values: list[object] = [5, None, [], ""]
    for value in values:
        (found,) = read(SERVER | {key: value})
        assert isinstance(found, Imported)
        assert check(found.document)


def test_notes_of_a_hostile_document_are_few_and_short() -> None:
    found = one(**{f"{'k' * 500}{n}": n for n in range(5_000)})
    assert len(found.notes) < 50
    assert all(len(note) < 300 for note in found.notes)
    assert "4960 more" in found.notes[-1]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1,", b"\xff{}", b'{"a":1,"a":2}', b'{"a": NaN}', b"[" * 10_000, b'"\\ud800"'],
)
def test_what_is_not_json_is_refused_with_its_place(data: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        list(ServerJson().read({"a/server.json": data}))
    assert str(caught.value.where).startswith("a/server.json:1:")
    assert ServerJson().detect({"a/server.json": data}) is False


def test_an_entry_larger_than_a_manifest_is_left_to_the_rule() -> None:
    (found,) = read(SERVER | {"packages": [SERVER["packages"][0]] * 12_000})
    assert isinstance(found, Imported)
    assert len(json.dumps(found.document)) > MAX_MANIFEST_BYTES
    assert {finding.rule for finding in check(found.document)} == {"file-size"}


def test_one_server_is_written_as_itself_and_several_as_a_page() -> None:
    exported = Exported(document=BASE)
    (path, data), *_ = ServerJson().write([exported]).files.items()
    assert path == "server.json"
    assert json.loads(data)["$schema"] == SERVER["$schema"]
    second = Exported(document=BASE | {"version": "1.3.0"})
    (path, data), *_ = ServerJson().write([exported, second]).files.items()
    page = json.loads(data)
    assert path == "servers.json"
    assert page["metadata"] == {"count": 2}
    assert [entry["server"]["version"] for entry in page["servers"]] == ["1.2.0", "1.3.0"]
    assert detect({path: data}) is FORMATS["server-json"]


def test_every_field_that_the_form_lacks_is_a_loss() -> None:
    document = BASE | {
        "requiredConsents": [{"id": "x", "reason": "y"}],
        "dependencies": ["a/b"],
        "repository": {"url": "https://github.com/acme/clock"},
        "icons": [{"src": "https://a.example/i", "sizes": ["big"]}],
        "remotes": [{"type": "sse", "url": "{url}"}],
        "_meta": {"acme/x": 1, PUBLISHER_KEY: {"tool": "x"}},
    }
    exported = Exported(document, "# Read", "deprecated", None, {"stars": 5})
    written = ServerJson().write([exported])
    lost = {loss.pointer for loss in written.losses}
    assert lost == {
        "/license", "/tags", "/capabilities", "/requiredConsents", "/dependencies", "/repository",
        "/icons/0/sizes", "/remotes/0", "/_meta/acme~1x", "readme", "status", "metadata",
    }  # fmt: skip
    server = json.loads(written.files["server.json"])
    assert server["_meta"] == {PUBLISHER_KEY: {"tool": "x"}}
    assert server["remotes"] == []
