"""A remote server: its address and headers, from the manifest's templates to what is sent.

Pure. What the manifest's author writes is hostile: a value that fills a place in an address can
name no other host, a header can neither break the request's framing nor speak for the protocol,
and plain http leads to this machine only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcpreg.core.answers import Answer
from mcpreg.core.capability import Egress
from mcpreg.core.inputs import TEMPLATE
from mcpreg.core.install import InputSpec, RemoteRecord
from mcpreg.core.placing import place
from mcpreg.core.safety import remote_endpoint
from mcpreg.errors import PolicyError, UsageError

if TYPE_CHECKING:  # starting a server must not import pydantic
    from mcpreg.core.manifest import HttpTransport, Manifest

KIND = "remote"  # of a lock's package and runtime
MAX_URL = 2048
MAX_HEADER = 16 << 10  # bytes of one value; servers refuse more than 8 to 64 KiB in all

_IN_URL = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)  # RFC 3986 unreserved: none ends a component
_IN_HOST = re.compile(r"[A-Za-z0-9-]+", re.ASCII)  # and within one label
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110 section 5.6.2
_URL = re.compile(r"https?://[\x21-\x7e]+", re.ASCII)
# What frames a request, belongs to the protocol, or is for the next hop only.
_RESERVED = frozenset({
    "accept", "accept-encoding", "connection", "content-encoding", "content-length",
    "content-type", "expect", "host", "keep-alive", "last-event-id", "origin", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
_RESERVED_PREFIXES = ("mcp-", "proxy-", "sec-")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port (RFC 6454): what a credential is for."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether it can be this machine only, whatever a name server says."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Target:
    """What a bridge connects to. `headers` hold secrets: they go to `origin` and nowhere else."""

    transport: str
    url: str
    origin: Origin
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def chosen(manifest: Manifest) -> HttpTransport | None:
    """The remote that is locked and run: the first over streamable HTTP, else the first."""
    remotes = manifest.remotes or ()
    modern = (item for item in remotes if item.type == "streamable-http")
    return next(modern, remotes[0] if remotes else None)


def remote_record(remote: HttpTransport) -> RemoteRecord:
    """How it is reached, and where."""
    return RemoteRecord(remote.type, remote.url)


def capability_of(url: str) -> str:
    """What connecting there is, in the capability grammar: `net:egress:HOST:PORT`."""
    return str(Egress((remote_endpoint(url),)))


def target(
    record: RemoteRecord, inputs: Sequence[InputSpec], answers: Mapping[str, Answer]
) -> Target:
    """Fill the address and the headers.

    A header is left out when an optional value of it is missing, or when a place in it is no
    declared variable: nothing could stand there, and sign-in may do instead.

    Args:
        record: as installed.
        inputs: as `core.inputs.remote_specs` makes them.
        answers: of every question that `inputs` come to.

    Raises:
        UsageError: a value does not fit where it belongs.
        PolicyError: the address or a header is not one that may be used.
    """
    for spec in inputs:
        if spec.kind == "url":
            _require_fitting(spec, answers)
    filled = place([spec for spec in inputs if not _is_unfillable(spec)], answers)
    url = filled.url or record.url
    for name, value in filled.headers.items():
        _require_header(name, value)
    return Target(record.transport, url, origin_of(url), filled.headers)


def header_names(inputs: Sequence[InputSpec]) -> list[str]:
    """The headers that a server may be sent, in the manifest's order."""
    return [spec.name for spec in inputs if spec.kind == "header"]


def _is_unfillable(spec: InputSpec) -> bool:
    declared = {variable.name for variable in spec.variables}
    return spec.kind == "header" and not set(re.findall(TEMPLATE, spec.value or "")) <= declared


def _require_fitting(spec: InputSpec, answers: Mapping[str, Answer]) -> None:
    """A value stays within its label of the host, or its segment of the path, whoever chose it."""
    template = spec.value or ""
    begin = template.find("://") + 3
    authority = template[begin:].partition("/")[0]
    fixed = {variable.name: variable.value for variable in spec.variables}
    for match in re.finditer(TEMPLATE, template):
        name = match[1]
        if name not in fixed:
            raise PolicyError(
                f"the address has a place, {name}, which its manifest does not declare"
            )
        value = fixed[name]
        if value is None and name in answers:
            value = answers[name].values[0]
        in_host = match.start() < begin + len(authority)
        allowed = _IN_HOST if in_host else _IN_URL
        if value is None or not allowed.fullmatch(value) or set(value) == {"."}:
            raise UsageError(f"{name} cannot be a part of an address as it was given")


def origin_of(url: str) -> Origin:
    """The origin of an address that may be used.

    Raises `PolicyError`: not https (or http to this machine), a password in it, or no address.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise PolicyError("that is no address of a server") from None
    if len(url) > MAX_URL or not _URL.fullmatch(url) or not host or set(url) & set("\\{}"):
        raise PolicyError("that is no address of a server")
    if "@" in parts.netloc:
        raise PolicyError("the address of the server holds a user name or a password")
    origin = Origin(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))
    if origin.scheme != "https" and not origin.is_loopback:
        raise PolicyError(f"{origin} is not reached by https, and would be readable on the way")
    return origin


def _require_header(name: str, value: str) -> None:
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        raise PolicyError(f"{name[:80]!r} is no name of a header")
    if lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES):
        raise PolicyError(f"the header {name} is the protocol's own, and no server may set it")
    plain = all(char == "\t" or " " <= char <= "~" for char in value)
    if not plain or len(value) > MAX_HEADER or value != value.strip():
        raise UsageError(f"the value for {name} cannot be sent in a header")
