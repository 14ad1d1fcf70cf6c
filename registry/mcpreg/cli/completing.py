"""What words complete to in a shell.

Runs at every press of the tab key: names come from one small file each, and nothing else is
imported. Whatever is wrong with that file completes to nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from mcpreg.store.places import places

_MAX_BYTES = 4 << 20


def installed_servers(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Names of what is installed; with a version once an @ was typed."""
    try:
        with (places().data / "installed.json").open("rb") as stream:
            servers = json.loads(stream.read(_MAX_BYTES))["servers"]
        names = [name for name in servers if isinstance(name, str)]
        if "@" in incomplete:
            names = [f"{name}@{version}" for name in names for version in servers[name]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return _beginning(names, incomplete)


def input_names(context: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Names of the inputs of the server that stands before."""
    from mcpreg.core.inputs import questions
    from mcpreg.core.names import parse_reference
    from mcpreg.errors import McpregError
    from mcpreg.store.installed import InstalledStore

    try:
        wanted = parse_reference(str(context.params["server"]))
        record = InstalledStore(places().data).open(wanted.name, wanted.version).record
    except (McpregError, OSError, KeyError, ValueError):
        return []
    return _beginning([question.name for question in questions(record.inputs)], incomplete)


def running_now(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Ids of the runs that go on."""
    from mcpreg.audit.running import running
    from mcpreg.errors import McpregError

    try:
        return _beginning([item.run.run_id for item in running(places().state)], incomplete)
    except McpregError:
        return []


def mcp_clients(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The clients that `mcpreg client` knows."""
    from mcpreg.clients import CLIENTS

    return _beginning([client.name for client in CLIENTS], incomplete)


def trusted_registries(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Names of the pinned registries, without looking at their roots."""
    try:
        with (places().config / "registries.json").open("rb") as stream:
            pins = json.loads(stream.read(_MAX_BYTES))["registries"]
        return _beginning([str(pin["name"]) for pin in pins], incomplete)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    # Files on this machine, but a line of the shell's protocol is a line.
    return [name for name in sorted(names) if name.startswith(incomplete) and name.isprintable()]
