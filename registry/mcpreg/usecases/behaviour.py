"""The server started once in the sandbox, without network and without grants.

What it reaches for is denied and recorded, and it goes on: every name asked for, every packet sent
towards a host, every file that it opened and that is not there, and what it offered. Which
variables it read cannot be told: it has no others than its own.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcpreg.core.evidence import Behaviour, Missing
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.core.plan import Plan
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    SandboxKilledError,
    SandboxSetupError,
)
from mcpreg.packages.registry import kind_for
from mcpreg.usecases.probe import probe_plan

_NETWORK = frozenset({"tcp", "udp", "ip", "dns"})
_FILES = frozenset({"file", "escape"})
_SHOWN = 500  # characters of the server's last words


def behaviour(manifest: Manifest, lock: Lock, app: Path) -> Behaviour | Missing:
    """Start the locked package installed in `app`, list what it offers, stop it.

    `Missing` when this machine cannot: no interpreter, no sandbox.
    """
    try:
        runtime = kind_for(lock.package.registry_type).runtime(lock)
        plan = probe_plan(manifest, lock, app, runtime)
    except (NotFoundError, SandboxSetupError) as error:
        return Missing(_why(error))
    except McpregError as error:
        return Behaviour(offer=None, problem=_sentence(error))
    with tempfile.TemporaryDirectory(prefix="mcpreg-watch-") as folder:
        return _watched(plan, Path(folder, "events.jsonl"))


def _watched(plan: Plan, events: Path) -> Behaviour | Missing:
    from mcpreg.usecases.introspect import introspect  # the MCP SDK takes a second

    offer, problem, killed = None, None, None
    try:
        offer = introspect(plan, events=events)
    except SandboxKilledError as error:  # too much memory, say: what cannot be denied
        killed = _why(error)
    except (NotFoundError, SandboxSetupError) as error:
        return Missing(_why(error))
    except McpregError as error:
        problem = _sentence(error)
    seen = _read(events)
    violations = [event for event in seen if event["event"] == "violation"]
    if violations and killed is None:
        killed = f"reached for {violations[0]['kind']} {violations[0]['target']}"
    return Behaviour(
        offer=offer,
        reached=tuple(dict.fromkeys(filter(None, map(_target, violations)))),
        looked_for=tuple(
            dict.fromkeys(event["path"] for event in seen if event["event"] == "missing")
        ),
        killed=killed,
        problem=problem,
    )


def _read(events: Path) -> list[dict[str, Any]]:
    """What the sandbox wrote; the server itself cannot write there."""
    if not events.exists():
        return []
    return [json.loads(line) for line in events.read_text().splitlines()]


def _target(violation: Mapping[str, str]) -> str | None:
    kind, target = violation["kind"], violation["target"]
    if kind in _NETWORK:
        return f"host:{target}"
    return f"file:{target}" if kind in _FILES else None


def _why(error: McpregError) -> str:
    return f"{error.message}{f' ({error.hint})' if error.hint else ''}"


def _sentence(error: McpregError) -> str:
    said = " ".join((error.hint or "").split())
    return f"{error.message}{f': {said[-_SHOWN:]}' if said else ''}"
