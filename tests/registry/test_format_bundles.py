"""kpkg packages, MCPB bundles and clients' own configurations."""

from __future__ import annotations

import io
import json
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mcpreg.core.manifest import Manifest
from mcpreg.formats.interface import Exported, Format, FormatError, Imported, Refused
from mcpreg.formats.kpkg import Kpkg
from mcpreg.formats.mcp_servers import McpServers
from mcpreg.formats.mcpb import Mcpb
from mcpreg.formats.registry import detect
from mcpreg.usecases.listing import check

SCHEMA = (
    Path(__file__).parents[3] / "shared/data/upstream/schemas/mcpb.manifest.schema.2025-08-26.json"
)


def one(form: Format, files: dict[str, bytes]) -> Imported:
    (found,) = form.read(files)
    assert isinstance(found, Imported), found
    assert check(found.document) == ()
    return found


def normal(document: dict[str, Any]) -> dict[str, Any]:
    return Manifest.model_validate_json(json.dumps(document)).document()


def back(form: Format, found: Imported) -> tuple[Imported, tuple[str, ...], dict[str, bytes]]:
    written = form.write([Exported(normal(found.document), readme=found.readme)])
    return one(form, written.files), tuple(map(str, written.losses)), written.files


KPKG = b"""
type = "mcp-server"
name = "io.github.acme/clock"
version = "1.2.0"
description = "Tells the time"
license = "MIT"
repository = "https://github.com/acme/clock"
keywords = ["time"]

[mcp]
spec_version = "2025-06-18"
transport = "http"
endpoint = "https://clock.example.com/mcp"
tools = ["now", "zones"]
prompts = ["ask"]
sandbox_caps = ["fs:read:./data/**", "net:egress:api.example.com:443"]
"""


def test_a_kpkg_says_its_capabilities_in_our_grammar() -> None:
    found = one(Kpkg(), {"clock/kpkg.toml": KPKG, "clock/README.md": b"# Clock\n"})
    assert found.document["capabilities"] == {
        "specVersion": "2025-06-18",
        "tools": [{"name": "now"}, {"name": "zones"}],
        "prompts": [{"name": "ask"}],
        "sandbox": ["fs:read:./data/**", "net:egress:api.example.com:443"],
    }
    assert found.document["remotes"][0]["type"] == "streamable-http"
    assert found.readme == "# Clock\n"
    again, losses, _ = back(Kpkg(), found)
    assert not losses
    assert normal(again.document) == normal(found.document)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_kpkg_archive_is_read_as_its_folder(kind: str) -> None:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("kpkg.toml", KPKG)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            info = tarfile.TarInfo("clock/kpkg.toml")
            info.size = len(KPKG)
            tar.addfile(info, io.BytesIO(KPKG))
    files = {"clock.kpkg": buffer.getvalue()}
    assert detect(files).name == "kpkg"
    assert one(Kpkg(), files).document["name"] == "io.github.acme/clock"


@pytest.mark.parametrize(
    "data", [b'type = "library"', b"type = ", b"\xff", b"", b"[" * 5000 + b"]" * 5000]
)
def test_what_is_no_server_is_refused(data: bytes) -> None:
    (found,) = Kpkg().read({"kpkg.toml": data})
    assert isinstance(found, Refused)


def test_a_capability_outside_the_grammar_is_left_to_the_rules() -> None:
    data = KPKG.replace(b"fs:read:./data/**", b"fs:everything")
    (found,) = Kpkg().read({"kpkg.toml": data})
    assert isinstance(found, Imported)
    assert [item.rule for item in check(found.document)] == ["capability-grammar"]


WORDS = st.text("abcdefghij", min_size=2, max_size=8)
TEXTS = st.text(min_size=1, max_size=80).filter(
    lambda text: text.isprintable() and text == " ".join(text.split())
)
HELD_BY_KPKG = st.fixed_dictionaries(
    {
        "name": st.builds("io.github.{}/{}".format, WORDS, WORDS),
        "version": st.builds("{}.{}.0".format, st.integers(0, 9), st.integers(0, 9)),
        "description": TEXTS,
    },
    optional={
        "title": TEXTS,
        "license": st.sampled_from(["MIT", "Apache-2.0"]),
        "tags": st.lists(WORDS, min_size=1, max_size=4),
        "websiteUrl": st.builds("https://{}.example/".format, WORDS),
        "capabilities": st.fixed_dictionaries(
            {"sandbox": st.lists(st.builds("net:egress:{}.example:443".format, WORDS), min_size=1)},
            optional={"tools": st.lists(WORDS.map(lambda word: {"name": word}), min_size=1)},
        ),
    },
)


