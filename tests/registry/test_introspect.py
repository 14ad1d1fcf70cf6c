"""Asking a server what it offers: it may be hostile, and it gets nothing to be hostile with."""

from __future__ import annotations

import json
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest

import tiny_server
from mcpreg.core.plan import Bind, Plan
from mcpreg.core.toolset import Offer, tool_hashes
from mcpreg.errors import McpregError, NotFoundError, SandboxKilledError
from mcpreg.packages.runtime import find_python
from mcpreg.usecases.introspect import introspect

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(
        shutil.which("bwrap") is None, reason="bubblewrap is missing: apt-get install bubblewrap"
    ),
]
TOOL = {"name": "echo", "description": "Says it again", "inputSchema": {"type": "object"}}


def plan(tmp_path: Path, settings: dict[str, Any], *arguments: str) -> Plan:
    app = tmp_path / "app"
    app.mkdir(exist_ok=True)
    shutil.copy(tiny_server.__file__, app / "server.py")
    try:
        python = find_python(("3.11", "3.12", "3.13", "3.14"))
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    return Plan(
        name="acme/tiny@1",
        argv=("python3", "/app/server.py", json.dumps(settings), *arguments),
        env=python.env,
        binds=(*python.binds, Bind(str(app), "/app", role="app")),
        links=python.links,
    )


def ask(tmp_path: Path, seconds: float = 30, **settings: Any) -> Offer:  # noqa: ANN401  # JSON
    return introspect(plan(tmp_path, settings), seconds=seconds)


def test_reads_everything_as_it_came_over_the_wire(tmp_path: Path) -> None:
    odd = TOOL | {"annotations": {"readOnlyHint": True, "ours": None}, "_meta": {"x": [1, 2.5]}}
    offer = ask(
        tmp_path,
        tools=[odd],
        prompts=[{"name": "greet", "arguments": [{"name": "whom"}]}],
        resources=[{"name": "r", "uri": "memo://r"}],
        resourceTemplates=[{"name": "t", "uriTemplate": "memo://{t}"}],
        instructions="Ask nicely.",
    )
    assert offer.tools == (odd,)
    assert [item["name"] for item in offer.prompts] == ["greet"]
    assert [item["uri"] for item in offer.resources] == ["memo://r"]
    assert [item["uriTemplate"] for item in offer.templates] == ["memo://{t}"]
    assert offer.instructions == "Ask nicely."
    assert (offer.protocol, offer.client_capabilities) == ("2025-11-25", {})
    assert offer.warnings == ()


def test_asks_again_as_a_client_that_can_do_everything(tmp_path: Path) -> None:
    more = TOOL | {"name": "sample"}
    offer = ask(tmp_path, tools=[TOOL], capable=[more], instructions="Ask nicely.")
    assert offer.tools == (TOOL,)
    assert offer.capable is not None
    assert offer.capable.tools == (more,)
    # What the library declares is what is written down.
    assert json.loads(str(offer.capable.instructions)) == offer.capable.client_capabilities
    assert ask(tmp_path, tools=[TOOL]).capable is None


def test_asks_for_every_page(tmp_path: Path) -> None:
    tools = [TOOL | {"name": f"t{n}"} for n in range(5)]
    assert tool_hashes(ask(tmp_path, tools=tools, pages=True).tools) == tool_hashes(tools)


def test_asks_only_for_what_is_declared_and_warns_of_what_is_missing(tmp_path: Path) -> None:
    offer = ask(tmp_path, tools=[TOOL], prompts=[{"name": "p"}], capabilities={"tools": {}})
    assert offer.prompts == ()
    offer = ask(tmp_path, tools=[TOOL], capabilities={"tools": {}, "prompts": {}})
    assert offer.warnings == ("declares prompts but does not know how to list them",)


@pytest.mark.parametrize("name", ["", "a b", "a\u202eb", "\x1b[2J", "x" * 129, "../x", "tool\n"])
def test_refuses_tool_names_that_are_not_plain(name: str, tmp_path: Path) -> None:
    with pytest.raises(McpregError, match="a name among its tools is not allowed"):
        ask(tmp_path, tools=[TOOL | {"name": name}])


def test_refuses_two_tools_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(McpregError, match="lists echo twice"):
        ask(tmp_path, tools=[TOOL, TOOL | {"description": "another"}])


def test_refuses_what_cannot_be_hashed_alike_everywhere(tmp_path: Path) -> None:
    with pytest.raises(McpregError, match="echo among its tools cannot be hashed"):
        ask(tmp_path, tools=[TOOL | {"inputSchema": {"type": "object", "maximum": 2**60}}])


def test_refuses_pages_that_go_round(tmp_path: Path) -> None:
    with pytest.raises(McpregError, match="in a circle"):
        ask(tmp_path, tools=[TOOL], pages="circle")


def test_refuses_more_tools_than_anybody_reads(tmp_path: Path) -> None:
    many = [TOOL | {"name": f"t{n}"} for n in range(80)]
    with pytest.raises(McpregError, match="too many pages"):
        ask(tmp_path, tools=many, pages=True)


@pytest.mark.parametrize("tools", [{"a": 1}, "text", [3], [{"name": 3}], [{"description": "x"}]])
def test_refuses_lists_that_are_not_mcp(tools: object, tmp_path: Path) -> None:
    with pytest.raises(McpregError, match="answered something that is not MCP"):
        ask(tmp_path, tools=tools, capabilities={"tools": {}})


def test_an_endless_line_is_cut_off(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(McpregError, match="wrote more than 16 MiB"):
        ask(tmp_path, tools=[TOOL], noise=40 << 20)
    assert time.monotonic() - began < 20


def test_a_server_that_never_answers_is_ended(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(McpregError, match="did not answer in time"):
        ask(tmp_path, seconds=1, silent=True)
    assert time.monotonic() - began < 9


def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(McpregError, match="exit status 3") as caught:
        ask(tmp_path, before="print('no database', file=sys.stderr); sys.exit(3)")
    assert "no database" in (caught.value.hint or "")


def test_nothing_of_the_host_environment_gets_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_TOKEN", "secret")
    names = {item["name"] for item in ask(tmp_path, tools="environment").tools}
    assert "env.HOME" in names
    assert "env.CANARY_TOKEN" not in names


def test_a_server_that_reaches_out_while_it_starts_is_killed(tmp_path: Path) -> None:
    reach = "import socket; socket.create_connection({address!r}, 5).close()"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        exec(reach.format(address=listener.getsockname()))  # outside it arrives
    reach = reach.format(address=("192.0.2.1", 443)) + "; import time; time.sleep(20)"
    with pytest.raises(SandboxKilledError, match="reached out while it started") as caught:
        ask(tmp_path, tools=[TOOL], before=reach)
    assert "192.0.2.1:443" in (caught.value.hint or "")


def test_what_the_server_says_reaches_no_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shout = "print('\\x1b[31mnot a message', flush=True); print('\\x1b[2J', file=sys.stderr)"
    ask(tmp_path, tools=[TOOL], before=shout)
    assert "\x1b" not in "".join(capfd.readouterr())
