"""ToolHive's own registries and converter examples, when a copy of them is at hand.

Every entry in, out again, and valid by ToolHive's own schemas. What its converter does otherwise
is explained in `DIFFERENCES`, which `scripts/import_table.py` prints into docs/imports.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource

from mcpreg.core import canonical
from mcpreg.core.manifest import Manifest
from mcpreg.formats.interface import PUBLISHER_KEY, Exported, Format, Imported
from mcpreg.formats.registry import FORMATS, detect
from mcpreg.usecases.listing import check

DATA = Path(__file__).resolve().parents[3] / "shared/data/toolhive"
EXAMPLES = DATA / "upstream-examples"
REGISTRIES = {
    "toolhive": DATA / "registry.legacy.2026-02-18.json",
    "upstream": DATA / "upstream-registry.json",
}
EXTENSION = f"/_meta/{PUBLISHER_KEY}/io.github.stacklok/*"
KEY_SAYS = "the entry's key already says it, and the namespace is ToolHive's"
NO_PLACE = "the registry's schema has no place for it; named as a loss"

# Converter pair and path -> why ours is not theirs. `*` is the extension's key.
DIFFERENCES: dict[tuple[str, str], str] = {
    ("image_to_server", "/version"): (
        "theirs gives every server 1.0.0; ours is the image's tag, so that a version never changes"
    ),
    ("image_to_server", f"{EXTENSION}/tool_definitions/0/annotations"): (
        "theirs adds an empty object that the input does not have"
    ),
    ("remote_to_server", f"{EXTENSION}/tool_definitions/0/annotations"): (
        "theirs adds an empty object that the input does not have"
    ),
    ("server_to_image", "/name"): KEY_SAYS,
    ("server_to_image", "/title"): NO_PLACE,
    ("server_to_image", "/overview"): NO_PLACE,
    ("server_to_image", "/tool_definitions"): NO_PLACE,
    ("server_to_remote", "/name"): KEY_SAYS,
    ("server_to_remote", "/title"): NO_PLACE,
    ("server_to_remote", "/overview"): NO_PLACE,
    ("server_to_remote", "/tool_definitions"): NO_PLACE,
    ("server_to_remote", "/status"): "the registry's schema spells it Active",
}  # fmt: skip
PAIRS = {
    "image_to_server": ("toolhive", "upstream", "github"),
    "remote_to_server": ("toolhive", "upstream", "example-remote"),
    "server_to_image": ("upstream", "toolhive", "github"),
    "server_to_remote": ("upstream", "toolhive", "example-remote"),
}

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="no copy of ToolHive's registries is on this machine (shared/data)"
)


def load(path: Path) -> Any:  # noqa: ANN401  # any JSON value
    return json.loads(path.read_bytes())


def imported(form: Format, data: bytes) -> list[Imported]:
    found = list(form.read({"registry.json": data}))
    assert all(isinstance(entry, Imported) for entry in found), found
    return [entry for entry in found if isinstance(entry, Imported)]


def exported(entry: Imported) -> Exported:
    """As a registry would hold it: through the model, with what lies beside."""
    manifest = Manifest.model_validate_json(canonical.pretty(entry.document))
    return Exported(
        manifest.document(), entry.readme, entry.status, entry.updated_at, entry.metadata
    )


@cache
def validator(name: str) -> jsonschema.protocols.Validator:
    schemas = [load(path) for path in sorted((DATA / "schemas").glob("*.json"))]
    known = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas
    )
    schema = load(DATA / "schemas" / name)
    kind = jsonschema.validators.validator_for(schema)
    made: jsonschema.protocols.Validator = kind(schema, registry=known)
    return made


def require_valid(form: str, document: Any) -> None:  # noqa: ANN401  # any JSON value
    if form == "toolhive":
        validator("toolhive-legacy-registry.schema.json").validate(document)
        return
    validator("upstream-registry.schema.json").validate(document)
    publisher = validator("publisher-provided.schema.json")
    for server in document["data"]["servers"]:
        publisher.validate(server.get("_meta", {}).get(PUBLISHER_KEY, {}))


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_entry_can_be_listed(name: str) -> None:
    for entry in imported(FORMATS[name], REGISTRIES[name].read_bytes()):
        assert check(entry.document) == (), entry.place


@pytest.mark.parametrize("name", REGISTRIES)
def test_a_registry_comes_out_as_it_went_in(name: str) -> None:
    data = REGISTRIES[name].read_bytes()
    written = FORMATS[name].write([exported(entry) for entry in imported(FORMATS[name], data)])
    before, after = json.loads(data), json.loads(written.files["registry.json"])
    assert written.losses == ()
    for key in ("servers", "remote_servers", "data"):
        assert after.get(key) == before.get(key)


@pytest.mark.parametrize("name", REGISTRIES)
@pytest.mark.parametrize("target", REGISTRIES)
def test_each_is_written_in_both_forms_by_their_schemas(name: str, target: str) -> None:
    entries = imported(FORMATS[name], REGISTRIES[name].read_bytes())
    written = FORMATS[target].write([exported(entry) for entry in entries])
    document = json.loads(written.files["registry.json"])
    require_valid(target, document)
    assert [loss for loss in written.losses if not loss.pointer] == []
    assert detect(written.files) is FORMATS[target]


def test_the_schemas_refuse_what_they_should() -> None:
    entry = {"image": "A", "description": "short"}
    with pytest.raises(jsonschema.ValidationError):
        require_valid("toolhive", {"version": "1.0.0", "servers": {"x": entry}})
    with pytest.raises(jsonschema.ValidationError):
        require_valid("upstream", {"version": "1.0.0", "meta": {}, "data": {"servers": []}})


def convert(pair: str) -> tuple[Any, Any]:
    """Their output and ours for one of the converter's examples."""
    source, target, key = PAIRS[pair]
    (given,), (expected,) = (
        [load(path) for path in EXAMPLES.glob(f"{pair}__{part}_*.json")]
        for part in ("input", "expected")
    )
    kind = "servers" if "image" in pair else "remote_servers"
    whole: dict[str, Any] = {"servers": {}, kind: {key: given}}
    if source == "upstream":
        whole = {"data": {"servers": [given]}}
    entries = imported(FORMATS[source], json.dumps(whole).encode())
    written = FORMATS[target].write([exported(entry) for entry in entries])
    document = json.loads(written.files["registry.json"])
    return expected, document[kind][key] if target == "toolhive" else document["data"]["servers"][0]


