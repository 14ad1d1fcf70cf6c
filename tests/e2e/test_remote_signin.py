"""Signing in to a remote server: a real authorization server, a browser, a terminal, and expiry."""

from __future__ import annotations

import asyncio
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp import Client

from oauth_servers import Guarded, guarded
from offline_story import CLOCK, Story, offline_story
from remote_servers import listening, make_server
from remote_story import everything_written, manifest_of, ready, said, through
from terminal import on_terminal

# What webbrowser starts: a person who is signed in already and agrees, redirects and all.
BROWSER = """
import sys, urllib.request
urllib.request.urlopen(sys.argv[1]).read()
"""


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
        script = made.folder / "browser.py"
        script.write_text(BROWSER)
        made.environment |= {
            "BROWSER": f"{sys.executable} {script} %s",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        yield made


def _install(story: Story, rig: Guarded) -> None:
    with listening(make_server().streamable_http_app(), "/mcp") as open_one:
        ready(story, manifest_of(rig.server.url), like=open_one.url)


def _login(story: Story) -> str:
    code, shown = on_terminal(
        story.command("login", CLOCK), story.environment, answer="y\n", cwd=str(story.folder)
    )
    assert code == 0, shown
    return shown


def _now(story: Story, *options: str, **environment: str) -> str:
    async def session() -> str:
        started = through(story, "--yes", *options, **environment)
        async with Client(started, mode="2026-07-28") as client:
            return said(await client.call_tool("now"))

    return asyncio.run(session())


def test_a_person_signs_in_once_and_runs_use_and_renew_the_token(story: Story) -> None:
    with guarded(lifetime=31) as rig:  # refreshed 30 s before its end
        _install(story, rig)
        refused = story.mcpreg("run", "--yes", CLOCK, given=_INITIALIZE)
        assert refused.returncode == 5
        assert f"mcpreg login {CLOCK}" in refused.stderr
        assert "wants you to sign in" in refused.stdout  # an answer to the client, too
        assert rig.authority.clients == {}, "nothing is registered where nobody can sign in"

        shown = _login(story)
        assert "sign in at 127.0.0.1" in shown
        (client,) = rig.authority.clients.values()
        assert client.token_endpoint_auth_method == "none"
        assert {token.resource for token in rig.authority.access.values()} == {rig.server.url}

        time.sleep(1.5)
        assert _now(story) == "noon"
        assert rig.authority.refreshed >= 1
        # Whatever the expiry says: one that is not accepted any more is renewed as well.
        rig.authority.lifetime = 3600
        assert _now(story) == "noon"
        renewed = rig.authority.refreshed
        rig.authority.access.clear()
        assert _now(story) == "noon"
        assert rig.authority.refreshed == renewed + 1

        _nothing_leaks(story, rig, shown)
        assert story.mcpreg("logout", CLOCK).returncode == 0
        assert (
            "wants you to sign in" in story.mcpreg("run", "--yes", CLOCK, given=_INITIALIZE).stderr
        )


_INITIALIZE = (
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
    '"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}\n'
)


def _nothing_leaks(story: Story, rig: Guarded, shown: str) -> None:
    kept = story.folder / "config/mcpreg/secrets.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    tokens = [*rig.authority.every]
    secret = kept.read_text()
    assert any(token in secret for token in tokens), "the test looks for what is really kept"
    kept.rename(story.folder.parent / f"{story.folder.name}.kept")
    try:
        written = everything_written(story.folder).decode("utf-8", "replace")
    finally:
        (story.folder.parent / f"{story.folder.name}.kept").rename(kept)
    assert not [token for token in tokens if token in written or token in shown]
    # The token went to the server; the authorization server never saw it as one.
    assert "authorization" not in {name for item in rig.issuer.heard for name in item.headers}


def test_a_given_token_is_sent_to_the_server_and_nothing_is_kept(story: Story) -> None:
    with guarded() as rig:
        _install(story, rig)
        token = story.folder / "token"
        granted = rig.authority.issue("a client", [], rig.server.url)
        token.write_text(granted.access_token + "\n")
        assert _now(story, "--token-file", str(token)) == "noon"
        assert _now(story, "--token-env", "ACME", ACME=granted.access_token) == "noon"
        assert not (story.folder / "config/mcpreg/secrets.json").exists()
        wrong = story.folder / "wrong"
        wrong.write_text("wrong")
        done = story.mcpreg("run", "--yes", "--token-file", str(wrong), CLOCK, given=_INITIALIZE)
        assert (done.returncode, "does not accept the token" in done.stderr) == (5, True)
        written = everything_written(story.folder / "state", story.folder / "data")
        assert granted.access_token.encode() not in written
