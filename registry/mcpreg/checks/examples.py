"""The manifest that the rules' examples change."""

from __future__ import annotations

import json
from typing import Any

from mcpreg.checks.interface import Example
from mcpreg.checks.reading import Submission

BASE: dict[str, Any] = {
    "name": "io.github.acme/clock",
    "title": "Clock",
    "description": "Tells the time in any time zone",
    "version": "1.2.0",
    "repository": {"url": "https://github.com/acme/clock", "source": "github"},
    "packages": [
        {
            "registryType": "pypi",
            "identifier": "acme-clock",
            "version": "1.2.0",
            "transport": {"type": "stdio"},
        }
    ],
    "license": "MIT",
    "tags": ["time"],
    "capabilities": {
        "specVersion": "2025-11-25",
        "tools": [{"name": "now", "description": "The time now"}],
        "sandbox": ["net:none"],
    },
}


def with_package(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
    """`packages` with its one package changed; None removes a member."""
    return {"packages": [_changed(BASE["packages"][0], changes)]}


def with_capabilities(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
    """`capabilities` changed; None removes a member."""
    return {"capabilities": _changed(BASE["capabilities"], changes)}


def with_remote(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON value
    """One remote instead of packages, changed; None removes a member."""
    one = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}
    return {"packages": None, "remotes": [_changed(one, changes)]}


def _changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (base | changes).items() if value is not None}


def submission(example: Example) -> Submission:
    """The example as somebody would hand it in."""
    data = example.raw
    if data is None:
        data = json.dumps(_changed(BASE, dict(example.changes)), indent=2).encode()
    return Submission(data, example.file, example.identity, example.files, example.unreadable)
