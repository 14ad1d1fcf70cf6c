"""The capability grammar, its one parser, and the words people read.

    fs:read:<path>   fs:write:<path>
    net:none   net:loopback   net:egress:<host:port>[,<host:port>...]
    env:<NAME>

Paths: `./` is the folder the user runs in, `~/` the home, `dir/**` a tree, `{arg}` a declared
input. Validator, documentation, sandbox plan and DNS responder all use the values parsed here, so
that what is checked, shown and enforced is the same thing (SPEC section 2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from mcpreg.core.plan import Access, Endpoint
from mcpreg.errors import UsageError

MAX_CAPABILITIES = 128
MAX_LENGTH = 2048
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})+"
_NUMERIC = r"[0-9.]+|0x[0-9a-f.x]+"
_ENV = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
_GLOB = frozenset("*?[")
_ARG = r"\{([A-Za-z_][A-Za-z0-9_.-]{0,63})\}"


class Files(NamedTuple):
    """A file or folder of the host. `path` as written, without the trailing `/**`."""

    path: str
    access: Access
    tree: bool
    kind: Literal["fs"] = "fs"

    @property
    def argument(self) -> str | None:
        """The declared input that names this path, when it is `{arg}` or starts with it."""
        match = re.match(_ARG, self.path)
        return match[1] if match else None

    @property
    def whole(self) -> bool:
        """Whether a folder is granted with all below it; `.` and `~` alone mean that too."""
        return self.tree or self.path in (".", "~", "/")

    def __str__(self) -> str:
        below = "**" if self.path == "/" else "/**"
        return f"fs:{self.access}:{self.path}{below if self.tree else ''}"


class Network(NamedTuple):
    """`net:none` and `net:loopback`: no host outside the sandbox can be reached."""

    mode: str
    kind: Literal["net"] = "net"

    def __str__(self) -> str:
        return f"net:{self.mode}"


class Egress(NamedTuple):
    """The hosts that may be contacted, each on one port."""

    endpoints: tuple[Endpoint, ...]
    kind: Literal["egress"] = "egress"

    def __str__(self) -> str:
        return "net:egress:" + ",".join(f"{e.host}:{e.port}" for e in self.endpoints)


class Variable(NamedTuple):
    """An environment variable handed in from outside."""

    name: str
    kind: Literal["env"] = "env"

    def __str__(self) -> str:
        return f"env:{self.name}"


Capability = Files | Network | Egress | Variable
"""Tuples of the same words are equal, whatever their class; `kind` keeps `env:none` and `net:none`
apart."""


class CapabilityError(UsageError):
    """A capability that the grammar does not allow; `hint` says the nearest that it does."""


def parse(text: str) -> Capability:
    """Parse one capability.

    Raises:
        CapabilityError: it is not in the grammar; the hint shows a valid one.
    """
    if len(text) > MAX_LENGTH or not text.isprintable():
        raise CapabilityError(f"capability {text[:40]!r}... is too long or has control characters")
    kind, _, rest = text.partition(":")
    if kind == "fs":
        return _parse_files(text, rest)
    if kind == "net":
        return _parse_network(text, rest)
    if kind == "env" and re.fullmatch(_ENV, rest):
        return Variable(rest)
    raise CapabilityError(
        f"{text!r} is not a capability",
        hint="one of fs:read:PATH, fs:write:PATH, net:none, net:loopback, "
        "net:egress:HOST:PORT, env:NAME",
    )


def parse_all(texts: Iterable[str]) -> tuple[Capability, ...]:
    """Parse a manifest's list in its own order. Raises `CapabilityError` on the first bad one."""
    parsed = tuple(parse(text) for text in texts)
    if len(parsed) > MAX_CAPABILITIES:
        raise CapabilityError(f"{len(parsed)} capabilities; at most {MAX_CAPABILITIES}")
    _refuse_contradiction(parsed)
    return parsed


def _refuse_contradiction(parsed: tuple[Capability, ...]) -> None:
    isolated = any(isinstance(c, Network) and c.mode == "none" for c in parsed)
    if isolated and any(isinstance(c, Egress) for c in parsed):
        raise CapabilityError(
            "net:none and net:egress contradict each other", hint="drop one of the two"
        )


def _parse_files(text: str, rest: str) -> Files:
    access, _, path = rest.partition(":")
    if access not in ("read", "write") or not path:
        raise CapabilityError(f"{text!r} is not a file capability", hint="fs:read:./data/**")
    if ".." in path.split("/"):
        raise CapabilityError(f"{text!r} climbs with '..'", hint="name the folder itself")
    if not path.startswith(("/", "./", "~/", "{")) and path not in (".", "~"):
        raise CapabilityError(
            f"{text!r}: paths start with ./, ~/, / or {{argument}}", hint=f"fs:{access}:./{path}"
        )
    path = _normal(path)
    tree = path.endswith("/**")
    path = path.removesuffix("/**") or "/"
    _refuse_odd_parts(text, path)
    return Files(path, Access(access), tree)


