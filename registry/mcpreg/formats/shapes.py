"""What ToolHive's schemas take, for values of strangers that pass through unread.

A shape answers whether a JSON value is valid; formats such as `uri` are not looked at. Standard:
`toolhive-legacy-registry.schema.json` and `publisher-provided.schema.json` of ToolHive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Any
Shape = Callable[[Json], bool]

OTHERS = ""
"""The key of the shape that members without a name of their own have."""
_BIG = 1 << 60


def text(pattern: str = "", least: int = 0, most: int = _BIG) -> Shape:
    """A string of this length that a pattern matches as a whole."""
    compiled = re.compile(pattern, re.ASCII)

    def valid(value: Json) -> bool:
        return (
            isinstance(value, str)
            and least <= len(value) <= most
            and (not pattern or compiled.fullmatch(value) is not None)
        )

    return valid


def whole(least: int, most: int = _BIG) -> Shape:
    """A whole number within bounds."""
    return lambda value: type(value) is int and least <= value <= most


def number(least: int) -> Shape:
    """Any number from a bound on."""
    return lambda value: type(value) in (int, float) and value >= least


def flag(value: Json) -> bool:
    """True or false."""
    return type(value) is bool


def anything(value: Json) -> bool:  # noqa: ARG001  # a shape
    """Whatever it is."""
    return True


def one_of(*choices: str) -> Shape:
    """One of these strings."""
    return lambda value: isinstance(value, str) and value in choices


def listing(item: Shape, *, unique: bool = False) -> Shape:
    """An array; `unique` only for arrays of strings or numbers."""

    def valid(value: Json) -> bool:
        return (
            isinstance(value, list)
            and all(map(item, value))
            and not (unique and len(set(value)) < len(value))
        )

    return valid


def record(
    members: Mapping[str, Shape],
    *,
    required: tuple[str, ...] = (),
    others: Shape | None = anything,
) -> Shape:
    """An object; `others` is the shape of members without a name here, None: there are none."""

    def valid(value: Json) -> bool:
        if not isinstance(value, dict) or not all(key in value for key in required):
            return False
        shapes = ((members.get(key, others), item) for key, item in value.items())
        return all(shape is not None and shape(item) for shape, item in shapes)

    return valid


TOOL = r"[\w-]+"
TAG = r"[a-z0-9][a-z0-9_-]*[a-z0-9]"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
HEADER = r"[A-Za-z0-9][A-Za-z0-9-]*"
_PORT = whole(1, 65535)
_PATHS = listing(text(r"(/[^/\0]+)+/?"), unique=True)


def _permissions(others: Shape | None, **more: Shape) -> Shape:
    outbound = {
        "allow_host": listing(text(), unique=True),
        "allow_port": listing(_PORT, unique=True),
        "insecure_allow_all": flag,
    }
    network = record({"outbound": record(outbound, others=others)}, others=others)
    members = {"network": network, "read": _PATHS, "write": _PATHS, "privileged": flag}
    return record(members | more, others=others)


def _provenance(others: Shape | None) -> Shape:
    names = (
        "sigstore_url", "repository_uri", "repository_ref", "signer_identity",
        "runner_environment", "cert_issuer",
    )  # fmt: skip
    attestation = record({"predicate_type": text(), "predicate": anything}, others=others)
    return record({**dict.fromkeys(names, text()), "attestation": attestation}, others=others)


def _oauth(others: Shape | None) -> Shape:
    names = ("issuer", "authorize_url", "token_url", "client_id", "resource")
    members = {
        "scopes": listing(text()),
        "use_pkce": flag,
        "oauth_params": record({}, others=text()),
        "callback_port": _PORT,
    }
    return record({**dict.fromkeys(names, text()), **members}, others=others)


_KUBERNETES = record(
    {
        "kind": text(),
        "namespace": text(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"),
        "name": text(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"),
        "uid": text(),
        "image": text(),
        "transport": one_of("stdio", "sse", "streamable-http", "http"),
    }
)
_DEFINITION = record(
    {
        "name": text(),
        "description": text(),
        "inputSchema": record({}),
        "annotations": record({}),
    },
    required=("name",),
)
_VARIABLE_MEMBERS = {
    "name": text(VARIABLE),
    "required": flag,
    "secret": flag,
    "default": text(),
}
_COMMON: Mapping[str, Shape] = {
    "tier": one_of("Official", "Community"),
    "tools": listing(text(TOOL), unique=True),
    "tags": listing(text(TAG), unique=True),
    "custom_metadata": record({}),
    "docker_tags": listing(text(), unique=True),
    "proxy_port": _PORT,
}

_EXTENSION: Mapping[str, Shape] = {
    **_COMMON,
    "status": one_of("Active", "Deprecated", "active", "deprecated"),
    "tool_definitions": listing(_DEFINITION),
    "permissions": _permissions(anything, name=text()),
    "args": listing(text()),
    "provenance": _provenance(anything),
    "oauth_config": _oauth(anything),
    "stateless": flag,
    "env_vars": listing(record({**_VARIABLE_MEMBERS, "description": text()})),
    OTHERS: anything,
}

_ENTRY: Mapping[str, Shape] = {
    "status": one_of("Active", "Deprecated"),
    **{key: _COMMON[key] for key in ("tier", "tools", "tags", "custom_metadata")},
    "tool_definitions": anything,  # where they go is the writer's business
}
_CONTAINER: Mapping[str, Shape] = {
    **_ENTRY,
    "docker_tags": _COMMON["docker_tags"],
    "proxy_port": _PORT,
    "target_port": _PORT,
    "permissions": _permissions(None),
    "provenance": _provenance(None),
}
_REMOTE: Mapping[str, Shape] = {
    **_ENTRY,
    "oauth_config": _oauth(None),
    "env_vars": listing(
        record(
            {**_VARIABLE_MEMBERS, "description": text(least=5, most=200)},
            required=("name", "description", "required"),
            others=None,
        )
    ),
}
_COUNTS: Mapping[str, Shape] = {"stars": whole(0), "pulls": whole(0), "last_updated": text()}


@dataclass(frozen=True, slots=True)
class Form:
    """What one place takes: an extension's members by name, and those of its `metadata`."""

    members: Mapping[str, Shape]
    metadata: Mapping[str, Shape]


ENVELOPE = Form(
    _EXTENSION,
    {"stars": number(0), "last_updated": text(), "kubernetes": _KUBERNETES, OTHERS: anything},
)
"""The extension in the envelope, which may hold more than its schema names."""
is_extension: Shape = record(
    {**_EXTENSION, "overview": text(), "metadata": record(ENVELOPE.metadata)},
    required=("status",),
)
"""A whole extension, of a package that nobody reads."""
CONTAINER = Form(_CONTAINER, _COUNTS)
"""A container's entry in the registry: what is not built anew. Nothing else may stand there."""
REMOTE = Form(_REMOTE, _COUNTS)
"""A remote server's entry: the same."""
