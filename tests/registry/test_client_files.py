"""Each client's file: written, read back by that client's own rules, and given back as it was."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from mcpreg.clients import CLIENTS, config_file, edit
from mcpreg.clients.interface import Client, ConfigError, Machine, Scope, Start
from mcpreg.core.names import Reference
from mcpreg.errors import NotFoundError, UsageError
from mcpreg.usecases import clients as usecase

SERVER = Reference("io.github.acme/clock", "1.0.0")
NEWER = Reference("io.github.acme/clock", "2.0.0")
OTHER = Reference("io.github.acme/tide", "1.0.0")

# What people and the clients themselves have in these files, with a server that is not ours.
ORIGINALS: dict[str, tuple[str, ...]] = {
    "claude-desktop": (
        """{
  "mcpServers": {
    "files": {
      "command": "npx",
      "args": ["-y", "files"]
    }
  },
  "globalShortcut": ""
}""",
        '{"mcpServers":{}}',
    ),
    "claude-code": (
        """{
  "numStartups": 12,
  "projects": {"/home/me": {"mcpServers": {}}},
  "mcpServers": {"docs": {"type": "http", "url": "https://docs.example.com/mcp"}}
}
""",
        '{\n  "numStartups": 1\n}\n',
    ),
    "vscode": (
        """// My servers
{
\t"inputs": [
\t\t{"type": "promptString", "id": "key", "password": true},
\t],
\t"servers": {
\t\t"web": { "type": "http", "url": "https://x.example" }, // work
\t},
}
""",
        '{\r\n    "servers": {\r\n        "a": {"command": "a"}\r\n    }\r\n}\r\n',
    ),
    "cursor": ('{\n  "mcpServers": {\n    /* none yet */\n  }\n}\n', "{\n}\n"),
    "windsurf": ('{\n  "mcpServers": {}\n}\n', "", "  \n"),
    "gemini": (
        """{
  "theme": "dark", // not light
  "mcpServers": {
    "x": {
      "httpUrl": "https://x"
    } // the only one
  },
  "tools": {"sandbox": "docker"}
}
""",
    ),
    "codex": (
        """# mine
model = "m"   # why

[mcp_servers.docs]
command = "npx"
args = [
  "-y", # yes
  "d",
]

[mcp_servers.docs.env]
LOG = "1"

# The screen
[tui]
notifications = true
""",
        """[[hooks]]
a = 1

[mcp_servers.b]
command = "x"

[[hooks]]
a = 2


""",
        'model = "no line end"',
        "[mcp_servers]\n",
    ),
    "goose": (
        """GOOSE_MODEL: m # why
extensions:
  developer:
    bundled: true
    enabled: true
    name: developer
    type: builtin

# The end
GOOSE_MODE: auto
""",
        "extensions:\n    deep:\n        type: sse\n        uri: https://x.example\n",
        "GOOSE_MODEL: m\nextensions: {}   # none\n",
        "extensions:\n",
        "# nothing yet",
    ),
    "lmstudio": ('{\n  "mcpServers": {}\n}',),
    "mcp-json": ('{\n    "mcpServers": {\n        "a": {"command": "a", "args": []}\n    }\n}\n',),
}
CASES = [
    pytest.param(client, scope, original, id=f"{client.name}-{scope}-{number}")
    for client in CLIENTS
    for scope in client.scopes
    for number, original in enumerate((None, *ORIGINALS[client.name]))
]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("home", "project"):
        (tmp_path / name).mkdir()
    return Machine("linux", tmp_path / "home", tmp_path / "project", {"PATH": ""})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def without_comments(text: str) -> str:
    """Comments and trailing commas away, character by character; not the code under test."""
    out, at, quoted = "", 0, False
    while at < len(text):
        if quoted:
            out += text[at]
            if text[at] == "\\":
                at += 1
                out += text[at]
            elif text[at] == '"':
                quoted = False
        elif text.startswith("//", at):
            at = text.find("\n", at)
            continue
        elif text.startswith("/*", at):
            at = text.index("*/", at) + 1
        elif text[at] in "}]" and out.rstrip().endswith(","):
            out = out.rstrip()[:-1] + text[at]
        else:
            quoted = text[at] == '"'
            out += text[at]
        at += 1
    return out


def documented(client: Client, text: str) -> dict[str, dict[str, Any]]:
    """The servers by the client's documentation: its key, its syntax, its own names for things."""
    match client.name:
        case "codex":
            return dict(tomllib.loads(text)["mcp_servers"])
        case "goose":
            found = yaml.safe_load(text)["extensions"]
            for entry in found.values():
                assert (
                    {"type", "name", "enabled"} <= entry.keys()
                    or "bundled" in entry
                    or "uri" in entry
                )
            return {
                name: {"command": entry.get("cmd"), "args": entry.get("args"), **entry}
                for name, entry in found.items()
            }
        case "vscode":
            return dict(json.loads(without_comments(text))["servers"])
        case _:
            return dict(json.loads(without_comments(text))["mcpServers"])


