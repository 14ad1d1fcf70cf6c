"""The package kinds, in one visible list."""

from __future__ import annotations

from mcpreg.errors import McpregError
from mcpreg.packages.pypi import PyPI

KINDS = {kind.registry_type: kind for kind in (PyPI(),)}


def kind_for(registry_type: str) -> PyPI:
    """The kind that handles a `registryType`. Raises `McpregError`."""
    if registry_type not in KINDS:
        raise McpregError(f"{registry_type} packages cannot be installed yet")
    return KINDS[registry_type]
