"""A remote server through `mcpreg run`: a signed entry, the library's own server and client."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult, TextContent

from installed_machine import InstalledMachine, installed_machine
from offline_story import CLOCK, Story, offline_story
from remote_servers import Listening, bound, listening, make_server
from remote_story import (
    TOOLS,
    events,
    everything_written,
    manifest_of,
    placed,
    ready,
    said,
    through,
)


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
        yield made


@pytest.fixture
def machine() -> Iterator[InstalledMachine]:
    with installed_machine() as made:
        yield made


Mode = Literal["legacy", "2026-07-28"]


async def _answer(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
    return ElicitResult(action="accept", content={"name": "Ann"})


async def _use(client: Client, seen: list[float]) -> list[str]:
    async def progressed(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    listed = sorted(tool.name for tool in (await client.list_tools()).tools)
    counted = await client.call_tool("count", progress_callback=progressed)
    # From 2026-07-28 on a server asks by its answer and not by a request of its own.
    legacy = client.protocol_version == "2025-11-25"
    greeted = said(await client.call_tool("greet")) if legacy else "hello Ann"
    prompt = await client.get_prompt("summary", {"text": "x"})
    text = prompt.messages[0].content
    assert isinstance(text, TextContent)
    return [client.protocol_version, *listed, said(counted), greeted, text.text]


def test_messages_pass_in_both_directions_from_a_signed_entry(story: Story) -> None:
    with listening(make_server().streamable_http_app(), "/mcp") as server:
        ready(story, manifest_of(server.url))
        _messages_pass(story, server, "legacy", "2025-11-25")
    assert story.mcpreg("verify", CLOCK).returncode == 0


def test_messages_pass_in_both_directions_in_the_new_protocol(machine: InstalledMachine) -> None:
    with listening(make_server().streamable_http_app(), "/mcp") as server:
        placed(machine, manifest_of(server.url))
        _messages_pass(machine, server, "2026-07-28", "2026-07-28")
    assert CLOCK in machine.mcpreg("list").stdout


def _messages_pass(
    where: Story | InstalledMachine, server: Listening, mode: Mode, version: str
) -> None:
    seen: list[float] = []
    server.heard.clear()

    async def session() -> list[str]:
        started = through(where, "--yes")
        async with Client(started, mode=mode, elicitation_callback=_answer) as client:
            return await _use(client, seen)

    found = asyncio.run(session())
    methods = {item.method for item in server.heard}
    assert found == [version, *TOOLS, "counted", "hello Ann", "Sum up: x"]
    assert seen == [1.0, 2.0, 3.0]
    assert ("DELETE" in methods) == (mode == "legacy")
    assert [event["reason"] for event in events(where, "stop")] == ["client-left"]
    (egress,) = events(where, "egress")
    assert f"http://{egress['host']}:{egress['port']}/mcp" == server.url


KEY = "k3y-of-ann"
HEADER = {"name": "X-Key", "isSecret": True, "isRequired": True}
REQUESTS = "".join(
    json.dumps({"jsonrpc": "2.0", **message}) + "\n"
    for message in (
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/list"},
    )
)


def test_a_bridge_that_root_starts_has_given_up_what_root_may(machine: InstalledMachine) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has rights to give up")
    with listening(make_server().streamable_http_app(), "/mcp") as server:
        placed(machine, manifest_of(server.url))
        bridge = subprocess.Popen(
            machine.command("run", "--yes", CLOCK),
            env=machine.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=machine.folder,
        )
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write(REQUESTS.encode())
        bridge.stdin.flush()
        assert json.loads(bridge.stdout.readline())["id"] == 1
        lines = Path(f"/proc/{bridge.pid}/status").read_text().splitlines()
        bridge.stdin.close()
        assert bridge.wait(30) == 0
        bridge.stdout.close()
    status = dict(line.split(":\t") for line in lines if ":\t" in line)
    sets = {status[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
    assert (sets, status["NoNewPrivs"]) == ({"0" * 16}, "1")
    (event,) = events(machine, "rights")
    assert event["capabilities"] == "dropped"


def test_a_secret_goes_to_the_server_alone_and_a_changed_toolset_ends_the_run(
    machine: InstalledMachine,
) -> None:
    machine.environment.pop("MCPREG_INPUT_X_KEY", None)
    changed = make_server()
    changed.add_tool(lambda: "sent", name="send_file", description="Sends a file.")
    sock = bound()
    again = sock.dup()
    with listening(make_server().streamable_http_app(), "/mcp", sock=sock) as server:
        placed(machine, manifest_of(server.url, headers=[HEADER]), MCPREG_INPUT_X_KEY=KEY)
        explained = machine.mcpreg("run", "--explain", CLOCK)
        assert explained.returncode == 2, "what would be sent cannot be said without it"
        assert "the server needs X-Key (a secret)" in explained.stderr
        machine.environment["MCPREG_INPUT_X_KEY"] = KEY
        told = machine.mcpreg("run", "--explain", CLOCK).stdout
        assert "its code runs on somebody else's machine" in told
        assert "sends the headers X-Key" in told
        done = machine.mcpreg("run", "--yes", CLOCK, given=REQUESTS)
        assert done.returncode == 0, done.stderr
        assert "send_file" not in done.stdout
        assert KEY in server.header("x-key")
    with listening(changed.streamable_http_app(), "/mcp", sock=again):
        drifted = machine.mcpreg("run", "--yes", CLOCK, given=REQUESTS)
    assert drifted.returncode == 6, drifted.stderr
    assert "tool send_file is not in the lock" in drifted.stderr
    assert "Sends a file" not in drifted.stdout
    (drift,) = events(machine, "drift")
    assert drift["changes"][0]["name"] == "send_file"
    shown = "".join(item.stdout + item.stderr for item in (explained, done, drifted)) + told
    written = everything_written(machine.folder)
    assert KEY not in shown
    assert KEY.encode() not in written
