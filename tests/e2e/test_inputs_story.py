"""A person gives a server what it needs, and no secret is seen anywhere but inside."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_daemon import Engine
from installed_machine import CLOCK, InstalledMachine, installed_machine
from mcpreg.core.install import InputSpec
from terminal import at_a_terminal

# Lists a tool that is described by what it was given, and then waits for its client to leave.
TELLS = """
import hashlib, json, os, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        given = {"argv": sys.argv[1:], "region": os.environ.get("REGION")}
        for name in ("API_KEY", "AUTH"):
            value = os.environ.get(name)
            given[name] = value and hashlib.sha256(value.encode()).hexdigest()
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "serverInfo": {"name": json.dumps(given), "version": "0"}}}), flush=True)
"""
INITIALIZE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}\n'
)
KEY = InputSpec("env", "API_KEY", required=True, secret=True, description="From your account")
REGION = InputSpec("env", "REGION", default="eu", choices=("eu", "us"))
FOLDER = InputSpec("positional", "folder", required=True, format="filepath")
AUTH = InputSpec(
    "env", "AUTH", value="Bearer {token}", variables=(InputSpec("env", "token", secret=True),)
)
SANDBOX = ("fs:read:{folder}/**", "env:API_KEY", "env:REGION")
SECRET = "canary-7f3a-secret"
TOKEN = "canary-9b1c-token"

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        made.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        (made.project / "notes").mkdir()
        made.install(TELLS, sandbox=SANDBOX, inputs=(KEY, REGION, AUTH, FOLDER))
        yield made


def told(output: str) -> dict[str, object]:
    result: dict[str, object] = json.loads(json.loads(output)["result"]["serverInfo"]["name"])
    return result


def digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def test_everything_missing_is_named_with_the_commands_that_give_it(
    machine: InstalledMachine,
) -> None:
    done = machine.mcpreg("run", CLOCK, "--yes", "--input", "REGION=mars")
    assert done.returncode == 2
    assert "the server needs API_KEY (a secret), folder" in done.stderr
    assert "REGION is none of its choices: eu, us (command line)" in done.stderr
    assert f"mcpreg inputs set {CLOCK} API_KEY" in done.stderr
    assert f"mcpreg run {CLOCK} --input folder=" in done.stderr
    unknown = machine.mcpreg("run", CLOCK, "--yes", "--input", "REGIN=eu")
    assert "no input called REGIN" in unknown.stderr
    assert "REGION" in unknown.stderr


def test_a_secret_on_the_command_line_is_refused_and_not_repeated(
    machine: InstalledMachine,
) -> None:
    for words in (
        ("run", CLOCK, "--yes", "--input", f"API_KEY={SECRET}", "--", "notes"),
        ("inputs", "set", CLOCK, "API_KEY", SECRET),
        ("client", "add", CLOCK, "--client", "cursor", "--yes", "--input", f"API_KEY={SECRET}"),
    ):
        done = machine.mcpreg(*words)
        assert done.returncode == 2, done.stderr
        assert "command line is public" in done.stderr
        assert SECRET not in done.stdout + done.stderr


def test_sources_count_in_the_documented_order(machine: InstalledMachine) -> None:
    assert machine.mcpreg("inputs", "set", CLOCK, "API_KEY", given=SECRET + "\n").returncode == 0
    assert machine.mcpreg("inputs", "set", CLOCK, "folder", "notes").returncode == 0
    assert machine.mcpreg("inputs", "set", CLOCK, "REGION", "us").returncode == 0
    run = ("run", CLOCK, "--yes")
    notes = str(machine.project / "notes")

    kept = told(machine.mcpreg(*run, given=INITIALIZE).stdout)
    assert kept == {"argv": [notes], "region": "us", "API_KEY": digest(SECRET), "AUTH": None}

    (machine.project / "in.toml").write_text('REGION = "eu"\ntoken = "t"\n')
    (machine.project / "key").write_text("from file\n")
    files = ("--input-file", "in.toml", "--secret-file", "API_KEY=key")
    filed = told(machine.mcpreg(*run, *files, given=INITIALIZE).stdout)
    assert filed["region"] == "eu"
    assert filed["API_KEY"] == digest("from file")
    assert filed["AUTH"] == digest("Bearer t")

    around = {"API_KEY": "from environment", "REGION": "us", "token": "not let in"}
    environment = told(machine.mcpreg(*run, *files, given=INITIALIZE, **around).stdout)
    assert environment["API_KEY"] == digest("from environment")
    assert environment["region"] == "us"
    assert environment["AUTH"] == digest("Bearer t")  # no capability names `token`
    around = {**around, "MCPREG_INPUT_TOKEN": "let in", "MCPREG_INPUT_REGION": "eu"}
    prefixed = told(machine.mcpreg(*run, *files, given=INITIALIZE, **around).stdout)
    assert prefixed["AUTH"] == digest("Bearer let in")
    assert prefixed["region"] == "eu"

    (machine.project / "other").mkdir()
    line = ("--input", "REGION=eu", "--", "other")
    typed = told(machine.mcpreg(*run, *line, given=INITIALIZE, **around).stdout)
    assert typed["region"] == "eu"
    assert typed["argv"] == [str(machine.project / "other")]


@pytest.mark.cold
def test_list_says_what_is_set_from_where_and_never_a_secret(machine: InstalledMachine) -> None:
    before = machine.mcpreg("inputs", "list", CLOCK)
    assert "API_KEY  missing, a secret" in before.stdout
    assert "From your account" in before.stdout
    kept = machine.mcpreg("inputs", "set", CLOCK, "API_KEY", given=SECRET)
    assert "readable by you alone" in kept.stdout
    file = machine.home / ".config/mcpreg/secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    after = machine.mcpreg("inputs", "list", CLOCK, "--json", REGION="us")
    rows = {row["name"]: row for row in json.loads(after.stdout)["data"]["inputs"]}
    assert (rows["API_KEY"]["source"], rows["API_KEY"]["values"]) == ("secrets file", None)
    assert (rows["REGION"]["source"], rows["REGION"]["values"]) == ("environment", ["us"])
    assert rows["folder"]["set"] is False
    assert SECRET not in after.stdout + after.stderr
    assert machine.mcpreg("inputs", "unset", CLOCK, "API_KEY").returncode == 0
    assert machine.mcpreg("inputs", "unset", CLOCK, "API_KEY").returncode == 3
    assert SECRET not in file.read_text()


def test_a_person_is_asked_without_echo_and_kept_only_if_they_say_so(
    machine: InstalledMachine,
) -> None:
    asked = [("API_KEY:", SECRET), ("folder:", "--bad"), ("folder:", "notes")]
    for keep in ("n", "y"):
        # The server's first word needs a client; leaving at once ends it.
        answers = [*asked, ("next time? [y/N]:", keep)]
        code, shown = at_a_terminal(
            machine.command("run", CLOCK, "--yes"),
            answers,
            environment=machine.environment,
            folder=machine.project,
            end=True,
        )
        assert code == 0, shown
        assert SECRET not in shown
        assert "From your account" in shown
        assert (machine.home / ".config/mcpreg/secrets.json").exists() is (keep == "y")
    done = machine.mcpreg("run", CLOCK, "--yes", given=INITIALIZE)
    assert told(done.stdout)["API_KEY"] == digest(SECRET)


# What a shell, a template, an option parser or a terminal would read as something else.
ODD = (
    "a b", "$HOME", "`id`", "'", '"', "{word}", "{opt}", "*", "~", "\\", "ü€😀", "", "a=b", ";|&&",
    "\x01\x1b[31m", "-", "%s", "x" * 5000,
)  # fmt: skip


def test_odd_values_arrive_byte_for_byte_in_the_server(machine: InstalledMachine) -> None:
    inputs = (
        InputSpec("named", "--opt"),
        InputSpec("positional", "word", repeated=True),
        InputSpec("env", "REGION"),
    )
    machine.install(TELLS, name="io.github.acme/echo", inputs=inputs)
    lines = "one\ntwo\t{opt} $HOME\n"
    given = {"word": list(ODD), "opt": "--bad {word}", "REGION": lines}
    text = "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in given.items()
    )
    (machine.project / "in.toml").write_text(text)
    run = ("run", "io.github.acme/echo", "--input-file", "in.toml")
    heard = told(machine.mcpreg(*run, given=INITIALIZE).stdout)
    assert heard["argv"] == ["--opt", "--bad {word}", *ODD]
    assert heard["region"] == lines


def visible(path: Path, needles: tuple[bytes, ...]) -> list[str]:
    """Files below `path` that hold a needle."""
    return [
        str(file)
        for file in path.rglob("*")
        if file.is_file() and not file.is_symlink() and any(n in file.read_bytes() for n in needles)
    ]


def command_lines(needles: tuple[bytes, ...]) -> list[str]:
    """Processes that show a needle to everybody, by pid."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if any(needle in words for needle in needles):
            found.append(process.name)
    return found


