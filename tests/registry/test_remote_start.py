"""What the start of a bridge loads, and that what it leaves for later is there when it is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNUSED = ("mcp.server.lowlevel", "mcp.client.client", "mcp.client.session", "starlette", "uvicorn")


def said(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("module", ["bridge", "oauth"])
def test_a_bridge_loads_no_server_and_no_client_of_the_sdk(module: str) -> None:
    loaded = said(f"import sys, mcpreg.remote.{module}; print(*sys.modules)").split()
    assert "mcp_types" in loaded
    assert set(loaded).isdisjoint(UNUSED)
    deed = said("import sys, mcp; print(*sys.modules)").split()
    assert set(UNUSED) <= set(deed)  # what the SDK's own package loads


def test_what_was_left_for_later_is_there_when_it_is_named() -> None:
    code = """
import sys, types
from mcpreg.remote import bridge
import mcp
import mcp.client.streamable_http as module
assert module.streamable_http_client is bridge.streamable_http_client
from mcp import Client, StdioServerParameters
from mcp.client import Client as same
from mcp.client import streamable_http
import mcp.server
assert Client is same is sys.modules['mcp.client.client'].Client
assert streamable_http is module is mcp.client.streamable_http
assert type(mcp) is types.ModuleType and mcp.server.Server and mcp.ClientSession
try:
    mcp.no_such_thing
except AttributeError as error:
    print(error)
"""
    assert "no_such_thing" in said(code)


def test_a_package_that_ran_already_stays_as_it_is() -> None:
    code = "import mcp; before = vars(mcp).copy(); import mcpreg.remote.bridge; "
    code += "import sys; print(sys.modules['mcp'] is mcp, before.keys() <= vars(mcp).keys())"
    assert said(code) == "True True\n"
