"""The server started once in the sandbox, without network and without grants.

What the sandbox can tell today: every name asked for, every packet sent towards a host, the first
of which ends the server, and what it offered if nothing did. It cannot tell which files were
looked for in vain, nor which variables were read: both are simply not there inside.
"""

from __future__ import annotations

import re
from pathlib import Path

from mcpreg.core.evidence import Behaviour, Missing
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    SandboxKilledError,
    SandboxSetupError,
)
from mcpreg.packages.registry import kind_for
from mcpreg.usecases.introspect import introspect
from mcpreg.usecases.probe import probe_plan

_KILLED = re.compile(r"mcpreg: killed: reached for (\w+) ([^\s;]+)")
_NETWORK = frozenset({"tcp", "udp", "ip", "dns"})
_SETUP = re.compile(r"bubblewrap|bwrap|sandbox", re.IGNORECASE)
_SHOWN = 500  # characters of the server's last words


def behaviour(manifest: Manifest, lock: Lock, app: Path) -> Behaviour | Missing:
    """Start the locked package installed in `app`, list what it offers, stop it.

    `Missing` when this machine cannot: no interpreter, no sandbox.
    """
    try:
        runtime = kind_for(lock.package.registry_type).runtime(lock)
        return Behaviour(offer=introspect(probe_plan(manifest, lock, app, runtime)))
    except SandboxKilledError as error:
        return _killed(error)
    except (NotFoundError, SandboxSetupError) as error:
        return Missing(f"{error.message}{f' ({error.hint})' if error.hint else ''}")
    except McpregError as error:
        return Behaviour(offer=None, problem=_sentence(error))


def _killed(error: SandboxKilledError) -> Behaviour:
    match = _KILLED.search(error.hint or "")
    if match is None:
        return Behaviour(offer=None, killed=error.message)
    kind, target = match[1], match[2]
    reached = (f"host:{target}",) if kind in _NETWORK else ()
    return Behaviour(offer=None, reached=reached, killed=f"reached for {kind} {target}")


def _sentence(error: McpregError) -> str:
    said = " ".join((error.hint or "").split())
    return f"{error.message}{f': {said[-_SHOWN:]}' if said else ''}"