@given(HELD_BY_KPKG)
def test_what_kpkg_holds_survives_the_way_there_and_back(document: dict[str, Any]) -> None:
    written = Kpkg().write([Exported(normal(document))])
    assert not written.losses
    tomllib.loads(written.files["kpkg.toml"].decode())
    (found,) = Kpkg().read(written.files)
    assert isinstance(found, Imported)
    assert normal(found.document) == normal(document)


@given(st.text())
def test_every_text_survives_our_toml(text: str) -> None:
    from mcpreg.formats.kpkg import _toml

    assert tomllib.loads(_toml({"key": text, "table": {"list": [text]}})) == {
        "key": text,
        "table": {"list": [text]},
    }


MCPB: dict[str, Any] = {
    "manifest_version": "0.2",
    "name": "clock",
    "display_name": "Clock",
    "version": "1.2.0",
    "description": "Tells the time",
    "long_description": "# Clock\n",
    "author": {"name": "Acme"},
    "repository": {"type": "git", "url": "https://github.com/acme/clock"},
    "license": "MIT",
    "keywords": ["time"],
    "server": {
        "type": "node",
        "entry_point": "server/index.js",
        "mcp_config": {
            "command": "node",
            "args": ["${__dirname}/server/index.js", "${user_config.folder}"],
            "env": {"API_KEY": "${user_config.key}", "MODE": "fast"},
        },
    },
    "tools": [{"name": "now", "description": "The time"}],
    "user_config": {
        "folder": {"type": "directory", "title": "Folder", "description": "Which", "default": "/"},
        "key": {"type": "string", "title": "Key", "description": "Yours", "sensitive": True},
    },
}


def bundle(manifest: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("server/index.js", "")
    return buffer.getvalue()


def test_what_a_bundle_asks_for_becomes_inputs_and_capabilities() -> None:
    files = {"clock.mcpb": bundle(MCPB)}
    assert detect(files).name == "mcpb"
    found = one(Mcpb(), files)
    (package,) = found.document["packages"]
    assert package["registryType"] == "mcpb"
    assert len(package["fileSha256"]) == 64
    assert found.document["capabilities"]["sandbox"] == ["env:API_KEY", "fs:read:{folder}/**"]
    (argument,) = package["packageArguments"]
    assert (argument["valueHint"], argument["format"]) == ("folder", "filepath")
    assert "default" not in argument
    variables = {item["name"]: item for item in package["environmentVariables"]}
    assert variables["API_KEY"]["isSecret"] is True
    assert variables["MODE"] == {"name": "MODE", "value": "fast"}


def test_a_bundles_manifest_comes_back() -> None:
    found = one(Mcpb(), {"manifest.json": json.dumps(MCPB).encode()})
    again, losses, files = back(Mcpb(), found)
    assert json.loads(files["manifest.json"]) == MCPB
    assert [loss for loss in losses if "sandbox" not in loss] == []
    assert normal(again.document) == normal(found.document)


@pytest.mark.skipif(not SCHEMA.exists(), reason="the real registry data is not here")
def test_what_we_write_is_valid_by_mcpbs_own_schema() -> None:
    found = one(Mcpb(), {"manifest.json": json.dumps(MCPB).encode()})
    _, _, files = back(Mcpb(), found)
    schema = json.loads(SCHEMA.read_bytes())
    validator = Draft202012Validator(schema)
    assert [
        error.message for error in validator.iter_errors(json.loads(files["manifest.json"]))
    ] == []


def test_a_server_without_a_bundle_is_left_out_whole() -> None:
    document = {"name": "a.b/c", "description": "d", "version": "1.0.0"}
    written = Mcpb().write([Exported(document)])
    assert not written.files
    assert written.losses[0].pointer == ""


@pytest.mark.parametrize(
    "files",
    [
        {"x.mcpb": b"PK\x03\x04 broken"},
        {"manifest.json": b"[]"},
        {"manifest.json": b'{"name": 5, "server": {}}'},
        {"manifest.json": b"["},
    ],
)
def test_a_broken_bundle_is_an_error_in_words(files: dict[str, bytes]) -> None:
    with pytest.raises(FormatError):
        list(Mcpb().read(files))


def configuration(**servers: object) -> dict[str, bytes]:
    return {"mcp.json": json.dumps({"mcpServers": servers}).encode()}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("npx -y @acme/clock@1.2.0 --utc", ("npm", "@acme/clock", "1.2.0")),
        ("npx --package=@acme/clock@1.2.0 clock", ("npm", "@acme/clock", "1.2.0")),
        ("cmd /c npx -y clock", ("npm", "clock", None)),
        ("pnpm dlx clock@2.0.0", ("npm", "clock", "2.0.0")),
        ("uvx acme-clock==1.2.0", ("pypi", "acme-clock", "1.2.0")),
        ("uvx --from acme-clock@1.2.0 clock", ("pypi", "acme-clock", "1.2.0")),
        ("uv tool run acme-clock", ("pypi", "acme-clock", None)),
        (
            "docker run -i --rm -e KEY -v /a:/b acme/clock:1.2.0 x",
            ("oci", "acme/clock:1.2.0", None),
        ),
        ("npx clock@latest", ("npm", "clock", None)),
    ],
)
def test_commands_that_start_a_package_become_packages(
    words: str, expected: tuple[str, str, str | None]
) -> None:
    command, *arguments = words.split()
    found = one(McpServers(), configuration(clock={"command": command, "args": arguments}))
    (package,) = found.document["packages"]
    told = (package["registryType"], package["identifier"], package.get("version"))
    assert told == expected
    assert found.versioned == ("1.2.0" in words or "2.0.0" in words)


