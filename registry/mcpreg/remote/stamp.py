"""The headers that a message needs on its way over streamable HTTP.

A client over stdio sends none; its messages say the same. Until 2025-11-25 that is the version
which `initialize` agreed on; from 2026-07-28 on every request carries its version, and its method
and name go into headers too, with arguments that the tool's schema marks (`x-mcp-header`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
    find_invalid_x_mcp_header,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import (
    PROTOCOL_VERSION_META_KEY,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    RequestId,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

_MAX_TOOLS = 2048  # whose marked arguments are remembered; introspection reads no more either


class Stamp:
    """What one session's messages have said so far that later ones must repeat in headers."""

    def __init__(self) -> None:
        self._version: str | None = None
        self._initialize: RequestId | None = None
        self._marked: dict[str, dict[tuple[str, ...], str]] = {}

    def headers(self, message: JSONRPCMessage) -> dict[str, str] | None:
        """The headers of a message from the client."""
        if not isinstance(message, JSONRPCRequest | JSONRPCNotification):
            return self._legacy()
        if isinstance(message, JSONRPCRequest) and message.method == "initialize":
            self._initialize = message.id
            return None  # it is the negotiation
        params: Mapping[str, Any] = message.params or {}
        meta = params.get("_meta")
        version = meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None
        if version not in MODERN_PROTOCOL_VERSIONS:
            return self._legacy()
        found = {MCP_PROTOCOL_VERSION_HEADER: str(version), MCP_METHOD_HEADER: message.method}
        name = params.get(NAME_BEARING_METHODS.get(message.method, ""))
        if isinstance(name, str):
            found[MCP_NAME_HEADER] = encode_header_value(name)
            marked = self._marked.get(name) if message.method == "tools/call" else None
            arguments = params.get("arguments")
            if marked and isinstance(arguments, dict):
                found |= mcp_param_headers(marked, arguments)
        return found

    def _legacy(self) -> dict[str, str] | None:
        return {MCP_PROTOCOL_VERSION_HEADER: self._version} if self._version else None

    def learn(self, message: JSONRPCMessage) -> None:
        """Look at a message from the server."""
        if not isinstance(message, JSONRPCResponse):
            return
        result = message.result
        if self._initialize is not None and message.id == self._initialize:
            agreed = result.get("protocolVersion")
            # Only one that is known: it becomes a header of every request.
            self._version = agreed if agreed in KNOWN_PROTOCOL_VERSIONS else None
        tools = result.get("tools")
        for tool in tools if isinstance(tools, list) else ():
            self._remember(tool)

    def _remember(self, tool: object) -> None:
        if not isinstance(tool, dict) or len(self._marked) >= _MAX_TOOLS:
            return
        name, schema = tool.get("name"), tool.get("inputSchema")
        if not isinstance(name, str) or not isinstance(schema, dict):
            return
        if find_invalid_x_mcp_header(schema) is None and (marked := x_mcp_header_map(schema)):
            self._marked[name] = marked
        else:
            self._marked.pop(name, None)
