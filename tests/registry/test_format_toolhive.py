"""ToolHive's registry and envelope: what each member becomes, and what cannot be held."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcpreg.core import canonical
from mcpreg.formats.interface import (
    PUBLISHER_KEY,
    Exported,
    FormatError,
    Imported,
    Loss,
    Refused,
)
from mcpreg.formats.registry import FORMATS
from mcpreg.usecases.listing import check

STACKLOK = "io.github.stacklok"
IMAGE = "ghcr.io/acme/clock:v1.2.3"
ENTRY: dict[str, Any] = {
    "image": IMAGE,
    "description": "Tells the time",
    "status": "Active",
    "tier": "Community",
    "tools": ["now"],
    "transport": "stdio",
    "permissions": {"network": {"outbound": {}}},
}
REMOTE: dict[str, Any] = {
    "url": "https://mcp.example.com/sse",
    "description": "Tells the time",
    "status": "Active",
    "tier": "Official",
    "tools": ["now"],
    "transport": "sse",
}
SERVER: dict[str, Any] = {
    "name": f"{STACKLOK}/clock",
    "description": "Tells the time",
    "version": "1.0.0",
    "packages": [{"registryType": "oci", "identifier": IMAGE, "transport": {"type": "stdio"}}],
}
MANIFEST: dict[str, Any] = SERVER | {
    "version": "1.2.3",
    "capabilities": {"tools": [{"name": "now"}], "sandbox": ["net:none"]},
}


def read(form: str, document: object) -> list[Imported | Refused]:
    return list(FORMATS[form].read({"registry.json": json.dumps(document).encode()}))


def container(**changes: object) -> Imported:
    entry = {key: value for key, value in (ENTRY | changes).items() if value is not ...}
    (found,) = read("toolhive", {"servers": {"clock": entry}})
    assert isinstance(found, Imported)
    return found


def remote(**changes: object) -> Imported:
    (found,) = read("toolhive", {"remote_servers": {"clock": REMOTE | changes}})
    assert isinstance(found, Imported)
    assert check(found.document) == ()
    return found


def kept(entry: Imported, key: str = IMAGE) -> Any:  # noqa: ANN401  # any JSON value
    meta = entry.document.get("_meta", {}).get(PUBLISHER_KEY, {})
    return meta.get(STACKLOK, {}).get(key, {})


def losses(form: str, document: dict[str, Any], **beside: Any) -> set[str]:  # noqa: ANN401
    written = FORMATS[form].write([Exported(document, **beside)])
    return {loss.pointer for loss in written.losses}


def test_a_container_is_one_package_with_its_capabilities() -> None:
    found = container(
        args=["--port", "80"],
        env_vars=[
            {"name": "KEY", "description": "A key", "required": True, "secret": True},
            {"name": "ZONE", "description": "A zone", "required": False, "default": "UTC"},
        ],
        repository_url="https://gitlab.com/acme/clock",
        tags=["time"],
        transport="streamable-http",
        target_port=8080,
        permissions={
            "network": {"outbound": {"allow_host": ["a.example"], "allow_port": [443]}},
            "write": ["/data"],
        },
    )
    assert found.notes == ()
    assert (found.name, found.versioned, found.tags) == ("clock", True, ("time",))
    assert found.document == {
        "name": "io.github.stacklok/clock",
        "description": "Tells the time",
        "version": "1.2.3",
        "repository": {"url": "https://gitlab.com/acme/clock", "source": "gitlab"},
        "packages": [
            {
                "registryType": "oci",
                "identifier": IMAGE,
                "transport": {"type": "streamable-http", "url": "http://localhost:8080"},
                "packageArguments": [
                    {"type": "positional", "value": "--port"},
                    {"type": "positional", "value": "80"},
                ],
                "environmentVariables": [
                    {"name": "KEY", "description": "A key", "isRequired": True, "isSecret": True},
                    {"name": "ZONE", "description": "A zone", "default": "UTC"},
                ],
            }
        ],
        "tags": ["time"],
        "capabilities": {
            "tools": [{"name": "now"}],
            "sandbox": [
                "fs:write:/data/**", "net:egress:a.example:443", "env:KEY", "env:ZONE",
            ],
        },
        "_meta": {PUBLISHER_KEY: {STACKLOK: {IMAGE: {"tier": "Community"}}}},
    }  # fmt: skip


def test_a_remote_has_headers_and_keeps_what_clients_need() -> None:
    found = remote(
        headers=[{"name": "X-Key", "description": "A key", "required": True, "secret": True}],
        oauth_config={"issuer": "https://a.example"},
        env_vars=[{"name": "KEY", "description": "A key", "required": True}],
    )
    assert found.versioned is False
    assert found.document["remotes"] == [
        {
            "type": "sse",
            "url": REMOTE["url"],
            "headers": [
                {"name": "X-Key", "description": "A key", "isRequired": True, "isSecret": True}
            ],
        }
    ]
    assert set(kept(found, REMOTE["url"])) == {"tier", "oauth_config", "env_vars"}
    assert "sandbox" not in found.document["capabilities"]


@pytest.mark.parametrize(
    ("image", "version", "versioned"),
    [
        ("a/b:v0.19.1", "0.19.1", True),
        ("a/b:1.2.3-rc.1", "1.2.3-rc.1", True),
        ("a/b:1.2.3@sha256:" + "0" * 64, "1.2.3", True),
        ("localhost:5000/a/b:2.0.0", "2.0.0", True),
        ("a/b:latest", "1.0.0", False),
        ("a/b:1.2", "1.0.0", False),
        ("a/b:stable-1.2.3", "1.0.0", False),
        ("localhost:5000/a/b", "1.0.0", False),
        ("a/b", "1.0.0", False),
    ],
)
def test_only_an_exact_tag_is_a_version(image: str, version: str, versioned: bool) -> None:
    found = container(image=image)
    assert (found.document["version"], found.versioned) == (version, versioned)
    (enveloped,) = read(
        "upstream",
        {
            "data": {
                "servers": [SERVER | {"packages": [SERVER["packages"][0] | {"identifier": image}]}]
            }
        },
    )
    assert isinstance(enveloped, Imported)
    assert (enveloped.document["version"], enveloped.versioned) == (version, versioned)


def test_a_version_of_its_own_stands_in_the_envelope() -> None:
    for server in (SERVER | {"version": "3.0.0"}, SERVER | {"name": "com.acme/clock"}):
        (found,) = read("upstream", {"data": {"servers": [server]}})
        assert isinstance(found, Imported)
        assert (found.document["version"], found.versioned) == (server["version"], True)


def test_counts_are_beside_the_manifest_and_no_change_of_the_entry() -> None:
    one = container(metadata={"stars": 1, "last_updated": "2026-01-01T00:00:00Z"})
    other = container(metadata={"stars": 2, "last_updated": "2026-01-02T00:00:00Z"})
    assert one.metadata == {"stars": 1, "last_updated": "2026-01-01T00:00:00Z"}
    assert (one.document, one.digest) == (other.document, other.digest)
    assert one.digest != container(tier="Official").digest


def test_the_extension_is_looked_up_by_its_key_and_not_by_its_place() -> None:
    """ToolHive takes the first key, so that a server shows the permissions of another image."""
    extensions = {
        "another/image:1": {"status": "Deprecated", "tools": ["wrong"]},
        IMAGE: {"status": "Active", "tools": ["now"], "permissions": ENTRY["permissions"]},
    }
    server = SERVER | {"_meta": {PUBLISHER_KEY: {STACKLOK: extensions}}}
    (found,) = read("upstream", {"data": {"servers": [server]}})
    assert isinstance(found, Imported)
    assert found.status == "active"
    assert found.document["capabilities"] == {"tools": [{"name": "now"}], "sandbox": ["net:none"]}
    assert kept(found, "another/image:1") == extensions["another/image:1"]


def test_a_long_description_is_whole_in_the_readme_and_on_the_way_back() -> None:
    text = "A clock that tells the time in any zone. " * 6
    found = container(description=text)
    assert check(found.document) == ()
    assert len(found.document["description"]) <= 100
    assert found.document["description"].endswith("…")
    assert found.readme == text
    assert any(note.startswith("description: shortened") for note in found.notes)
    exported = Exported(found.document, found.readme)
    written = FORMATS["toolhive"].write([exported])
    assert json.loads(written.files["registry.json"])["servers"]["clock"]["description"] == text
    assert written.losses == ()
    assert container(description=text, overview="# Clock").readme == "# Clock"


def test_what_does_not_fit_into_meta_goes_the_largest_first() -> None:
    found = container(
        custom_metadata={"big": "x" * 3000}, docker_tags=["y" * 2000], provenance={"a": "z" * 500}
    )
    assert check(found.document) == ()
    assert set(kept(found)) == {"tier", "docker_tags", "provenance"}
    assert len(canonical.dumps(found.document["_meta"])) <= 4096
    assert [note.partition(":")[0] for note in found.notes] == ["custom_metadata"]


def test_many_small_members_are_cut_in_good_time() -> None:
    found = container(**{f"key{n}": n for n in range(20_000)})
    assert len(canonical.dumps(found.document["_meta"])) <= 4096
    assert len(found.notes) < 50


def test_what_nothing_here_allows_is_said_and_goes_back() -> None:
    permissions = {
        "network": {"outbound": {"insecure_allow_all": True, "allow_port": [443]}},
        "privileged": True,
    }
    found = container(permissions=permissions)
    assert "sandbox" not in found.document["capabilities"]
    assert len(found.notes) == 2
    written = FORMATS["toolhive"].write([Exported(found.document)])
    assert (
        json.loads(written.files["registry.json"])["servers"]["clock"]["permissions"] == permissions
    )


def test_kept_permissions_yield_to_a_manifest_that_was_changed() -> None:
    found = container(permissions={"network": {"outbound": {"insecure_allow_all": True}}})
    found.document["capabilities"]["sandbox"] = ["net:egress:a.example:443"]
    written = FORMATS["toolhive"].write([Exported(found.document)])
    (loss,) = written.losses
    assert loss.pointer.endswith("/permissions")
    entry = json.loads(written.files["registry.json"])["servers"]["clock"]
    assert entry["permissions"] == {
        "network": {"outbound": {"allow_host": ["a.example"], "allow_port": [443]}}
    }


def test_groups_skills_and_plugins_are_named_and_their_servers_read() -> None:
    group = {"name": "clocks", "description": "x", "servers": {"dial": ENTRY}}
    first, second, third = read("toolhive", {"servers": {"clock": ENTRY}, "groups": [group]})
    assert isinstance(first, Imported)
    assert isinstance(second, Refused)
    assert (second.name, second.place) == ("clocks", "registry.json: groups[0]")
    assert isinstance(third, Imported)
    assert third.name == "dial"
    assert any("'clocks'" in note for note in third.notes)
    data = {"servers": [], "skills": [{"name": "cook"}], "plugins": [5]}
    found = read("upstream", {"data": data})
    assert [type(entry) for entry in found] == [Refused, Refused]
    assert "skill" in str(found[0])


@pytest.mark.parametrize(
    "entry",
    [5, None, [], {}, {"image": 5}, {"url": "https://a.example"}],
)
def test_an_entry_without_an_image_is_refused_alone(entry: object) -> None:
    bad, good = read("toolhive", {"servers": {"bad": entry, "good": ENTRY}})
    assert isinstance(bad, Refused)
    assert bad.place == "registry.json: servers.bad"
    assert isinstance(good, Imported)


@pytest.mark.parametrize(
    ("form", "document"),
    [
        ("toolhive", []),
        ("toolhive", {"servers": []}),
        ("toolhive", {"servers": None}),
        ("upstream", []),
        ("upstream", {}),
        ("upstream", {"data": {"servers": {}}}),
    ],
)
def test_another_document_is_refused_whole(form: str, document: object) -> None:
    with pytest.raises(FormatError) as caught:
        read(form, document)
    assert caught.value.where == "registry.json"


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted(
    {*ENTRY, *REMOTE, "env_vars", "args", "headers", "tags", "metadata", "overview", "title",
     "tool_definitions", "target_port", "repository_url", "name", "provenance", "version"}
)  # fmt: skip
ANY_ENTRY = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.sampled_from(["image", "url"]), ANY_ENTRY)
def test_hostile_members_break_neither_reading_nor_writing(
    kind: str, changes: dict[str, Any]
) -> None:
    base = ENTRY if kind == "image" else REMOTE
    key = "servers" if kind == "image" else "remote_servers"
    (found,) = read("toolhive", {key: {"clock": base | changes}})
    server = SERVER | {"_meta": {PUBLISHER_KEY: {STACKLOK: {IMAGE: changes}}}}
    (enveloped,) = read("upstream", {"data": {"servers": [server]}})
    for entry in (found, enveloped):
        if isinstance(entry, Imported):
            findings = check(entry.document)
            for form in ("toolhive", "upstream", "server-json") if not findings else ():
                exported = Exported(
                    entry.document, entry.readme, entry.status, None, entry.metadata
                )
                FORMATS[form].write([exported])


# --- writing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "a.b/Clock"}, "no name there"),
        ({"name": "a.b/clock_2"}, "no name there"),
        ({"name": "a.b/ck"}, "no name there"),
        ({"packages": [{"registryType": "npm", "identifier": "x", "transport": {"type": "stdio"}}]},
         "neither a container image nor a remote"),
        ({"packages": []}, "neither a container image nor a remote"),
        ({"capabilities": {"sandbox": ["net:none"]}}, "names no tools"),
        ({"capabilities": {"tools": [{"name": "a.b"}]}}, "names no tools"),
        ({"description": "Short"}, "5 characters"),
        ({"packages": [SERVER["packages"][0] | {"identifier": "Acme/Clock"}]},
         "no image reference"),
        ({"packages": [SERVER["packages"][0] | {"identifier": "a/b@sha256:" + "0" * 64}]},
         "by digest only"),
    ],
)  # fmt: skip
def test_a_server_that_the_registry_cannot_hold_is_left_out(
    changes: dict[str, Any], reason: str
) -> None:
    written = FORMATS["toolhive"].write([Exported(MANIFEST | changes)])
    (loss,) = [loss for loss in written.losses if not loss.pointer]
    assert reason in loss.reason
    assert json.loads(written.files["registry.json"])["servers"] == {}
    assert str(loss).startswith(f"{loss.server}: ")


@pytest.mark.parametrize("form", ["toolhive", "upstream"])
def test_deleted_servers_are_left_out(form: str) -> None:
    written = FORMATS[form].write([Exported(MANIFEST, status="deleted")])
    assert [loss.pointer for loss in written.losses] == [""]


def test_two_servers_of_one_bare_name_are_one_there() -> None:
    other = Exported(MANIFEST | {"name": "com.acme/clock"})
    written = FORMATS["toolhive"].write([Exported(MANIFEST), other])
    assert [(loss.server, loss.pointer) for loss in written.losses] == [("com.acme/clock", "")]


def test_the_namespace_is_held_beside_the_key() -> None:
    written = FORMATS["toolhive"].write([Exported(MANIFEST | {"name": "com.acme/clock"})])
    assert written.losses == ()
    assert (
        json.loads(written.files["registry.json"])["servers"]["clock"]["name"] == "com.acme/clock"
    )
    (found,) = FORMATS["toolhive"].read(written.files)
    assert isinstance(found, Imported)
    assert (found.name, found.document["name"]) == ("clock", "com.acme/clock")
    (stray,) = read("toolhive", {"servers": {"clock": ENTRY | {"name": "com.acme/dial"}}})
    assert isinstance(stray, Imported)
    assert stray.document["name"] == "io.github.stacklok/clock"


def package(**changes: object) -> dict[str, Any]:
    return MANIFEST | {"packages": [SERVER["packages"][0] | changes]}


def variable(**changes: object) -> dict[str, Any]:
    item = {"name": "KEY", "description": "A good key"} | changes
    sandbox = ["net:none", "env:KEY"] if "value" not in item else ["net:none"]
    capabilities = MANIFEST["capabilities"] | {"sandbox": sandbox}
    return package(environmentVariables=[item]) | {"capabilities": capabilities}


def sandboxed(*sandbox: str) -> dict[str, Any]:
    return MANIFEST | {"capabilities": MANIFEST["capabilities"] | {"sandbox": list(sandbox)}}


VARIABLE = "/packages/0/environmentVariables/0"


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        (MANIFEST, set()),
        (MANIFEST | {"version": "2.0.0"}, {"/version"}),
        (MANIFEST | {"title": "Clock", "license": "MIT"}, {"/title", "/license"}),
        (MANIFEST | {"tags": ["a", "ab", "b-"]}, {"/tags/0", "/tags/2"}),
        (MANIFEST | {"repository": {"url": "https://github.com/a/b", "source": "git", "id": "1"}},
         {"/repository/source", "/repository/id"}),
        (MANIFEST | {"remotes": [{"type": "sse", "url": "https://a.example"}]}, {"/remotes/0"}),
        (package(runtimeHint="docker"), {"/packages/0/runtimeHint"}),
        (package(identifier="acme/clock", version="1.2.3"), {"/packages/0/version"}),
        (package(identifier=IMAGE + "@sha256:" + "0" * 64), {"/packages/0/identifier"}),
        (package(transport={"type": "sse", "url": "http://localhost:8080/sse"}),
         {"/packages/0/transport/url"}),
        (package(packageArguments=[{"type": "positional", "valueHint": "x"}]),
         {"/packages/0/packageArguments/0"}),
        (package(packageArguments=[{"type": "named", "name": "--x", "value": "y"}]),
         {"/packages/0/packageArguments/0"}),
        (variable(), set()),
        (variable(value="x"), {f"{VARIABLE}/value"}),
        (variable(format="number", placeholder="x", choices=["1"]),
         {f"{VARIABLE}/format", f"{VARIABLE}/placeholder", f"{VARIABLE}/choices"}),
        (variable(description="x"), {f"{VARIABLE}/description"}),
        (variable(description="x" * 300), {f"{VARIABLE}/description"}),
        (package(environmentVariables=[{"name": "KEY", "description": "A good key"}]),
         {"/capabilities/sandbox"}),
        (package(environmentVariables=[{"name": "a-b", "description": "A good key"}]), {VARIABLE}),
        (sandboxed("net:none", "env:KEY"), {"/capabilities/sandbox/1"}),
        (sandboxed("net:none", "fs:read:./x"), {"/capabilities/sandbox/1"}),
        (sandboxed("net:none", "fs:read:/x"), {"/capabilities/sandbox/1"}),
        (sandboxed("net:egress:a.example:1", "net:egress:b.example:2"),
         {"/capabilities/sandbox/1"}),
        (sandboxed(), {"/capabilities/sandbox"}),
        (MANIFEST | {"_meta": {PUBLISHER_KEY: {"acme": 1, STACKLOK: {"other": {"tier": "x"}}}}},
         {f"/_meta/{PUBLISHER_KEY.replace('/', '~1')}/acme",
          f"/_meta/{PUBLISHER_KEY.replace('/', '~1')}/{STACKLOK}/other"}),
    ],
)  # fmt: skip
def test_what_the_registry_cannot_hold_is_named(
    document: dict[str, Any], pointers: set[str]
) -> None:
    assert check(document) == ()
    assert losses("toolhive", document) == pointers


def test_the_registrys_own_time_is_the_newest_given_and_never_the_clock() -> None:
    for form in ("toolhive", "upstream"):
        times = [None, "2026-02-01T00:00:00Z", "2026-02-01T01:00:00+02:00", "yesterday"]
        servers = [
            Exported(MANIFEST | {"name": f"a.b/clock{n}"}, updated_at=time)
            for n, time in enumerate(times)
        ]
        written = json.loads(FORMATS[form].write(servers).files["registry.json"])
        assert written.get("meta", written)["last_updated"] == "2026-02-01T00:00:00Z"
        empty = json.loads(FORMATS[form].write([]).files["registry.json"])
        assert empty.get("meta", empty)["last_updated"] == "1970-01-01T00:00:00Z"


def test_the_envelope_holds_one_version_of_a_server() -> None:
    written = FORMATS["upstream"].write([Exported(MANIFEST), Exported(MANIFEST)])
    assert written.losses == (Loss(MANIFEST["name"], "", "another version of it is there already"),)


def test_the_envelope_holds_other_parts_of_meta_only_as_its_schema_allows() -> None:
    parts = {"tool": "x", "acme": {"a": 1}, STACKLOK: {"b": {"status": "Active"}, "c": {"tier": 5}}}
    document = MANIFEST | {"_meta": {PUBLISHER_KEY: parts}}
    written = FORMATS["upstream"].write([Exported(document)])
    (server,) = json.loads(written.files["registry.json"])["data"]["servers"]
    held = server["_meta"][PUBLISHER_KEY]
    assert held["acme"] == {"a": 1}
    assert set(held[STACKLOK]) == {"b", IMAGE}
    assert "tool" not in held
    assert {loss.pointer.rpartition("/")[2] for loss in written.losses} == {"tool", "c"}


def test_strangers_values_that_the_schemas_refuse_do_not_get_out() -> None:
    bad = {"tier": "Gold", "docker_tags": ["a", "a"], "proxy_port": 0, "stateless": 5}
    document = MANIFEST | {"_meta": {PUBLISHER_KEY: {STACKLOK: {IMAGE: bad}}}}
    for form, key in (("toolhive", "servers"), ("upstream", "data")):
        metadata = {"stars": "many", "last_updated": 5}
        written = FORMATS[form].write([Exported(document, metadata=metadata)])
        text = json.dumps(json.loads(written.files["registry.json"])[key])
        assert not any(word in text for word in ("Gold", "docker_tags", "proxy_port", "many"))
        assert {loss.pointer.rpartition("/")[2] for loss in written.losses} == {
            *bad, "metadata.stars", "metadata.last_updated",
        }  # fmt: skip
