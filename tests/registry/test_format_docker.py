"""Docker's submissions: what arrives, what is said, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core import safety
from mcpreg.core.manifest import Manifest
from mcpreg.formats.docker import Docker
from mcpreg.formats.interface import Exported, Imported, Refused
from mcpreg.usecases.listing import check

DATA = Path(__file__).parents[3] / "shared" / "data" / "docker"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real registry data is not here")
BASE: dict[str, Any] = {
    "name": "clock",
    "image": "acme/clock:1.2.0",
    "type": "server",
    "meta": {"category": "time", "tags": ["time"]},
    "about": {"title": "Clock", "description": "Tells the time"},
    "source": {"project": "https://github.com/acme/clock", "commit": "0" * 40},
}


def read(entry: dict[str, Any], **neighbours: bytes) -> Imported:
    files = {"servers/clock/server.yaml": yaml.safe_dump(entry).encode()}
    files |= {f"servers/clock/{name}": data for name, data in neighbours.items()}
    (found,) = Docker().read(files)
    assert isinstance(found, Imported)
    return found


def package(found: Imported) -> dict[str, Any]:
    (only,) = found.document["packages"]
    return dict(only)


def sandbox(found: Imported) -> list[str]:
    return list(found.document.get("capabilities", {}).get("sandbox", []))


def again(found: Imported) -> tuple[dict[str, Any], Imported, tuple[str, ...]]:
    """The manifest, what comes back of it, and what was lost."""
    document = Manifest.model_validate_json(json.dumps(found.document)).document()
    written = Docker().write([Exported(document, readme=found.readme)])
    (back,) = Docker().read(written.files)
    assert isinstance(back, Imported)
    return document, back, tuple(map(str, written.losses))


def test_identity_image_and_version_arrive() -> None:
    found = read(BASE)
    assert found.document["name"] == "io.github.docker/clock"
    assert found.document["version"] == "1.2.0"
    assert package(found)["identifier"] == "acme/clock:1.2.0"
    assert found.tags == ("time",)
    assert found.versioned


def test_an_image_without_an_exact_tag_has_a_made_up_version() -> None:
    found = read(BASE | {"image": "mcp/clock"})
    assert (found.document["version"], found.versioned) == ("1.0.0", False)


def test_secrets_become_inputs_that_are_secret_with_a_capability_each() -> None:
    config = {"secrets": [{"name": "clock.api_key", "env": "API_KEY", "example": "<KEY>"}]}
    found = read(BASE | {"config": config})
    (variable,) = package(found)["environmentVariables"]
    assert variable["isSecret"] is True
    assert "env:API_KEY" in sandbox(found)
    assert "value" not in variable
    assert "default" not in variable


def test_parameters_become_variables_with_their_schema() -> None:
    config = {
        "env": [{"name": "ZONE", "value": "{{clock.zone.name}}"}],
        "parameters": {
            "type": "object",
            "properties": {
                "zone": {
                    "type": "object",
                    "properties": {"name": {"type": "string", "enum": ["UTC", "CET"]}},
                    "required": ["name"],
                }
            },
            "required": ["zone"],
        },
    }
    (variable,) = package(read(BASE | {"config": config}))["environmentVariables"]
    assert variable["value"] == "{zone.name}"
    assert variable["variables"]["zone.name"] == {"isRequired": True, "choices": ["UTC", "CET"]}


def test_a_volume_is_a_mount_and_a_capability_that_no_default_opens() -> None:
    run = {"volumes": ["{{clock.data}}:/data", "{{clock.key}}:/run/key.pem:ro"]}
    properties = {"data": {"type": "string", "default": "/home"}, "key": {"type": "string"}}
    found = read(BASE | {"run": run, "config": {"parameters": {"properties": properties}}})
    assert sandbox(found) == ["fs:write:{data}/**", "fs:read:{key}"]
    mounts = package(found)["runtimeArguments"]
    assert [mount["value"] for mount in mounts] == ["{data}:/data", "{key}:/run/key.pem:ro"]
    assert mounts[0]["variables"]["data"] == {"format": "filepath", "placeholder": "/home"}


@pytest.mark.parametrize("volume", ["/etc:/etc", "named:/data", "{{clock.a}}{{clock.b}}:/x"])
def test_no_fixed_path_of_the_host_is_ever_granted(volume: str) -> None:
    found = read(BASE | {"run": {"volumes": [volume]}})
    assert not any(text.startswith("fs:") for text in sandbox(found))
    assert any("no capability" in note for note in found.notes)


def test_hosts_become_egress_and_every_host_becomes_none() -> None:
    found = read(BASE | {"run": {"allowHosts": ["a.example.com:443", "*:8081"]}})
    assert sandbox(found) == ["net:egress:a.example.com:443"]
    assert any("*:8081" in note for note in found.notes)
    assert sandbox(read(BASE | {"run": {"disableNetwork": True}})) == ["net:none"]
    open_ = read(BASE)
    assert sandbox(open_) == []
    assert any("leaves open" in note for note in open_.notes)


def test_a_remote_servers_secret_is_a_variable_of_its_header() -> None:
    entry = BASE | {
        "type": "remote",
        "remote": {
            "transport_type": "streamable-http",
            "url": "https://acme.example/mcp",
            "headers": {"Authorization": "Bearer ${CLOCK_KEY}"},
        },
        "config": {"secrets": [{"name": "clock.key", "env": "CLOCK_KEY", "example": "<K>"}]},
    }
    del entry["image"]
    (remote,) = read(entry).document["remotes"]
    (header,) = remote["headers"]
    assert header["value"] == "Bearer {CLOCK_KEY}"
    assert header["variables"]["CLOCK_KEY"]["isSecret"] is True


def test_unknown_keys_are_named() -> None:
    found = read(BASE | {"colour": "red", "about": {**BASE["about"], "shape": "round"}})
    said = " ".join(found.notes)
    assert "colour" in said
    assert "about.shape" in said


@pytest.mark.parametrize(
    "data", [b"[]", b"name: 5", b"a: &x 1\nname: *x", b"name: !!python/name:os.system x", b"\xff"]
)
def test_one_bad_folder_spoils_no_other(data: bytes) -> None:
    good = yaml.safe_dump(BASE).encode()
    found = list(Docker().read({"a/server.yaml": data, "b/server.yaml": good}))
    assert isinstance(found[0], Refused)
    assert isinstance(found[1], Imported)


def test_what_server_yaml_cannot_hold_is_listed() -> None:
    document = Manifest.model_validate(
        {
            "name": "io.github.docker/clock",
            "description": "Tells the time",
            "version": "1.2.0",
            "license": "MIT",
            "packages": [
                {
                    "registryType": "oci",
                    "identifier": "acme/clock:1.2.0",
                    "transport": {"type": "stdio"},
                },
                {
                    "registryType": "npm",
                    "identifier": "clock",
                    "version": "1.2.0",
                    "transport": {"type": "stdio"},
                },
            ],
            "capabilities": {"sandbox": ["fs:read:/etc/**"], "limits": {"pids": 5}},
        }
    ).document()
    lost = {loss.pointer for loss in Docker().write([Exported(document)]).losses}
    assert lost == {
        "/license",
        "/packages/1",
        "/capabilities/sandbox/0",
        "/capabilities/limits",
    }


def test_a_server_without_image_or_address_is_left_out_whole() -> None:
    npm = {"registryType": "npm", "identifier": "x", "transport": {"type": "stdio"}}
    document = {"name": "a.b/c", "description": "d", "version": "1.0.0", "packages": [npm]}
    written = Docker().write([Exported(document)])
    assert not written.files
    assert any(loss.pointer == "" for loss in written.losses)


WORDS = st.text(alphabet="abcdefghij", min_size=2, max_size=8)
TEXTS = st.text(min_size=1, max_size=60).filter(
    lambda text: text.isprintable() and text == text.strip()
)
NAMES = st.from_regex(r"[A-Z][A-Z_]{1,12}[A-Z]", fullmatch=True)
HOSTS = st.builds("{}.example.{}:{}".format, WORDS, WORDS, st.integers(1, 65535))


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """A submission within what both forms hold, in all its parts."""
    parameters = draw(st.dictionaries(WORDS, TEXTS, min_size=1, max_size=4))
    names = list(parameters)
    variables = draw(st.lists(NAMES, unique=True, max_size=6))
    half = len(variables) // 2
    entry = BASE | {
        "about": {"title": draw(TEXTS), "description": draw(TEXTS)},
        "meta": {"category": "time", "tags": ["time", *draw(st.lists(WORDS, max_size=3))]},
        "config": {
            "secrets": [
                {"name": f"clock.{draw(WORDS)}", "env": name, "example": draw(TEXTS)}
                for name in variables[:half]
            ],
            "env": [
                {
                    "name": name,
                    "value": f"{draw(WORDS)}-{{{{clock.{draw(st.sampled_from(names))}}}}}",
                }
                for name in variables[half:]
            ],
            "parameters": {
                "type": "object",
                "properties": {
                    name: {"type": "string", "description": text}
                    for name, text in parameters.items()
                },
                "required": names[:1],
            },
        },
        "run": {
            "command": [f"--{draw(WORDS)}={{{{clock.{draw(st.sampled_from(names))}}}}}"],
            "volumes": [f"{{{{clock.{draw(st.sampled_from(names))}}}}}:/{draw(WORDS)}"],
        },
    }
    hosts = draw(st.lists(HOSTS, max_size=4, unique=True))
    if hosts:
        entry["run"]["allowHosts"] = hosts
    elif draw(st.booleans()):
        entry["run"]["disableNetwork"] = True
    return entry


@given(entries())
def test_there_and_back_is_the_identity_on_what_both_hold(entry: dict[str, Any]) -> None:
    document, back, losses = again(read(entry))
    assert not losses
    assert Manifest.model_validate_json(json.dumps(back.document)).document() == document


@given(entries())
def test_back_and_there_says_the_same_of_every_secret_host_and_volume(
    entry: dict[str, Any],
) -> None:
    document, _, _ = again(read(entry))
    (folder,) = {
        data for path, data in Docker().write([Exported(document)]).files.items() if "yaml" in path
    }
    written = yaml.safe_load(folder)
    assert written["config"].get("secrets", []) == entry["config"]["secrets"]
    assert written["run"].get("allowHosts") == entry["run"].get("allowHosts")
    assert written["run"]["volumes"] == entry["run"]["volumes"]
    assert written["run"]["command"] == entry["run"]["command"]


def folders() -> list[str]:
    return sorted(path.parent.name for path in DATA.glob("*/server.yaml"))


@needs_data
def test_every_real_submission_arrives_and_comes_back_the_same() -> None:
    assert len(folders()) == 164
    for name in folders():
        files = {path.name: path.read_bytes() for path in (DATA / name).iterdir()}
        (found,) = Docker().read(files)
        assert isinstance(found, Imported), found
        assert check(found.document) == (), name
        document, back, losses = again(found)
        assert not losses, (name, losses)
        again_ = Manifest.model_validate_json(json.dumps(back.document)).document()
        assert again_ == document, name


@needs_data
def test_every_secret_host_and_volume_of_the_real_submissions_arrives() -> None:
    counted = {"secrets": 0, "hosts": 0, "volumes": 0}
    for name in folders():
        entry = yaml.safe_load((DATA / name / "server.yaml").read_bytes())
        found = read(entry)
        text = json.dumps(found.document)
        for secret in (entry.get("config") or {}).get("secrets") or []:
            counted["secrets"] += 1
            assert secrets_named(found.document, secret["env"]), (name, secret)
        for host in (entry.get("run") or {}).get("allowHosts") or []:
            counted["hosts"] += 1
            granted = [text for text in sandbox(found) if host in text]
            assert bool(granted) != host.startswith("*"), (name, host)
        for volume in (entry.get("run") or {}).get("volumes") or []:
            counted["volumes"] += 1
            value = volume.replace("{{" + name + ".", "{").replace("}}", "}")
            assert json.dumps(value)[1:-1] in text or "|volume|into" in volume, (name, volume)
    assert counted == {"secrets": 108, "hosts": 6, "volumes": 17}


def secrets_named(document: dict[str, Any], variable: str) -> bool:
    """Whether an input of that name is a secret, and the manifest's own rules see it as one."""
    manifest = Manifest.model_validate_json(json.dumps(document))
    if document.get("packages"):
        return variable in safety.secrets_of(manifest)
    remotes = document["remotes"]
    return any(
        header.get("variables", {}).get(variable, {}).get("isSecret")
        for remote in remotes
        for header in remote.get("headers", ())
    )
