"""The install record: all that starting an installed server needs, and nothing it must parse twice.

Named tuples and `json`, because `mcpreg run` imports neither pydantic nor tuf. The record was
made from verified values; starting checks its digest and the lock's (SPEC section 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mcpreg.core import record
from mcpreg.core.plan import Access, Bind, Limits, RootImage


class InputSpec(NamedTuple):
    """One input of a package or a remote server, reduced to what filling it needs.

    `kind` says where its value goes: `env`, `positional`, `named`, `header`, `url`, or `mount`, a
    folder seen at `name` in an image; a variable of a template has the kind of its template. `name`
    is otherwise the variable, the flag, the value hint, or the header.
    """

    kind: str
    name: str
    value: str | None = None
    """Fixed, or a template over `variables`; nobody is asked for the input itself."""
    default: str | None = None
    required: bool = False
    secret: bool = False
    repeated: bool = False
    choices: tuple[str, ...] = ()
    format: str = "string"
    placeholder: str | None = None
    description: str | None = None
    variables: tuple[InputSpec, ...] = ()


def _input_spec(data: Mapping[str, Any]) -> InputSpec:
    variables = tuple(_input_spec(item) for item in data.get("variables", ()))
    return InputSpec(**{**data, "choices": tuple(data["choices"]), "variables": variables})


class RuntimeRecord(NamedTuple):
    """The interpreter found at install: its host path and what must be bound for it.

    An image (`kind` is `oci`) has `image` instead, and its own variables as `env`.
    """

    kind: str
    version: str
    executable: str
    binds: tuple[Bind, ...]
    links: tuple[tuple[str, str], ...]
    env: Mapping[str, str]
    image: RootImage | None = None


class RemoteRecord(NamedTuple):
    """Where a remote server is. What fills its `url`, and its headers, are inputs of the record."""

    transport: str
    url: str


class InstallRecord(NamedTuple):
    """One installed version. `app` is the folder bound at `/app`; digests are `sha256:<hex>`."""

    name: str
    version: str
    registry: str
    registry_url: str
    installed_at: str
    lock: str
    manifest: str
    app: str
    files: str
    entry: tuple[str, ...]
    runtime: RuntimeRecord
    sandbox: tuple[str, ...]
    inputs: tuple[InputSpec, ...]
    limits: Limits
    tools: tuple[str, ...] = ()
    consents: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Any] = MappingProxyType({})
    """What policies judge by (`core.policy.VetFacts`); empty in records of older versions."""
    policy: str = ""
    """Digest of the policies that allowed it; empty when there was none."""
    remote: RemoteRecord | None = None
    """Of a server that runs elsewhere: nothing of it is installed, and `app` is empty."""
    record_version: int = 1

    def document(self) -> dict[str, Any]:
        """The record as JSON."""
        found: dict[str, Any] = record.document(self)
        return found


def from_document(data: Mapping[str, Any]) -> InstallRecord:
    """Read a record back. Raises KeyError, TypeError or ValueError when it is not one."""
    if data["record_version"] != 1:
        raise ValueError("made by a newer mcpreg")
    runtime = data["runtime"]
    return InstallRecord(
        **{
            **data,
            "entry": tuple(data["entry"]),
            "sandbox": tuple(data["sandbox"]),
            "tools": tuple(data["tools"]),
            "consents": tuple((name, reason) for name, reason in data["consents"]),
            "inputs": tuple(_input_spec(item) for item in data["inputs"]),
            "limits": Limits(**data["limits"]),
            "remote": _remote(data.get("remote")),
            "runtime": RuntimeRecord(
                **{
                    **runtime,
                    "binds": tuple(
                        Bind(**{**item, "access": Access(item["access"])})
                        for item in runtime["binds"]
                    ),
                    "links": tuple((text, path) for text, path in runtime["links"]),
                    "image": RootImage(**runtime["image"]) if runtime.get("image") else None,
                }
            ),
        }
    )


def _remote(data: Mapping[str, Any] | None) -> RemoteRecord | None:
    if data is None:
        return None
    return RemoteRecord(data["transport"], data["url"])