def test_a_secret_in_the_file_is_not_copied() -> None:
    env = {"API_KEY": "sk-very-secret", "LOG": "debug", "TOKEN": "<YOUR_TOKEN>"}
    entry = {"command": "npx", "args": ["clock@1.0.0"], "env": env}
    remote = {"url": "https://a.example/mcp", "headers": {"Authorization": "Bearer sk-very-secret"}}
    for found in McpServers().read(configuration(clock=entry, far=remote)):
        assert isinstance(found, Imported)
        assert "sk-very-secret" not in json.dumps(found.document)
        assert any("not copied" in note for note in found.notes)
    found = one(McpServers(), configuration(clock=entry))
    assert found.document["capabilities"]["sandbox"] == ["env:API_KEY", "env:TOKEN"]
    (package,) = found.document["packages"]
    assert {"name": "LOG", "value": "debug"} in package["environmentVariables"]


def test_another_command_is_kept_and_comes_back() -> None:
    entry = {"command": "python3", "args": ["server.py"]}
    found = one(McpServers(), configuration(own=entry))
    assert "packages" not in found.document
    written = McpServers().write([Exported(normal(found.document))])
    assert json.loads(written.files["mcp.json"])["mcpServers"]["own"] == entry


def test_what_a_configuration_cannot_hold_is_listed() -> None:
    document = normal(
        {
            "name": "io.github.acme/clock",
            "description": "Tells the time",
            "version": "1.0.0",
            "license": "MIT",
            "packages": [
                {
                    "registryType": "npm",
                    "identifier": "clock",
                    "version": "1.0.0",
                    "transport": {"type": "stdio"},
                    "environmentVariables": [{"name": "A", "description": "what for"}],
                }
            ],
            "capabilities": {"sandbox": ["env:A"]},
        }
    )
    lost = {loss.pointer for loss in McpServers().write([Exported(document)]).losses}
    assert lost == {
        "/license",
        "/description",
        "/capabilities",
        "/packages/0/environmentVariables/0/description",
    }


VARIABLES = st.dictionaries(
    st.from_regex(r"[A-Z]{3,9}", fullmatch=True), st.sampled_from(["debug", "on", "7"]), max_size=3
)


@given(
    st.dictionaries(
        WORDS,
        st.builds(
            lambda program, word, version, rest, env: {
                "command": program,
                "args": [
                    *(["-y"] if program == "npx" else []),
                    f"{word}{'@' if program == 'npx' else '=='}{version}.0.0",
                    *rest,
                ],
                **({"env": env} if env else {}),
            },
            st.sampled_from(["npx", "uvx"]),
            WORDS,
            st.integers(0, 99),
            st.lists(TEXTS, max_size=3),
            VARIABLES,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_configuration_comes_back_as_it_was(servers: dict[str, Any]) -> None:
    exported = []
    for found in McpServers().read(configuration(**servers)):
        assert isinstance(found, Imported)
        exported.append(Exported(normal(found.document)))
    written = McpServers().write(exported)
    assert json.loads(written.files["mcp.json"]) == {"mcpServers": servers}
