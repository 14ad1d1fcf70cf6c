"""Signing in to a remote server: a real authorization server, a browser, a terminal, and expiry."""

from __future__ import annotations

import asyncio
import stat
import sys
import time
from collections.abc import Iterator

import pytest
from mcp import Client

from installed_machine import CLOCK, InstalledMachine, installed_machine
from oauth_servers import Guarded, guarded
from remote_servers import listening, make_server
from remote_story import everything_written, manifest_of, placed, said, through
from terminal import at_a_terminal

# What webbrowser starts: a person who is signed in already and agrees, redirects and all.
BROWSER = """
import sys, urllib.request
urllib.request.urlopen(sys.argv[1]).read()
"""


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        script = made.folder / "browser.py"
        script.write_text(BROWSER)
        made.environment |= {
            "BROWSER": f"{sys.executable} {script} %s",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        yield made


def _install(machine: InstalledMachine, rig: Guarded) -> None:
    with listening(make_server().streamable_http_app(), "/mcp") as open_one:
        placed(machine, manifest_of(rig.server.url), like=open_one.url)


def _login(machine: InstalledMachine) -> str:
    code, shown = at_a_terminal(
        machine.command("login", CLOCK),
        [("[y/N]", "y")],
        environment=machine.environment,
        folder=machine.folder,
    )
    assert code == 0, shown
    return shown


def _now(machine: InstalledMachine, *options: str, **environment: str) -> str:
    async def session() -> str:
        started = through(machine, "--yes", *options, **environment)
        async with Client(started, mode="2026-07-28") as client:
            return said(await client.call_tool("now"))

    return asyncio.run(session())


def test_where_nobody_can_sign_in_the_error_names_the_command(machine: InstalledMachine) -> None:
    with guarded() as rig:
        _install(machine, rig)
        refused = machine.mcpreg("run", "--yes", CLOCK, given=_INITIALIZE)
        assert refused.returncode == 5
        assert f"mcpreg login {CLOCK}" in refused.stderr
        assert "wants you to sign in" in refused.stdout  # an answer to the client, too
        assert rig.authority.clients == {}, "nothing is registered where nobody can sign in"


@pytest.mark.cold
def test_a_person_signs_in_once_and_runs_use_and_renew_the_token(machine: InstalledMachine) -> None:
    with guarded(lifetime=31) as rig:  # refreshed 30 s before its end
        _install(machine, rig)
        shown = _login(machine)
        assert "sign in at 127.0.0.1" in shown
        (client,) = rig.authority.clients.values()
        assert client.token_endpoint_auth_method == "none"
        assert {token.resource for token in rig.authority.access.values()} == {rig.server.url}

        rig.authority.lifetime = 3600
        time.sleep(1.1)
        assert _now(machine) == "noon"
        renewed = rig.authority.refreshed
        assert renewed >= 1
        # Whatever the expiry says: one that is not accepted any more is renewed as well.
        rig.authority.access.clear()
        assert _now(machine) == "noon"
        assert rig.authority.refreshed == renewed + 1

        _nothing_leaks(machine, rig, shown)
        assert machine.mcpreg("logout", CLOCK).returncode == 0
        assert "oauth" not in (machine.home / ".config/mcpreg/secrets.json").read_text()


_INITIALIZE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
)


def _nothing_leaks(machine: InstalledMachine, rig: Guarded, shown: str) -> None:
    kept = machine.home / ".config/mcpreg/secrets.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    tokens = [*rig.authority.every]
    secret = kept.read_text()
    assert any(token in secret for token in tokens), "the test looks for what is really kept"
    kept.rename(machine.folder.parent / f"{machine.folder.name}.kept")
    try:
        written = everything_written(machine.folder).decode("utf-8", "replace")
    finally:
        (machine.folder.parent / f"{machine.folder.name}.kept").rename(kept)
    assert not [token for token in tokens if token in written or token in shown]
    # The token went to the server; the authorization server never saw it as one.
    assert "authorization" not in {name for item in rig.issuer.heard for name in item.headers}


def test_a_given_token_is_sent_to_the_server_and_nothing_is_kept(machine: InstalledMachine) -> None:
    with guarded() as rig:
        _install(machine, rig)
        token = machine.folder / "token"
        granted = rig.authority.issue("a client", [], rig.server.url)
        token.write_text(granted.access_token + "\n")
        assert _now(machine, "--token-file", str(token)) == "noon"
        assert _now(machine, "--token-env", "ACME", ACME=granted.access_token) == "noon"
        assert not (machine.home / ".config/mcpreg/secrets.json").exists()
        wrong = machine.folder / "wrong"
        wrong.write_text("wrong")
        done = machine.mcpreg("run", "--yes", "--token-file", str(wrong), CLOCK, given=_INITIALIZE)
        assert (done.returncode, "does not accept the token" in done.stderr) == (5, True)
        written = everything_written(machine.folder / "state", machine.folder / "data")
        assert granted.access_token.encode() not in written
