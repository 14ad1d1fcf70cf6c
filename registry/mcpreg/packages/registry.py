"""The package kinds, in one visible list."""

from __future__ import annotations

from mcpreg.errors import McpregError
from mcpreg.packages.interface import PackageKind
from mcpreg.packages.mcpb import Mcpb
from mcpreg.packages.npm import Npm
from mcpreg.packages.oci import Oci
from mcpreg.packages.pypi import PyPI

KINDS: tuple[PackageKind, ...] = (PyPI(), Npm(), Oci(), Mcpb())


def kind_for(registry_type: str) -> PackageKind:
    """The kind that handles a `registryType`. Raises `McpregError`."""
    for kind in KINDS:
        if kind.registry_type == registry_type:
            return kind
    known = ", ".join(kind.registry_type for kind in KINDS)
    raise McpregError(
        f"{registry_type} packages cannot be locked or installed",
        hint=f"mcpreg locks packages of: {known}",
    )