def differences(theirs: Any, ours: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            step = "*" if path.endswith("/io.github.stacklok") else key
            if key in theirs and key in ours:
                yield from differences(theirs[key], ours[key], f"{path}/{step}")
            else:
                yield f"{path}/{step}"
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(one, other, f"{path}/{index}")
    elif theirs != ours:
        yield path


@pytest.mark.parametrize("pair", PAIRS)
def test_the_converters_examples_field_by_field(pair: str) -> None:
    found = set(differences(*convert(pair)))
    assert found == {path for name, path in DIFFERENCES if name == pair}


def test_the_envelope_with_two_kinds_comes_out_as_it_went_in() -> None:
    path = EXAMPLES / "registry-with-remote-servers.json"
    entries = imported(FORMATS["upstream"], path.read_bytes())
    written = FORMATS["upstream"].write([exported(entry) for entry in entries])
    assert json.loads(written.files["registry.json"])["data"] == load(path)["data"]


@pytest.mark.parametrize("name", ["registry-low.json", "registry-high.json"])
def test_an_entry_that_its_own_schema_refuses_is_repaired(name: str) -> None:
    (entry,) = imported(FORMATS["upstream"], (EXAMPLES / name).read_bytes())
    assert check(entry.document) == ()
    assert entry.document["name"] == "io.github.stacklok/osv-upgrade-test"
    assert {note.partition(":")[0] for note in entry.notes} == {
        "name", "description", "version", "permissions",
    }  # fmt: skip


def test_permissions_of_every_container_arrive() -> None:
    """Counted from the file alone, without the converter's own reading."""
    raw = load(REGISTRIES["toolhive"])["servers"]
    entries = imported(FORMATS["toolhive"], REGISTRIES["toolhive"].read_bytes())
    for entry in entries:
        source = raw.get(entry.name, {})
        outbound = source.get("permissions", {}).get("network", {}).get("outbound")
        sandbox = entry.document.get("capabilities", {}).get("sandbox", [])
        text = " ".join(sandbox)
        if outbound == {}:
            assert "net:none" in sandbox
        elif outbound and outbound.get("insecure_allow_all"):
            assert "net:" not in text
            assert any("every host" in note for note in entry.notes)
        else:
            for host in (outbound or {}).get("allow_host", []):
                wanted = "*" * host.startswith(".") + host
                ports = outbound.get("allow_port", [])
                assert host == "localhost" or all(f"{wanted}:{port}" in text for port in ports)
        for variable in source.get("env_vars", []):
            assert f"env:{variable['name']}" in sandbox


ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "Active", "sse"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "x", "network", "outbound"]), inner, max_size=3)
    ),
    max_leaves=5,
)
MEMBERS = (
    "args", "custom_metadata", "description", "docker_tags", "env_vars", "headers", "metadata",
    "name", "oauth_config", "overview", "permissions", "provenance", "proxy_port",
    "repository_url", "status", "tags", "target_port", "tier", "title", "tool_definitions",
    "tools", "transport", "version",
)  # fmt: skip
PLAIN = {"description": "Tells the time", "tools": ["now"]}


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(MEMBERS), ANY, max_size=5))
def test_whatever_comes_in_what_goes_out_is_valid(changes: dict[str, Any]) -> None:
    entry = PLAIN | changes
    servers = {"clock": entry | {"image": "acme/clock:1.0.0"}}
    remotes = {"dial": entry | {"url": "https://a.example"}}
    found: list[Imported] = []
    for form, document in (
        ("toolhive", {"servers": servers, "remote_servers": remotes}),
        ("upstream", {"data": {"servers": [server_with(changes)]}}),
    ):
        data = json.dumps(document).encode()
        entries = FORMATS[form].read({"registry.json": data})
        found += [item for item in entries if isinstance(item, Imported)]
    listed = [exported(item) for item in found if check(item.document) == ()]
    for form in REGISTRIES:
        for one in listed:
            written = FORMATS[form].write([one])
            require_valid(form, json.loads(written.files["registry.json"]))


def server_with(extension: dict[str, Any]) -> dict[str, Any]:
    image = "acme/watch:1.0.0"
    package = {"registryType": "oci", "identifier": image, "transport": {"type": "stdio"}}
    return {
        "name": "com.acme/watch",
        "description": "Tells the time",
        "version": "1.0.0",
        "packages": [package],
        "_meta": {PUBLISHER_KEY: {"io.github.stacklok": {image: extension}}},
    }
