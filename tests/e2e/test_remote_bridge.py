"""A remote server through `mcpreg run`: a signed entry, the library's own server and client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from mcp import Client
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult, TextContent

from offline_story import CLOCK, Story, offline_story
from remote_servers import bound, listening, make_server
from remote_story import TOOLS, events, everything_written, manifest_of, ready, said, through


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
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


@pytest.mark.parametrize(
    ("mode", "version"), [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")]
)
def test_messages_pass_in_both_directions(story: Story, mode: Mode, version: str) -> None:
    seen: list[float] = []

    async def session() -> list[str]:
        started = through(story, "--yes")
        async with Client(started, mode=mode, elicitation_callback=_answer) as client:
            return await _use(client, seen)

    with listening(make_server().streamable_http_app(), "/mcp") as server:
        ready(story, manifest_of(server.url))
        found = asyncio.run(session())
        methods = {item.method for item in server.heard}
    assert found == [version, *TOOLS, "counted", "hello Ann", "Sum up: x"]
    assert seen == [1.0, 2.0, 3.0]
    assert ("DELETE" in methods) == (mode == "legacy")
    assert [event["reason"] for event in events(story, "stop")] == ["client-left"]
    (egress,) = events(story, "egress")
    assert f"http://{egress['host']}:{egress['port']}/mcp" == server.url
    assert CLOCK in story.mcpreg("list").stdout
    assert story.mcpreg("verify", CLOCK).returncode == 0


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


def test_a_secret_goes_to_the_server_alone_and_a_changed_toolset_ends_the_run(
    story: Story,
) -> None:
    story.environment.pop("MCPREG_INPUT_X_KEY", None)
    changed = make_server()
    changed.add_tool(lambda: "sent", name="send_file", description="Sends a file.")
    sock = bound()
    again = sock.dup()
    with listening(make_server().streamable_http_app(), "/mcp", sock=sock) as server:
        ready(story, manifest_of(server.url, headers=[HEADER]), MCPREG_INPUT_X_KEY=KEY)
        explained = story.mcpreg("run", "--explain", CLOCK)
        assert explained.returncode == 2, "what would be sent cannot be said without it"
        assert "MCPREG_INPUT_X_KEY" in explained.stderr
        story.environment["MCPREG_INPUT_X_KEY"] = KEY
        told = story.mcpreg("run", "--explain", CLOCK).stdout
        assert "its code runs on somebody else's machine" in told
        assert "sends the headers X-Key" in told
        done = story.mcpreg("run", "--yes", CLOCK, given=REQUESTS)
        assert done.returncode == 0, done.stderr
        assert "send_file" not in done.stdout
        assert KEY in server.header("x-key")
    with listening(changed.streamable_http_app(), "/mcp", sock=again):
        drifted = story.mcpreg("run", CLOCK, given=REQUESTS)
    assert drifted.returncode == 6, drifted.stderr
    assert "tool send_file is not in the lock" in drifted.stderr
    assert "Sends a file" not in drifted.stdout
    (drift,) = events(story, "drift")
    assert drift["changes"][0]["name"] == "send_file"
    shown = "".join(item.stdout + item.stderr for item in (explained, done, drifted)) + told
    written = everything_written(*(story.folder / name for name in ("state", "data", "config")))
    assert KEY not in shown
    assert KEY.encode() not in written
