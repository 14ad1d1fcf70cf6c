"""`mcpreg convert` as people call it."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mcpreg.formats.interface import Exported
from mcpreg.formats.registry import FORMATS
from warm_start import started

SERVER: dict[str, Any] = {
    "name": "io.github.acme/clock",
    "description": "Tells the time",
    "version": "1.2.0",
    "license": "MIT",
    "packages": [
        {
            "registryType": "oci",
            "identifier": "acme/clock:1.2.0",
            "transport": {"type": "stdio"},
            "environmentVariables": [{"name": "API_KEY", "isSecret": True}],
        }
    ],
    "capabilities": {
        "tools": [{"name": "now"}],
        "sandbox": ["net:egress:api.example.com:443", "env:API_KEY"],
    },
}


def convert(
    *arguments: str, code: int = 0, given: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [*started("mcpreg"), "convert", *arguments],
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "mcps.json"
    path.write_text(json.dumps(SERVER))
    return path


def test_one_file_goes_to_standard_output_and_losses_to_standard_error(manifest: Path) -> None:
    done = convert(str(manifest), "--to", "server-json")
    assert json.loads(done.stdout)["name"] == SERVER["name"]
    assert "capabilities" not in json.loads(done.stdout)
    said = done.stderr.decode()
    assert "/license" in said
    assert "/capabilities" in said
    assert "1 servers from mcps to server-json" in said


@pytest.mark.parametrize("target", list(FORMATS))
def test_every_format_can_be_asked_for(manifest: Path, target: str, tmp_path: Path) -> None:
    held = target != "mcpb"  # which needs a bundle's own code
    output = tmp_path / "out"
    convert(str(manifest), "--to", target, "--output", str(output), code=0 if held else 1)
    assert output.exists() == held


@pytest.mark.parametrize("target", ["toolhive", "upstream"])
def test_permissions_come_back_as_capabilities(manifest: Path, target: str, tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    convert(str(manifest), "--to", target, "--output", str(there))
    back = json.loads(convert(str(there), "--to", "mcps").stdout)
    assert sorted(back["capabilities"]["sandbox"]) == sorted(SERVER["capabilities"]["sandbox"])


@pytest.mark.cold
def test_several_files_need_a_folder_and_nothing_is_overwritten(
    manifest: Path, tmp_path: Path
) -> None:
    done = convert(str(manifest), "--to", "docker", code=2)
    assert b"--output" in done.stderr
    output = tmp_path / "docker"
    convert(str(manifest), "--to", "docker", "--output", str(output))
    assert sorted(path.name for path in (output / "clock").iterdir()) == [
        "server.yaml",
        "tools.json",
    ]
    before = (output / "clock" / "server.yaml").read_bytes()
    convert(str(manifest), "--to", "docker", "--output", str(output), code=2)
    assert (output / "clock" / "server.yaml").read_bytes() == before
    back = convert(str(output), "--to", "mcps", "--namespace", "io.github.acme")
    assert json.loads(back.stdout)["name"] == "io.github.acme/clock"


def test_standard_input_and_archives_are_read() -> None:
    done = convert("-", "--from", "mcps", "--to", "server-json", given=json.dumps(SERVER).encode())
    assert json.loads(done.stdout)["version"] == "1.2.0"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("kpkg.toml", FORMATS["kpkg"].write([Exported(SERVER)]).files["kpkg.toml"])
    done = convert("-", "--to", "mcps", given=buffer.getvalue())
    assert json.loads(done.stdout)["capabilities"]["sandbox"] == SERVER["capabilities"]["sandbox"]


def test_a_server_that_is_left_out_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    bad = SERVER | {"name": "no namespace"}
    path.write_text(json.dumps({"servers": [{"server": SERVER}, {"server": bad}]}))
    done = convert(str(path), "--to", "mcps", code=1)
    assert json.loads(done.stdout)["name"] == SERVER["name"]
    assert b"left out" in done.stderr
    assert b"[server-name]" in done.stderr
    listed = json.loads(convert(str(path), "--to", "mcps", "--json", code=1).stdout)
    assert listed["ok"] is False
    assert [item for item in listed["data"]["remarks"] if item["left_out"]]


@pytest.mark.parametrize(
    ("content", "arguments", "code", "said"),
    [
        (b"not json", (), 1, b"no known format"),
        (b"{}", (), 1, b"no known format"),
        (b'{"servers": [', ("--from", "server-json"), 1, b"input.json:1:"),
        (b"[" * 10_000, ("--from", "server-json"), 1, b"levels"),
        (b"{}", ("--from", "word"), 2, b"no format 'word'"),
    ],
)
def test_what_cannot_be_read_is_an_error_in_words(
    tmp_path: Path, content: bytes, arguments: tuple[str, ...], code: int, said: bytes
) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(content)
    done = convert(str(path), *arguments, "--to", "mcps", code=code)
    assert said in done.stderr
    assert done.stdout == b""


def test_no_link_is_followed_and_no_pipe_waited_for(tmp_path: Path) -> None:
    import os

    (tmp_path / "link.json").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.json")
    for name, said in (("link.json", b"symbolic link"), ("pipe.json", b"not a regular file")):
        done = convert(str(tmp_path / name), "--to", "mcps", code=2)
        assert said in done.stderr
    done = convert(str(tmp_path / "missing"), "--to", "mcps", code=2)
    assert b"No such file" in done.stderr


def test_nothing_that_steers_a_terminal_comes_through(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps({"mcpServers": {"\x1b[31mred\u202e": {"command": 5}}}))
    done = convert(str(path), "--to", "mcps", "--output", str(tmp_path / "out"))
    assert b"\x1b" not in done.stderr
    assert "\u202e" not in done.stderr.decode()