def place(client: Client, machine: Machine, scope: str, original: str | None) -> usecase.Target:
    where = usecase.target(client, machine, cast("Scope", scope))
    if original is not None:
        where.path.parent.mkdir(parents=True, exist_ok=True)
        where.path.write_bytes(original.encode())
    return where


@pytest.mark.parametrize(("client", "scope", "original"), CASES)
def test_what_is_written_is_read_back_and_taken_out_to_the_very_bytes(
    client: Client, scope: str, original: str | None, machine: Machine, state: Path
) -> None:
    where = place(client, machine, scope, original)
    before = {} if not original else _servers_before(client, original)
    change = usecase.add(state, where, SERVER, arguments=("--folder", "/tmp/a b"))
    text = where.path.read_bytes().decode()
    entry = documented(client, text)["clock"]
    command, prefix = usecase.program()
    assert Path(entry["command"]).is_absolute()
    assert (entry["command"], entry["args"]) == (
        command,
        [*prefix, "run", "io.github.acme/clock@1.0.0", "--", "--folder", "/tmp/a b"],
    )
    if client.name in ("vscode", "claude-code", "goose"):
        assert entry["type"] == "stdio"
    after = documented(client, text)
    assert {name: after[name] for name in before} == before
    assert change.is_new
    usecase.remove(state, where, "clock")
    if original is None:
        assert not where.path.exists()
    else:
        assert where.path.read_bytes() == original.encode()


def _servers_before(client: Client, original: str) -> dict[str, Any]:
    try:
        return documented(client, original)
    except (KeyError, ValueError, AttributeError, TypeError):
        return {}


@pytest.mark.parametrize(("client", "scope", "original"), CASES)
def test_two_servers_come_and_go_in_any_order(
    client: Client, scope: str, original: str | None, machine: Machine, state: Path
) -> None:
    where = place(client, machine, scope, original)
    usecase.add(state, where, SERVER)
    usecase.add(state, where, OTHER)
    usecase.add(state, where, NEWER)
    assert usecase.server_of(_starts(client, where)["clock"]) == NEWER
    usecase.remove(state, where, str(NEWER))
    assert set(_starts(client, where)) >= {"tide"}
    usecase.remove(state, where, OTHER.name)
    assert (where.path.read_bytes() if where.path.exists() else None) == (
        None if original is None else original.encode()
    )


def _starts(client: Client, where: usecase.Target) -> dict[str, Start]:
    return edit.servers(client, where.path.read_bytes().decode())


@pytest.mark.parametrize(("client", "scope", "original"), CASES)
def test_adding_twice_changes_nothing(
    client: Client, scope: str, original: str | None, machine: Machine, state: Path
) -> None:
    where = place(client, machine, scope, original)
    usecase.add(state, where, SERVER)
    about, text = where.path.stat(), where.path.read_bytes()
    assert not usecase.add(state, where, SERVER).is_new
    assert (where.path.stat().st_mtime_ns, where.path.read_bytes()) == (about.st_mtime_ns, text)


def by_name(name: str) -> Client:
    return usecase.by_name(name)