def is_seen_while_running(
    machine: InstalledMachine, *options: str
) -> tuple[list[str], str, str, str]:
    """Run with secrets; who showed them on a command line until the end, and what was printed."""
    needles = (SECRET.encode(), TOKEN.encode())
    (machine.folder / "key").write_text(SECRET)
    (machine.folder / "token").write_text(TOKEN)
    seen: set[str] = set()
    process = subprocess.Popen(
        machine.command(
            "run", CLOCK, "--yes", *options,
            "--secret-file", f"API_KEY={machine.folder}/key",
            "--secret-file", f"token={machine.folder}/token",
            "--input", "folder=notes",
        ),
        env=machine.environment,
        cwd=machine.project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.update(command_lines(needles))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        answer = process.stdout.readline()  # now it runs
        seen.update(command_lines(needles))
        more, errors = process.communicate(timeout=60)
    finally:
        done.set()
        watcher.join()
        process.kill()
    for name in ("key", "token"):
        (machine.folder / name).unlink()
    return sorted(seen), answer, more, errors


def test_the_watcher_sees_what_is_on_a_command_line() -> None:
    process = subprocess.Popen(["sleep", "60.0000007"])
    try:
        deadline = time.monotonic() + 10  # its words are there a moment after it has started
        while str(process.pid) not in command_lines((b"60.0000007",)):
            assert time.monotonic() < deadline
    finally:
        process.kill()
        process.wait()


def test_no_secret_is_in_any_command_line_file_or_output(machine: InstalledMachine) -> None:
    seen, answer, more, errors = is_seen_while_running(machine)
    given = told(answer)
    assert given["API_KEY"] == digest(SECRET)  # it did arrive
    assert given["AUTH"] == digest(f"Bearer {TOKEN}")
    assert seen == []
    logged = machine.mcpreg("logs", "--last", "--json").stdout
    assert "API_KEY" in logged  # the name is on record
    needles = (SECRET.encode(), TOKEN.encode())
    assert not any(needle.decode() in answer + more + errors + logged for needle in needles)
    assert visible(machine.folder, needles) == []


@pytest.mark.parametrize("flag", ["--dry-run", "--explain"])
def test_previews_name_secrets_and_do_not_show_them(machine: InstalledMachine, flag: str) -> None:
    (machine.folder / "token").write_text(TOKEN)
    options = ("--secret-file", f"token={machine.folder}/token", "--input", "folder=notes")
    done = machine.mcpreg("run", CLOCK, "--yes", flag, *options, API_KEY=SECRET)
    assert done.returncode == 0, done.stderr
    assert "API_KEY" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_crash_prints_no_secret(machine: InstalledMachine) -> None:
    shutil.rmtree(machine.project / "notes")
    (machine.project / "notes").touch()  # a file where a folder is wanted
    broken = ("run", CLOCK, "--yes", "--input", "folder=notes", "--grant", "fs:read:/nowhere")
    done = machine.mcpreg(*broken, API_KEY=SECRET, MCPREG_DEBUG="1")
    assert done.returncode != 0
    assert "Traceback" in done.stderr  # what was asked for by MCPREG_DEBUG
    assert SECRET not in done.stdout + done.stderr
    assert visible(machine.folder, (SECRET.encode(),)) == []


def test_a_client_s_file_has_no_input_and_the_server_starts_from_it(
    machine: InstalledMachine,
) -> None:
    (machine.folder / "key").write_text(SECRET)
    add = ("client", "add", CLOCK, "--client", "cursor", "--yes", "--input", "folder=notes")
    done = machine.mcpreg(*add, "--secret-file", f"API_KEY={machine.folder}/key")
    assert done.returncode == 0, done.stderr
    assert "will not start" not in done.stderr
    text = (machine.home / ".cursor/mcp.json").read_text()
    assert SECRET not in text
    entry = json.loads(text)["mcpServers"]["clock"]
    started = subprocess.run(
        [entry["command"], *entry["args"]],
        env=machine.environment,
        cwd="/",  # a client stands anywhere
        input=INITIALIZE,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    notes = str(machine.project / "notes")
    assert told(started.stdout) == {
        "argv": [notes],
        "region": "eu",
        "API_KEY": digest(SECRET),
        "AUTH": None,
    }


def test_another_registry_s_server_of_that_name_gets_no_kept_secret(
    machine: InstalledMachine,
) -> None:
    assert machine.mcpreg("inputs", "set", CLOCK, "API_KEY", given=SECRET).returncode == 0
    file = machine.home / ".config/mcpreg/secrets.json"
    held = json.loads(file.read_text())["secrets"]["input"]
    file.write_text(
        json.dumps({"version": 1, "secrets": {"input": {f"other/{CLOCK}": held[f"tiny/{CLOCK}"]}}})
    )
    done = machine.mcpreg("run", CLOCK, "--yes", "--input", "folder=notes")
    assert "needs API_KEY" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the test's Docker daemon needs root")
def test_under_docker_no_secret_is_on_a_command_line_or_in_a_file(
    machine: InstalledMachine, docker_engine: Engine
) -> None:
    machine.environment["DOCKER_HOST"] = docker_engine.host
    seen, answer, more, errors = is_seen_while_running(machine, "--backend", "docker")
    assert answer, errors
    assert told(answer)["API_KEY"] == digest(SECRET)
    assert seen == []
    assert SECRET not in answer + more + errors
    assert visible(machine.folder, (SECRET.encode(), TOKEN.encode())) == []