def _refuse_odd_parts(text: str, path: str) -> None:
    first, *others = path.split("/")
    if "**" in path.split("/"):
        raise CapabilityError(f"{text!r}: /** stands at the end only", hint="fs:read:./data/**")
    # {arg}-more would reach beside what the person chose, and {arg} further on is not replaced.
    braced = re.fullmatch(_ARG, first) if "{" in first or "}" in first else True
    if not braced or any("{" in part or "}" in part for part in others):
        raise CapabilityError(
            f"{text!r}: {{argument}} is a whole first part of a path",
            hint="fs:read:{directory}/**",
        )


def _normal(path: str) -> str:
    lead = "/" if path.startswith("/") else ""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("."):
        return "/".join([".", *parts])
    return lead + "/".join(parts)


def _parse_network(text: str, rest: str) -> Network | Egress:
    if rest in ("none", "loopback"):
        return Network(rest)
    mode, _, hosts = rest.partition(":")
    if mode != "egress" or not hosts:
        raise CapabilityError(
            f"{text!r} is not a network capability",
            hint="net:none, net:loopback or net:egress:api.example.com:443",
        )
    return Egress(tuple(dict.fromkeys(_parse_endpoint(text, item) for item in hosts.split(","))))


def _parse_endpoint(text: str, item: str) -> Endpoint:
    host, colon, port = item.rpartition(":")
    host = host.lower()
    if not colon or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise CapabilityError(f"{item!r} in {text!r} has no port", hint=f"{item.strip(':')}:443")
    if not re.fullmatch(_HOST, host) or len(host) > 253 or re.fullmatch(_NUMERIC, host):
        raise CapabilityError(
            f"{host!r} in {text!r} is not a host name",
            hint="a DNS name, or *.example.com for its subdomains; addresses are not allowed",
        )
    return Endpoint(host, int(port))


def file_covers(wide: Files, narrow: Files) -> bool:
    """Whether a grant includes another: writing includes reading, a tree all below it."""
    if narrow.access is Access.WRITE and wide.access is not Access.WRITE:
        return False
    if wide.whole and wide.path == "/":
        return True
    outer, inner = wide.path.split("/"), narrow.path.split("/")
    if len(inner) < len(outer) or not all(map(_segment_covers, outer, inner)):
        return False
    return wide.whole or (len(inner) == len(outer) and not narrow.whole)


def _segment_covers(pattern: str, part: str) -> bool:
    if pattern == part:
        return True
    if not _GLOB & set(pattern) or (part.startswith(".") and not pattern.startswith(".")):
        return False  # as in a shell, * does not match hidden names
    return pattern == "*" or (not _GLOB & set(part) and fnmatchcase(part, pattern))


def endpoint_covers(wide: Endpoint, narrow: Endpoint) -> bool:
    """Whether a host and port include another; `*.example.com` not `example.com`."""
    if wide.port != narrow.port:
        return False
    return wide.host == narrow.host or (
        wide.host.startswith("*.") and narrow.host.endswith(wide.host[1:])
    )


def describe(capability: Capability) -> str:
    """One sentence part in plain words, as pages and prompts show it."""
    match capability:
        case Files(path, access, tree):
            verb = "read" if access is Access.READ else "read and write"
            return f"may {verb} {_describe_path(path, tree=tree)}"
        case Network("loopback"):
            return "may listen and connect inside its own sandbox only"
        case Network():
            return "cannot use the network"
        case Egress(endpoints):
            return "may contact " + ", ".join(_describe_endpoint(e) for e in endpoints)
        case Variable(name):
            return f"receives the environment variable {name}"


def _describe_path(path: str, *, tree: bool) -> str:
    inside = "everything in " if tree else ""
    match path:
        case ".":
            return f"{inside}the folder you run it in"
        case "~":
            return f"{inside}your home folder"
        case _ if path.startswith("{"):
            rest = re.sub(_ARG, "", path, count=1)
            name = re.match(_ARG, path)
            return f"{inside}the {name[1] if name else ''} you choose{rest and f' ({rest})'}"
        case _:
            return inside + path


def _describe_endpoint(endpoint: Endpoint) -> str:
    if endpoint.host.startswith("*."):
        return f"any subdomain of {endpoint.host[2:]} on {endpoint.port}"
    return f"{endpoint.host} on {endpoint.port}"
