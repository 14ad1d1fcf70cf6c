"""A server is put into a client's file, and started from that file as the client would."""

from __future__ import annotations

import asyncio
import json
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from mcp import Client, StdioServerParameters

from installed_machine import CLOCK, TINY, InstalledMachine, installed_machine
from mcpreg.core.install import InputSpec

TOOLS = json.dumps({"tools": [{"name": "now", "inputSchema": {"type": "object"}}]})

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        yield made


def ask(machine: InstalledMachine, command: str, arguments: list[str]) -> list[str]:
    """The tools that the real MCP client is told by what it has started."""

    async def tools() -> list[str]:
        server = StdioServerParameters(
            command=command, args=arguments, env=machine.environment, cwd=str(machine.project)
        )
        async with Client(server) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    return asyncio.run(tools())


@pytest.mark.parametrize(
    ("client", "file"),
    [
        ("vscode", "home/.config/Code/User/mcp.json"),
        ("codex", "home/.codex/config.toml"),
        ("goose", "home/.config/goose/config.yaml"),
    ],
)
def test_what_a_client_reads_from_its_file_starts_the_server(
    machine: InstalledMachine, client: str, file: str
) -> None:
    machine.install(TINY, TOOLS)
    done = machine.mcpreg("client", "add", CLOCK, "--client", client)
    assert done.returncode == 0, done.stderr
    text = (machine.folder / file).read_text()
    read = {
        "vscode": lambda: json.loads(text)["servers"]["clock"],
        "codex": lambda: tomllib.loads(text)["mcp_servers"]["clock"],
        "goose": lambda: yaml.safe_load(text)["extensions"]["clock"],
    }
    entry = read[client]()
    assert ask(machine, entry.get("command") or entry["cmd"], entry["args"]) == ["now"]
    assert machine.mcpreg("client", "remove", CLOCK, "--client", client).returncode == 0
    assert not (machine.folder / file).exists()


def test_list_shows_what_is_there_and_what_is_not(machine: InstalledMachine) -> None:
    machine.install()
    (machine.home / ".cursor").mkdir()
    (machine.project / ".vscode").mkdir()
    (machine.project / ".vscode/mcp.json").write_text('{"servers": {"x": {"url": "u"}}}')
    assert machine.mcpreg("client", "add", CLOCK).returncode == 0  # the only one installed
    shown = machine.mcpreg("client", "list")
    assert f"clock  {CLOCK}@1.0.0" in shown.stdout
    assert "and 1 not of mcpreg" in shown.stdout
    assert "windsurf" in shown.stderr
    rows = json.loads(machine.mcpreg("client", "list", "--json").stdout)["data"]
    found = {(row["client"], row["scope"]): row for row in rows}
    assert found["cursor", "user"]["servers"] == {"clock": f"{CLOCK}@1.0.0"}
    assert found["vscode", "project"]["others"] == 1
    assert not found["goose", "user"]["installed"]


@pytest.mark.cold
def test_dry_run_and_print_change_nothing(machine: InstalledMachine) -> None:
    machine.install()
    file = machine.project / ".mcp.json"
    file.write_text('{\n  "mcpServers": {\n    "other": {"env": {"KEY": "s3cret"}}\n  }\n}\n')
    before = file.read_bytes()
    options = ("--client", "mcp-json", "--", "--folder", "data")
    shown = machine.mcpreg("client", "add", CLOCK, "--dry-run", *options)
    assert '+    "clock": {' in shown.stdout
    printed = machine.mcpreg("client", "add", CLOCK, "--print", *options)
    entry = json.loads(printed.stdout)["mcpServers"]["clock"]
    assert entry["args"][-5:] == ["run", f"{CLOCK}@1.0.0", "--", "--folder", "data"]
    assert Path(entry["command"]).is_absolute()
    assert file.read_bytes() == before


FOLDER = InputSpec("positional", "directory", required=True)
KEY = InputSpec("named", "--api-key", secret=True)


def test_paths_do_not_depend_on_where_the_client_is_started(machine: InstalledMachine) -> None:
    machine.install(sandbox=("fs:read:{directory}/**",), inputs=(FOLDER,))
    done = machine.mcpreg("client", "add", CLOCK, "--client", "cursor", "--", "notes/./a")
    assert done.returncode == 0, done.stderr
    entry = json.loads((machine.home / ".cursor/mcp.json").read_text())["mcpServers"]["clock"]
    assert entry["args"][-1] == str(machine.project / "notes/a")
    machine.mcpreg("client", "add", CLOCK, "--client", "mcp-json", "--", "notes")
    shared = json.loads((machine.project / ".mcp.json").read_text())["mcpServers"]["clock"]
    assert shared["args"][-1] == "notes"
    without = machine.mcpreg("client", "add", CLOCK, "--client", "windsurf")
    assert "the server needs directory" in without.stderr


@pytest.mark.parametrize("given", [("--api-key", "s3cret"), ("--api-key=s3cret",)])
def test_no_secret_is_written(machine: InstalledMachine, given: tuple[str, ...]) -> None:
    machine.install(inputs=(KEY,))
    for more in ((), ("--print",), ("--dry-run",)):
        done = machine.mcpreg("client", "add", CLOCK, "--client", "cursor", *more, "--", *given)
        assert done.returncode == 2
        assert "api-key is a secret" in done.stderr
        assert "s3cret" not in done.stdout + done.stderr
    assert not (machine.home / ".cursor").exists()


def test_what_is_not_installed_is_not_connected(machine: InstalledMachine) -> None:
    done = machine.mcpreg("client", "add", CLOCK, "--client", "cursor")
    assert done.returncode == 3
    assert f"mcpreg install {CLOCK}" in done.stderr
    assert not (machine.home / ".cursor").exists()


def test_errors_name_the_file_and_what_to_do(machine: InstalledMachine) -> None:
    machine.install()
    file = machine.project / ".mcp.json"
    file.write_text("{,}")
    done = machine.mcpreg("client", "add", CLOCK, "--client", "mcp-json")
    assert done.returncode == 1
    assert f"{file}: line 1, column 2" in done.stderr
    assert "--print" in done.stderr
    unknown = machine.mcpreg("client", "add", CLOCK, "--client", "emacs")
    assert unknown.returncode == 3
    assert "claude-desktop" in unknown.stderr
    many = machine.mcpreg("client", "add", CLOCK)
    assert many.returncode == 2
    assert "--client" in many.stderr
