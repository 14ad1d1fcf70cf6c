"""A remote server is given what it needs as a package is: one model, one list, one error."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from installed_machine import CLOCK, InstalledMachine, installed_machine
from remote_servers import Listening, listening, make_server
from remote_story import everything_written, manifest_of, placed
from terminal import at_a_terminal

KEY = "canary-5d2e-key"
HEADERS = [
    {
        "name": "X-Key",
        "value": "Key {key}",
        "isSecret": True,
        "isRequired": True,
        "variables": {"key": {"description": "From your account"}},
    },
    {"name": "X-Region", "choices": ["eu", "us"], "default": "eu"},
]
INITIALIZE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
)


@pytest.fixture(scope="module")
def server() -> Iterator[Listening]:
    with listening(make_server().streamable_http_app()) as serving:
        yield serving


@pytest.fixture
def machine(server: Listening) -> Iterator[InstalledMachine]:
    server.heard.clear()
    with installed_machine() as made:
        made.environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        manifest = manifest_of(
            server.url + "/{path}", variables={"path": {"isRequired": True}}, headers=HEADERS
        )
        placed(made, manifest, like=server.url + "/mcp")
        server.heard.clear()
        yield made


def test_one_error_names_all_that_is_missing_and_wrong(machine: InstalledMachine) -> None:
    done = machine.mcpreg("run", CLOCK, "--yes", "--input", "X-Region=mars")
    assert done.returncode == 2
    assert "the server needs path, key (a secret)" in done.stderr
    assert "X-Region is none of its choices: eu, us (command line)" in done.stderr
    assert f"mcpreg inputs set {CLOCK} key" in done.stderr
    assert f"mcpreg run {CLOCK} --input path=" in done.stderr
    public = machine.mcpreg("run", CLOCK, "--yes", "--input", f"key={KEY}")
    assert "a command line is public" in public.stderr
    assert KEY not in public.stderr


def test_inputs_lists_and_keeps_variables_of_the_address_and_headers(
    machine: InstalledMachine, server: Listening
) -> None:
    before = machine.mcpreg("inputs", "list", CLOCK)
    assert "path  missing" in before.stdout
    assert "key  missing, a secret" in before.stdout
    assert "From your account" in before.stdout
    kept = machine.mcpreg("inputs", "set", CLOCK, "key", given=KEY + "\n")
    assert "readable by you alone" in kept.stdout
    assert machine.mcpreg("inputs", "set", CLOCK, "path", "mcp").returncode == 0
    after = machine.mcpreg("inputs", "list", CLOCK, "--json", MCPREG_INPUT_X_REGION="us")
    rows = {row["name"]: row for row in json.loads(after.stdout)["data"]["inputs"]}
    assert (rows["key"]["source"], rows["key"]["values"]) == ("secrets file", None)
    assert (rows["path"]["source"], rows["path"]["values"]) == ("kept", ["mcp"])
    assert (rows["X-Region"]["source"], rows["X-Region"]["values"]) == ("environment", ["us"])
    done = machine.mcpreg("run", CLOCK, "--yes", given=INITIALIZE)
    assert done.returncode == 0, done.stderr
    assert (server.header("x-key"), server.header("x-region")) == ({f"Key {KEY}"}, {"eu"})
    seen = everything_written(machine.state, machine.folder / "data")
    assert KEY.encode() not in seen


def test_sources_count_in_the_order_that_packages_have(
    machine: InstalledMachine, server: Listening
) -> None:
    machine.mcpreg("inputs", "set", CLOCK, "key", given="kept")
    (machine.project / "in.toml").write_text('path = "mcp"\nX-Region = "us"\n')
    (machine.project / "key").write_text("filed\n")
    run = ("run", CLOCK, "--yes", "--input-file", "in.toml", "--secret-file", "key=key")
    assert machine.mcpreg(*run, given=INITIALIZE).returncode == 0
    assert (server.header("x-key"), server.header("x-region")) == ({"Key filed"}, {"us"})
    server.heard.clear()
    bare = {"key": "bare", "X-Region": "bare"}  # no capability of a remote lets a bare name in
    around = {"MCPREG_INPUT_KEY": "prefixed", "MCPREG_INPUT_X_REGION": "mars", **bare}
    line = ("--input", "X-Region=eu")
    assert machine.mcpreg(*run, *line, given=INITIALIZE, **around).returncode == 0
    assert (server.header("x-key"), server.header("x-region")) == ({"Key prefixed"}, {"eu"})


def test_a_person_is_asked_without_echo(machine: InstalledMachine, server: Listening) -> None:
    code, shown = at_a_terminal(
        machine.command("run", CLOCK, "--yes"),
        [("path:", "mcp"), ("key:", KEY), ("next time? [y/N]:", "y")],
        environment=machine.environment,
        folder=machine.project,
        end=True,
    )
    assert code == 0, shown
    assert KEY not in shown
    assert machine.mcpreg("run", CLOCK, "--yes", given=INITIALIZE).returncode == 0
    assert server.header("x-key") == {f"Key {KEY}"}
