"""The official registry's own entries, when a copy of them is at hand.

A public dump of 2,628 versions and the schemas of server.json, beside the checkout. None of it is
in git.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mcpreg.core import canonical
from mcpreg.core.manifest import Manifest
from mcpreg.formats.interface import Exported, Imported
from mcpreg.formats.registry import FORMATS
from mcpreg.usecases.listing import check

DATA = Path(__file__).resolve().parents[3] / "shared/data/upstream"
DUMP = DATA / "registry-2025-12-12.json"
NEWEST = "2025-12-11"
# Rules that upstream or SPEC states beyond the schema: shape of names, and one exact version.
STATED = {"server-name", "one-version"}

pytestmark = pytest.mark.skipif(
    not DUMP.is_file(), reason="no copy of the official registry is on this machine (shared/data)"
)


@pytest.fixture(scope="module")
def servers() -> list[dict[str, Any]]:
    return [entry["server"] for entry in json.loads(DUMP.read_bytes())["servers"]]


@pytest.fixture(scope="module")
def entries() -> list[Imported]:
    found = list(FORMATS["server-json"].read({DUMP.name: DUMP.read_bytes()}))
    return [entry for entry in found if isinstance(entry, Imported)]


def version_of(schema: str) -> str:
    """`…/schemas/2025-10-17/server.schema.json#/definitions/ServerDetail` → `2025-10-17`."""
    return schema.partition("/schemas/")[2].partition("/")[0] or NEWEST


def schema(version: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        (DATA / "schemas" / f"server.schema.{version}.json").read_bytes()
    )
    return document


@pytest.fixture(scope="module")
def valid(servers: list[dict[str, Any]]) -> list[bool]:
    """Whether each is valid by the schema that it names itself; the newest for those without."""
    versions = [version_of(server.get("$schema", "")) for server in servers]
    validators = {name: jsonschema.Draft7Validator(schema(name)) for name in set(versions)}
    return [
        validators[version].is_valid(server)
        for server, version in zip(servers, versions, strict=True)
    ]


def test_every_version_is_read(servers: list[dict[str, Any]], entries: list[Imported]) -> None:
    assert len(entries) == len(servers) == 2628
    assert [entry.name for entry in entries] == [server["name"] for server in servers]


def test_what_its_own_schema_takes_can_be_listed(
    entries: list[Imported], valid: list[bool]
) -> None:
    assert sum(valid) > 2000
    for entry, is_valid in zip(entries, valid, strict=True):
        rules = {finding.rule for finding in check(entry.document)}
        assert not is_valid or rules <= STATED, (entry.place, rules)


def test_what_its_own_schema_takes_is_changed_only_where_a_note_says_so(
    servers: list[dict[str, Any]], entries: list[Imported], valid: list[bool]
) -> None:
    for server, entry, is_valid in zip(servers, entries, valid, strict=True):
        if is_valid and not entry.notes and version_of(server.get("$schema", "")) != "2025-07-09":
            kept = {key: server[key] for key in server if key not in ("$schema", "status")}
            if not kept.get("_meta", True):
                del kept["_meta"]  # an empty one says nothing
            assert entry.document == kept, entry.place


def test_nothing_of_the_dump_is_refused_today(entries: list[Imported]) -> None:
    assert [entry.place for entry in entries if check(entry.document)] == []


def test_all_of_it_goes_out_by_the_newest_schema_and_in_again(entries: list[Imported]) -> None:
    validator = jsonschema.Draft7Validator(schema(NEWEST))
    manifests = [
        Exported(Manifest.model_validate_json(canonical.pretty(entry.document)).document())
        for entry in entries
    ]
    written = FORMATS["server-json"].write(manifests)
    page = json.loads(written.files["servers.json"])
    assert page["metadata"]["count"] == len(entries)
    for item in page["servers"]:
        validator.validate(item["server"])
    lost = {loss.server for loss in written.losses}
    again = FORMATS["server-json"].read(written.files)
    for before, after in zip(manifests, again, strict=True):
        assert isinstance(after, Imported)
        if before.document["name"] not in lost:
            assert after.document == before.document
            assert after.notes == ()


@pytest.mark.parametrize("path", sorted((DATA / "examples").glob("*.json")), ids=lambda p: p.name)
def test_the_standards_examples_come_in_as_they_are(path: Path) -> None:
    (entry,) = FORMATS["server-json"].read({path.name: path.read_bytes()})
    assert isinstance(entry, Imported)
    assert check(entry.document) == ()
    assert entry.notes == ()


def test_every_schemas_keys_are_keys_here_or_said() -> None:
    """A document that uses every property of each schema loses none of them unsaid."""
    for path in sorted((DATA / "schemas").glob("server.schema.*.json")):
        definitions = json.loads(path.read_bytes())["definitions"]
        document = sample(definitions, definitions["ServerDetail"])
        (entry,) = FORMATS["server-json"].read({"server.json": json.dumps(document).encode()})
        assert isinstance(entry, Imported)
        assert check(entry.document) == (), path.name
        assert entry.notes == (), path.name


def sample(definitions: dict[str, Any], node: dict[str, Any], key: str = "") -> Any:  # noqa: ANN401
    """A value of a JSON Schema with every property that it names."""
    if "$ref" in node:
        return sample(definitions, definitions[node["$ref"].rpartition("/")[2]], key)
    if "allOf" in node:
        parts = [sample(definitions, part, key) for part in node["allOf"]]
        return {name: value for part in parts for name, value in part.items()}
    if node.get("type") == "object" or "properties" in node:
        if "properties" in node:
            return {k: sample(definitions, v, k) for k, v in node["properties"].items()}
        inner = node.get("additionalProperties")
        return {"some_name": sample(definitions, inner)} if isinstance(inner, dict) else {}
    if "anyOf" in node:
        return sample(definitions, node["anyOf"][-1], key)
    if node.get("type") == "array":
        return [sample(definitions, node["items"], key)]
    if node.get("type") == "boolean":
        return True
    return SAMPLES.get(key) or (node["enum"][0] if "enum" in node else "https://example.com/x")


SAMPLES = {
    "name": "io.github.acme/clock",
    "sizes": "48x48",
    "registryType": "npm",
    "registry_type": "npm",
    "fileSha256": "a" * 64,
    "file_sha256": "a" * 64,
}
