"""What a version may touch, at a glance: network, files, secrets, one mark each."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from mcpreg.core.capability import Capability, Egress, Files, Network, Variable
from mcpreg.core.manifest import Manifest
from mcpreg.core.plan import Access
from mcpreg.core.safety import secrets_of
from mcpreg_site.text import count


@dataclass(frozen=True, slots=True)
class Mark:
    """`kind` chooses the picture; `granted` whether it is shown strong or faint."""

    kind: str
    granted: bool
    text: str


def hosts(manifest: Manifest) -> tuple[str, ...]:
    """The hosts of the remote addresses, in the manifest's order."""
    found = (_host(remote.url) for remote in manifest.remotes or ())
    return tuple(dict.fromkeys(host for host in found if host))


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def marks(manifest: Manifest, *, held: bool = True) -> tuple[Mark, ...]:
    """Three marks for what runs here, one for what runs elsewhere.

    `held` is whether a sandbox keeps it to what it declares. Without one, what is not declared is
    unknown, so only what is declared gets a mark.
    """
    if manifest.is_remote:
        return (Mark("remote", True, f"runs at {', '.join(hosts(manifest)) or 'another host'}"),)
    parsed = manifest.capabilities.parsed()
    found = (_network(parsed), _files(parsed), _variables(parsed, manifest))
    return tuple(mark for mark in found if held or mark.granted)


def _network(parsed: tuple[Capability, ...]) -> Mark:
    endpoints = [e for item in parsed if isinstance(item, Egress) for e in item.endpoints]
    names = list(dict.fromkeys(endpoint.host for endpoint in endpoints))
    if names:
        return Mark("network", True, names[0] if len(names) == 1 else count(len(names), "host"))
    if Network("loopback") in parsed:
        return Mark("network", False, "own loopback only")
    return Mark("network", False, "no network")


def _files(parsed: tuple[Capability, ...]) -> Mark:
    files = [item for item in parsed if isinstance(item, Files)]
    if not files:
        return Mark("files", False, "no files")
    writes = any(item.access is Access.WRITE for item in files)
    return Mark("files", True, "writes files" if writes else "reads files")


def _variables(parsed: tuple[Capability, ...], manifest: Manifest) -> Mark:
    # The same judgement as the safety level's, or the mark would contradict it.
    secrets = secrets_of(manifest, parsed)
    if secrets:
        return Mark("secrets", True, count(len(secrets), "secret"))
    names = {item.name for item in parsed if isinstance(item, Variable)}
    if names:
        return Mark("secrets", True, count(len(names), "setting"))
    return Mark("secrets", False, "no secrets")
