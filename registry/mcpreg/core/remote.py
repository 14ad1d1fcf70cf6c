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

from mcpreg.core.capability import Egress
from mcpreg.core.install import InputSpec, RemoteRecord
from mcpreg.core.safety import remote_endpoint
from mcpreg.errors import PolicyError, UsageError

if TYPE_CHECKING:  # starting a server must not import pydantic
    from mcpreg.core.manifest import HttpTransport, Input, KeyValueInput, Manifest

KIND = "remote"  # of an `InputSpec`
MAX_URL = 2048
MAX_HEADER = 16 << 10  # bytes of one value; servers refuse more than 8 to 64 KiB in all

_PLACE = re.compile(r"\{([^{}]+)\}")
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
    """The address and the header templates. A header without `value` is one place of its name."""
    headers = tuple(
        (item.name, item.value if item.value is not None else f"{{{item.name}}}")
        for item in remote.headers or ()
    )
    return RemoteRecord(remote.type, remote.url, headers)


def remote_inputs(remote: HttpTransport) -> tuple[InputSpec, ...]:
    """What a person gives: variables of the address, then of the headers; each name once."""
    found: dict[str, InputSpec] = {}
    for name, item in (remote.variables or {}).items():
        found.setdefault(name, _spec(name, item))
    for header in remote.headers or ():
        for name, item in _of_header(header):
            found.setdefault(name, _spec(name, item, secret=header.is_secret))
    return tuple(found.values())


def _of_header(header: KeyValueInput) -> list[tuple[str, Input]]:
    if header.value is None:
        return [(header.name, header)]
    return list((header.variables or {}).items())


def _spec(name: str, item: Input, *, secret: bool = False) -> InputSpec:
    return InputSpec(
        kind=KIND,
        name=name,
        # A header without `value` is its own place: it has nothing fixed.
        value=item.value,
        default=item.default,
        required=item.is_required,
        secret=item.is_secret or secret,
        choices=item.choices or (),
    )


def capability_of(url: str) -> str:
    """What connecting there is, in the capability grammar: `net:egress:HOST:PORT`."""
    return str(Egress((remote_endpoint(url),)))


def target(record: RemoteRecord, inputs: Sequence[InputSpec], values: Mapping[str, str]) -> Target:
    """Fill the templates. A header that needs a value nobody gave, and must not have one, is left
    out.

    Args:
        record: as installed.
        inputs: those of kind `remote` count.
        values: what the person gave, by name; fixed values of the manifest win over it.

    Raises:
        UsageError: a value is missing or does not fit; every missing one is named.
        PolicyError: the address or a header is not one that may be used.
    """
    known, missing = _known([item for item in inputs if item.kind == KIND], values)
    needed = set(_PLACE.findall(record.url)) - known.keys()
    missing = list(dict.fromkeys([*missing, *sorted(needed)]))
    if missing:
        raise UsageError(
            f"the server needs {', '.join(missing)}",
            hint=f"set {' and '.join(map(variable_for, missing))} in the environment of mcpreg",
        )
    url = _filled_url(record.url, known)
    headers: dict[str, str] = {}
    for name, template in record.headers:
        if set(_PLACE.findall(template)) <= known.keys():
            headers[name] = _PLACE.sub(lambda match: known[match[1]], template)
    for name, value in headers.items():
        _require_header(name, value)
    return Target(record.transport, url, origin_of(url), headers)


def _known(
    inputs: Sequence[InputSpec], values: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    known: dict[str, str] = {}
    missing = []
    for item in inputs:
        value = item.value if item.value is not None else values.get(item.name, item.default)
        if value is None:
            missing += [item.name] if item.required else []
        elif item.choices and value not in item.choices:
            raise UsageError(f"{item.name} is not one of {', '.join(item.choices)}")
        else:
            known[item.name] = value
    return known, missing


def variable_for(name: str) -> str:
    """The environment variable that gives an input of a remote: `MCPREG_INPUT_X_API_KEY`.

    Not the input's own name: whoever writes a manifest would choose which variable is read.
    """
    return f"MCPREG_INPUT_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"


def _filled_url(template: str, known: Mapping[str, str]) -> str:
    begin = template.find("://") + 3
    authority = template[begin:].partition("/")[0]

    def fill(match: re.Match[str], allowed: re.Pattern[str]) -> str:
        value = known[match[1]]
        if not allowed.fullmatch(value) or set(value) == {"."}:
            raise UsageError(f"{match[1]} cannot be a part of an address: {value!r}")
        return value

    host = _PLACE.sub(lambda match: fill(match, _IN_HOST), authority)
    rest = template[begin + len(authority) :]
    return template[:begin] + host + _PLACE.sub(lambda match: fill(match, _IN_URL), rest)


def origin_of(url: str) -> Origin:
    """The origin of an address that may be used.

    Raises `PolicyError`: not https (or http to this machine), a password in it, or no address.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise PolicyError("that is no address of a server") from None
    if len(url) > MAX_URL or not _URL.fullmatch(url) or not host or "\\" in url:
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
