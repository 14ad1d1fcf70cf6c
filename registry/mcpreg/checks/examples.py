"""The manifest that the rules' examples change."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from mcpreg.checks.case import Case, Surroundings
from mcpreg.checks.interface import Example
from mcpreg.checks.reading import Submission, read
from mcpreg.checks.subject import subject_of
from mcpreg.core import canonical, toolset
from mcpreg.core.evidence import Evidence
from mcpreg.core.lock import (
    LOCK_FILE,
    Lock,
    LockedPackage,
    LockedToolset,
    PythonRuntime,
    parse_lock,
)
from mcpreg.core.manifest import Manifest

TODAY = date(2026, 11, 1)

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


def case(example: Example) -> Case:
    """The example of a `CaseRule`: its manifest must be a valid one."""
    handed_in = submission(example)
    subject = subject_of(read(handed_in))
    if subject is None:
        raise ValueError("the example is no manifest")
    lock = (example.files or {}).get(LOCK_FILE)
    return Case(
        subject=subject,
        surroundings=example.surroundings or Surroundings(today=TODAY),
        evidence=example.evidence or Evidence(),
        lock=parse_lock(lock) if lock is not None else None,
        lock_bytes=lock,
    )


def submission(example: Example) -> Submission:
    """The example as somebody would hand it in."""
    data = example.raw
    if data is None:
        data = json.dumps(_changed(BASE, dict(example.changes)), indent=2).encode()
    return Submission(data, example.file, example.identity, example.files, example.unreadable)


def lock(*tools: str, **changes: Any) -> bytes:  # noqa: ANN401  # any JSON value
    """The lock that BASE has, offering these tools; `changes` are members in snake_case."""
    hashes = toolset.tool_hashes({"name": name} for name in tools or ("now",))
    manifest = Manifest.model_validate(BASE)
    fields: dict[str, Any] = {
        "name": manifest.name,
        "version": manifest.version,
        "manifest": manifest.digest(),
        "resolved_at": "2026-10-31T00:00:00Z",
        "runtime": PythonRuntime(kind="python", versions=("3.11", "3.12")),
        "package": LockedPackage(registry_type="pypi", identifier="acme-clock", version="1.2.0"),
        "entry": ("python3", "/app/bin/acme-clock"),
        "toolset": LockedToolset(
            protocol="2025-11-25",
            client_capabilities={},
            tools=hashes,
            digest=canonical.digest(hashes),
        ),
        "sandbox": manifest.capabilities.sandbox,
    }
    return Lock(**(fields | changes)).canonical()
