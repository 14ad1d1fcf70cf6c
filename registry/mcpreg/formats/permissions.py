"""ToolHive's permissions as capabilities, and back.

    {"read": [path…], "write": [path…], "privileged": …,
     "network": {"outbound": {"allow_host": […], "allow_port": […], "insecure_allow_all": …}}}

Hosts and ports there are two lists, of which every pair is allowed; `.example.com` means the
subdomains, `*.example.com` here. Nothing is ever widened on the way: what one side cannot say
exactly is left out and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpreg.core import capability
from mcpreg.core.capability import Capability, CapabilityError, Egress, Files, Network, Variable
from mcpreg.core.plan import Access, Endpoint
from mcpreg.formats.notes import shown

_EVERY_PORT = (443,)  # what a host without ports gets here
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
# ToolHive's paths are plain; these would mean something to us, and a colon to Docker.
_MEANINGFUL = frozenset("*?[]{}:")
# The registry's own schema: absolute, no empty part.
_PATH = re.compile(r"(/[^/\0]+)+")
_KNOWN = frozenset(("read", "write", "network", "privileged", "name"))
Json = Any


@dataclass(frozen=True, slots=True)
class Granted:
    """The capabilities that permissions mean, and in words what they do not hold."""

    sandbox: tuple[str, ...]
    notes: tuple[str, ...] = ()


def capabilities_of(permissions: Mapping[str, Json]) -> Granted:
    """Capabilities in the order files, network; each valid by the grammar."""
    sandbox: list[str] = []
    notes: list[str] = []
    for access in ("read", "write"):
        for path in _strings(permissions, access, notes):
            grant = _file_grant(access, path)
            if grant is None:
                notes.append(f"permissions.{access}: no capability for '{shown(path)}'")
            else:
                sandbox.append(grant)
    sandbox += _network(permissions, notes)
    if permissions.get("privileged") is True:
        notes.append("permissions.privileged: no capability for it, the sandbox has none of it")
    notes += [
        f"permissions.{shown(key)}: not known, kept only"
        for key in permissions
        if key not in _KNOWN
    ]
    return Granted(tuple(dict.fromkeys(sandbox)), tuple(notes))


def _file_grant(access: str, path: str) -> str | None:
    plain = path.rstrip("/")
    if _MEANINGFUL & set(path) or not _PATH.fullmatch(plain):
        return None
    return _valid(f"fs:{access}:{plain}/**")


def _valid(text: str) -> str | None:
    try:
        return str(capability.parse(text))
    except CapabilityError:
        return None


def _network(permissions: Mapping[str, Json], notes: list[str]) -> Iterator[str]:
    network = permissions.get("network")
    outbound = network.get("outbound") if isinstance(network, dict) else None
    if not isinstance(outbound, dict):
        notes.append("permissions: no word about the network, which ToolHive leaves open; closed")
        return
    if outbound.get("insecure_allow_all") is True:
        notes.append("permissions: ToolHive allows every host; no capability does, so none is")
        return
    hosts = list(_strings(outbound, "allow_host", notes))
    ports = _ports(outbound, notes)
    if not hosts and not ports:
        if not outbound.get("allow_host") and not outbound.get("allow_port"):
            yield "net:none"
        return
    if not hosts:
        notes.append("permissions: ToolHive allows every host on these ports; no capability does")
        return
    if any(host.lower() in _LOOPBACK for host in hosts):
        yield "net:loopback"
    yield from _egress(hosts, ports, notes)


def _egress(hosts: Sequence[str], ports: Sequence[int], notes: list[str]) -> Iterator[str]:
    endpoints: list[str] = []
    for host in hosts:
        if host.lower() in _LOOPBACK:
            continue
        ours = f"*{host}" if host.startswith(".") else host
        if host.startswith("*") or _valid(f"net:egress:{ours}:1") is None:
            notes.append(f"permissions.network: no capability for the host '{shown(host)}'")
            continue
        endpoints += [f"{ours.lower()}:{port}" for port in ports or _EVERY_PORT]
    if endpoints and not ports:
        notes.append("permissions.network: ToolHive allows every port of these hosts; here 443")
    yield from _packed(endpoints)


def _packed(endpoints: Iterable[str]) -> Iterator[str]:
    """As few `net:egress` capabilities as their length limit allows."""
    text = ""
    for endpoint in dict.fromkeys(endpoints):
        longer = f"{text},{endpoint}" if text else f"net:egress:{endpoint}"
        if len(longer) > capability.MAX_LENGTH:
            yield text
            longer = f"net:egress:{endpoint}"
        text = longer
    if text:
        yield text


def _strings(holder: Mapping[str, Json], key: str, notes: list[str]) -> Iterator[str]:
    value = holder.get(key)
    if value is None:
        return
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and isinstance(value, list):
            yield item
        else:
            notes.append(f"permissions.{key}: not a list of texts")
            return


def _ports(outbound: Mapping[str, Json], notes: list[str]) -> list[int]:
    value = outbound.get("allow_port") or []
    ports = value if isinstance(value, list) else [value]
    right = [port for port in ports if type(port) is int and 1 <= port <= 65535]
    if len(right) < len(ports):
        notes.append("permissions.allow_port: not a list of ports")
    return right


@dataclass(frozen=True, slots=True)
class Written:
    """Permissions that allow no more than the capabilities; None when those say nothing.

    `lost` are indices into the capabilities, with the reason.
    """

    permissions: dict[str, Json] | None
    lost: tuple[tuple[int, str], ...] = ()


def permissions_of(sandbox: Sequence[str]) -> Written:
    """ToolHive's permissions; variables are not its permissions' business.

    Args:
        sandbox: a manifest's capabilities, each valid by the grammar.
    """
    parsed = [capability.parse(text) for text in sandbox]
    lost: list[tuple[int, str]] = []
    permissions: dict[str, Json] = {}
    for index, grant in enumerate(parsed):
        if isinstance(grant, Files):
            path, reason = _plain_path(grant)
            if path is None:
                lost.append((index, reason))
                continue
            paths = permissions.setdefault(str(grant.access), [])
            if path not in paths:
                paths.append(path)
    if parsed:
        permissions["network"] = {"outbound": _outbound(parsed, lost)}
    return Written(permissions or None, tuple(sorted(lost)))


def _plain_path(grant: Files) -> tuple[str | None, str]:
    access = "read" if grant.access is Access.READ else "write"
    if not _PATH.fullmatch(grant.path) or _MEANINGFUL & set(grant.path):
        return None, f"ToolHive's {access} paths are absolute, below / and without patterns"
    if not grant.tree:
        return None, f"ToolHive would {access} everything below {grant.path}"
    return grant.path, ""


def _outbound(parsed: Sequence[Capability], lost: list[tuple[int, str]]) -> dict[str, Json]:
    allowed = [e for grant in parsed if isinstance(grant, Egress) for e in grant.endpoints]
    hosts, ports = _largest_product(allowed)
    held = {Endpoint(host, port) for host in hosts for port in ports}
    for index, grant in enumerate(parsed):
        if isinstance(grant, Egress) and not held.issuperset(grant.endpoints):
            left_out = ", ".join(f"{e.host}:{e.port}" for e in grant.endpoints if e not in held)
            lost.append((index, f"ToolHive allows each host on every port: without {left_out}"))
    names = [host.removeprefix("*") for host in hosts]
    if Network("loopback") in parsed:
        names.insert(0, "localhost")
    outbound: dict[str, Json] = {"allow_host": names} if names else {}
    if ports:
        outbound["allow_port"] = ports
    return outbound


def _largest_product(allowed: Iterable[Endpoint]) -> tuple[list[str], list[int]]:
    """Hosts and ports of which every pair is allowed: all of them, or the hosts of one port set."""
    by_host: dict[str, list[int]] = {}
    for endpoint in dict.fromkeys(allowed):
        by_host.setdefault(endpoint.host, []).append(endpoint.port)
    best: tuple[list[str], list[int]] = ([], [])
    for ports in by_host.values():
        hosts = [host for host, those in by_host.items() if set(ports) <= set(those)]
        if len(hosts) * len(ports) > len(best[0]) * len(best[1]):
            best = (hosts, ports)
    return best


def meaning(sandbox: Iterable[str]) -> frozenset[str]:
    """Files and network as a set that two lists share exactly when they allow the same.

    Raises:
        CapabilityError: one is not in the grammar.
    """
    atoms: set[str] = set()
    for text in sandbox:
        grant = capability.parse(text)
        if isinstance(grant, Egress):
            atoms.update(f"{endpoint.host}:{endpoint.port}" for endpoint in grant.endpoints)
        elif not isinstance(grant, Variable) and grant != Network("none"):
            atoms.add(str(grant))
    return frozenset(atoms)
