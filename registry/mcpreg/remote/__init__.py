"""Servers on somebody else's machine: a bridge from stdin and stdout to their HTTP endpoint.

Its modules import the MCP SDK and httpx2, so nothing imports this package before a remote server is
run or asked; of the SDK no more runs than they name.
"""

from mcpreg.remote.later import set_aside

set_aside("mcp", "mcp.client", "mcp.server")