def test_what_the_client_wrote_meanwhile_stays(machine: Machine, state: Path) -> None:
    where = place(by_name("gemini"), machine, "user", '{"theme": "dark"}\n')
    usecase.add(state, where, SERVER)
    text = where.path.read_text().replace("dark", "light")
    where.path.write_text(text)
    usecase.remove(state, where, "clock")
    assert where.path.read_text() == '{"theme": "light"}\n'


def test_a_file_made_for_us_that_somebody_added_to_is_kept(machine: Machine, state: Path) -> None:
    where = place(by_name("cursor"), machine, "user", None)
    usecase.add(state, where, SERVER)
    text = where.path.read_text().replace('"mcpServers"', '"mine": 1,\n  "mcpServers"')
    where.path.write_text(text)
    usecase.remove(state, where, "clock")
    assert json.loads(where.path.read_text()) == {"mine": 1}


def test_a_write_of_the_client_at_the_same_moment_is_noticed(
    machine: Machine, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = place(by_name("cursor"), machine, "user", '{"a": 1}\n')
    read = config_file.read
    writes: list[int] = []

    def racing(path: Path, *, below: Path | None = None) -> config_file.ConfigFile:
        found = read(path, below=below)
        if len(writes) < 1:  # right after we read for the first time, the client writes
            writes.append(path.write_text('{"a": 2, "new": true}\n'))
        return found

    monkeypatch.setattr(config_file, "read", racing)
    usecase.add(state, where, SERVER)
    found = json.loads(where.path.read_text())
    assert (found["a"], found["new"]) == (2, True)
    assert "clock" in found["mcpServers"]


def test_a_client_that_never_stops_writing_wins(
    machine: Machine, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = place(by_name("cursor"), machine, "user", '{"a": 0}\n')
    read, count = config_file.read, iter(range(1, 100))

    def racing(path: Path, *, below: Path | None = None) -> config_file.ConfigFile:
        found = read(path, below=below)
        path.write_text(f'{{"a": {next(count)}}}\n')
        return found

    monkeypatch.setattr(config_file, "read", racing)
    with pytest.raises(ConfigError, match="at the same moment"):
        usecase.add(state, where, SERVER)
    assert "mcpServers" not in json.loads(where.path.read_text())
    assert [item.name for item in where.path.parent.iterdir()] == ["mcp.json"]


def test_mode_and_backup_are_kept(machine: Machine, state: Path) -> None:
    where = place(by_name("claude-code"), machine, "user", '{"key": "s3cret"}\n')
    where.path.chmod(0o640)
    change = usecase.add(state, where, SERVER)
    assert stat.S_IMODE(where.path.stat().st_mode) == 0o640
    assert change.backup is not None
    assert change.backup.read_text() == '{"key": "s3cret"}\n'
    assert stat.S_IMODE(change.backup.stat().st_mode) == 0o600


def test_a_new_file_is_private(machine: Machine, state: Path) -> None:
    where = place(by_name("codex"), machine, "user", None)
    usecase.add(state, where, SERVER)
    assert stat.S_IMODE(where.path.stat().st_mode) == 0o600


def test_a_dry_run_changes_nothing(machine: Machine, state: Path) -> None:
    where = place(by_name("goose"), machine, "user", "extensions: {}\n")
    change = usecase.add(state, where, SERVER, dry_run=True)
    assert change.is_new
    assert "io.github.acme/clock@1.0.0" in change.after
    assert where.path.read_text() == "extensions: {}\n"
    assert not (state / "clients").exists()


def test_a_server_written_by_hand_is_never_touched(machine: Machine, state: Path) -> None:
    text = '{"mcpServers": {"clock": {"command": "npx", "args": ["clock"]}}}\n'
    where = place(by_name("cursor"), machine, "user", text)
    with pytest.raises(UsageError, match="another server called"):
        usecase.add(state, where, SERVER)
    with pytest.raises(UsageError, match="not put there by mcpreg"):
        usecase.remove(state, where, "clock")
    usecase.add(state, where, SERVER, name="my-clock")
    assert set(documented(where.client, where.path.read_text())) == {"clock", "my-clock"}


def test_what_is_not_there_cannot_be_removed(machine: Machine, state: Path) -> None:
    where = place(by_name("cursor"), machine, "user", "{}")
    with pytest.raises(NotFoundError):
        usecase.remove(state, where, "io.github.acme/clock")


HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "json-cut-off": ("cursor", lambda: b'{"mcpServers": {"a": ', "line 1, column"),
    "json-list": ("cursor", lambda: b"[]", "not an object"),
    "json-servers-are-a-list": (
        "cursor",
        lambda: b'{"mcpServers": []}',
        "mcpServers is not an object",
    ),
    "json-servers-are-text": ("vscode", lambda: b'{"servers": "x"}', "servers is not an object"),
    "json-key-twice": ("gemini", lambda: b'{"mcpServers": {}, "mcpServers": {}}', "occurs twice"),
    "json-deep": (
        "gemini",
        lambda: b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "levels deep",
    ),
    "json-not-so-deep": (
        "gemini",
        lambda: b'{"a":' + b"[" * 400 + b"]" * 400 + b"}",
        "levels deep",
    ),
    "toml-deep": (
        "codex",
        lambda: b"a = " + b"[" * 300 + b"]" * 300 + b"\n",
        "levels deep|not TOML",
    ),
    "yaml-itself": ("goose", lambda: b"a: &a [*a]\n", "levels deep"),
    "json-two": ("gemini", lambda: b"{} {}", "follows the document"),
    "json-single-quotes": ("vscode", lambda: b"{'servers': {}}", "is not JSON"),
    "json-nan": ("vscode", lambda: b'{"a": NaN}', "is not JSON"),
    "json-open-comment": ("vscode", lambda: b"{} /* ", "is not JSON"),
    "not-utf-8": ("cursor", lambda: b'{"a": "\xff"}', "not UTF-8"),
    "nul": ("cursor", lambda: b'{"a": "\x00"}', "is not JSON"),
    "huge": ("claude-code", lambda: b" " * (config_file.MAX_BYTES + 1), "larger than"),
    "toml-broken": ("codex", lambda: b"a = \n", "is not TOML"),
    "toml-inline": ("codex", lambda: b"mcp_servers = {a = {command = 'b'}}\n", "changed safely"),
    "toml-servers-are-text": (
        "codex",
        lambda: b"mcp_servers = 'x'\n",
        "mcp_servers is not an object",
    ),
    "yaml-broken": ("goose", lambda: b"a: [\n", "is not YAML"),
    "yaml-tag": ("goose", lambda: b"a: !!python/object/apply:os.system ['true']\n", "is not YAML"),
    "yaml-two": ("goose", lambda: b"a: 1\n---\nb: 2\n", "is not YAML"),
    "yaml-flow": ("goose", lambda: b"{extensions: {a: {type: x}}}\n", "block style"),
    "yaml-list": ("goose", lambda: b"extensions:\n- a\n", "extensions is not an object"),
    "yaml-laughs": (
        "goose",
        lambda: b"a: &a [x]\n" + b"".join(b"k%d: *a\n" % n for n in range(99)),
        "aliases",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_is_not_what_it_should_be_is_left_alone(
    case: str, machine: Machine, state: Path
) -> None:
    name, make, message = HOSTILE[case]
    where = place(by_name(name), machine, "user", "")
    data = make()
    where.path.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        usecase.add(state, where, SERVER)
    assert where.path.read_bytes() == data
    assert caught.value.where == str(where.path)
    problems = [item.problem for item in usecase.listed(machine) if item.target == where]
    # Whether a readable file can be changed shows only when it is.
    assert problems[0] is not None or message in ("changed safely", "block style")


def test_a_link_is_not_written_through(machine: Machine, state: Path, tmp_path: Path) -> None:
    where = place(by_name("cursor"), machine, "user", "")
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    where.path.unlink()
    where.path.symlink_to(real)
    with pytest.raises(ConfigError, match="symbolic link") as caught:
        usecase.add(state, where, SERVER)
    assert str(real) in str(caught.value.hint)
    assert real.read_text() == "{}"
    named = usecase.target(where.client, machine, "user", real)
    assert usecase.add(state, named, SERVER).is_new


def test_a_project_cannot_lead_out_of_itself(machine: Machine, state: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (machine.project / ".vscode").symlink_to(outside)
    where = usecase.target(by_name("vscode"), machine, "project")
    with pytest.raises(ConfigError, match="symbolic link"):
        usecase.add(state, where, SERVER)
    assert not list(outside.iterdir())


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_not_a_file_is_refused_at_once(kind: str, machine: Machine, state: Path) -> None:
    where = place(by_name("cursor"), machine, "user", "")
    where.path.unlink()
    os.mkfifo(where.path) if kind == "fifo" else where.path.mkdir()
    with pytest.raises(ConfigError, match="regular file"):
        usecase.add(state, where, SERVER)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
def test_somebody_elses_file_is_refused(machine: Machine, state: Path) -> None:
    where = place(by_name("cursor"), machine, "user", "{}")
    os.chown(where.path, 65534, 65534)
    with pytest.raises(ConfigError, match="belongs to user 65534"):
        usecase.add(state, where, SERVER)


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("linux", {}, ".config/Claude/claude_desktop_config.json"),
        ("darwin", {}, "Library/Application Support/Claude/claude_desktop_config.json"),
        ("win32", {}, "AppData/Roaming/Claude/claude_desktop_config.json"),
    ],
)
def test_each_system_has_its_own_folders(
    system: str, environment: dict[str, str], expected: str, tmp_path: Path
) -> None:
    machine = Machine(system, tmp_path, tmp_path, environment)
    assert by_name("claude-desktop").file(machine, "user") == tmp_path / expected


def test_variables_move_files_as_the_clients_document(tmp_path: Path) -> None:
    environment = {
        "XDG_CONFIG_HOME": str(tmp_path / "x"),
        "CODEX_HOME": str(tmp_path / "c"),
        "CLAUDE_CONFIG_DIR": str(tmp_path / "cc"),
    }
    machine = Machine("linux", tmp_path / "h", tmp_path, environment)
    files = {client.name: client.file(machine, client.scopes[0]) for client in CLIENTS}
    assert files["vscode"] == tmp_path / "x/Code/User/mcp.json"
    assert files["goose"] == tmp_path / "x/goose/config.yaml"
    assert files["codex"] == tmp_path / "c/config.toml"
    assert files["claude-code"] == tmp_path / "cc/.claude.json"
    windows = Machine("win32", tmp_path / "h", tmp_path, {"APPDATA": str(tmp_path / "roaming")})
    assert (
        by_name("goose").file(windows, "user")
        == tmp_path / "roaming/Block/goose/config/config.yaml"
    )
    assert by_name("goose").file(Machine("darwin", tmp_path, tmp_path, {}), "user") == (
        tmp_path / ".config/goose/config.yaml"
    )


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_an_installed_client_is_detected_by_program_or_folder(
    client: Client, machine: Machine, tmp_path: Path
) -> None:
    assert not usecase.is_installed(client, machine)
    if client.name == "mcp-json":
        return
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / client.binaries[0]
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = Machine("linux", machine.home, machine.project, {"PATH": str(programs)})
    assert usecase.is_installed(client, found)
    client.folders(machine)[0].mkdir(parents=True)
    assert usecase.is_installed(client, machine)


def test_the_documentation_names_every_file() -> None:
    text = (Path(__file__).parents[2] / "docs/clients.md").read_text()
    machine = Machine("linux", Path("~"), Path(), {})
    told = re.findall(r"^\| `(\S+)` \| (\w+) \| `(.+?)` \| `(\w+)` \|$", text, re.MULTILINE)
    assert told == [
        (client.name, scope, str(client.file(machine, scope)), client.container[0])
        for client in CLIENTS
        for scope in client.scopes
    ]


def test_without_the_command_itself_nothing_is_loaded_from_the_clients_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "python3"
    monkeypatch.setattr(sys, "executable", str(alone))
    monkeypatch.setattr(sys, "argv", ["-m"])
    start = usecase.start_for("clock", SERVER, ())
    assert (start.command, start.arguments[:3]) == (str(alone), ("-P", "-m", "mcpreg"))
    assert usecase.server_of(start) == SERVER
    older = replace(start, arguments=start.arguments[1:])
    assert usecase.server_of(older) == SERVER, "as earlier versions wrote it"
