"""Which provenance an npm registry has for a lock's own package."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mcpreg.core.lock import Lock
from mcpreg.errors import McpregError, NotFoundError, UnreachableError
from mcpreg.packages.client import RESOLVE_SECONDS, ask
from mcpreg.packages.npm import OLDEST_NODE, npm_command
from mcpreg.packages.offered import MAX_ATTESTATIONS, Attestation, Index, Offered
from mcpreg.packages.runtime import find_node

_PROVENANCE = "https://slsa.dev/provenance/"  # the registry's own key signs the other kind
_MAX_ATTESTATIONS = 10
_UNSET = "undefined"  # what `npm config get` prints for a setting that nobody made


def offered(lock: Lock) -> tuple[Offered, ...]:
    """The published package's archive with what is attested about it.

    Raises:
        UnreachableError: the registry does not answer.
        McpregError: npm fails, or the lock has no such archive.
    """
    name, version = lock.package.identifier, lock.package.version
    path = f"node_modules/{name}"
    row = next((row for row in lock.npm_packages if row.path == path), None)
    if row is None or row.integrity is None:
        raise McpregError(f"the lock has no archive of {name}")
    digest = base64.b64decode(row.integrity.removeprefix("sha512-")).hex()
    purl = f"pkg:npm/{quote(name, safe='/')}@{quote(version, safe='')}"
    return (Offered(f"{name}@{version}", purl, "sha512", digest, tuple(_asked(name, version))),)


def _asked(name: str, version: str) -> Iterator[Attestation]:
    with tempfile.TemporaryDirectory(prefix="mcpreg-npm-") as folder:
        address = _address(name, version, Path(folder))
        if address is None:
            return
        registry = _registry(name, Path(folder))
    with Index(registry) as index:
        # As npm itself does: the path that the package's entry names, at the registry that is used.
        url = index.address + urlsplit(address).path
        try:
            document = index.json(url, accept="application/json", limit=MAX_ATTESTATIONS)
        except NotFoundError as error:
            said = f"the npm registry says that {name}@{version} is attested, and does not have it"
            raise UnreachableError(said) from error
    yield from _attestations(document)


def _attestations(document: Any) -> Iterator[Attestation]:  # noqa: ANN401  # any JSON value
    rows = document.get("attestations") if isinstance(document, dict) else None
    for row in rows[:_MAX_ATTESTATIONS] if isinstance(rows, list) else ():
        kind = row.get("predicateType") if isinstance(row, dict) else None
        if isinstance(kind, str) and kind.startswith(_PROVENANCE):
            bundle = row.get("bundle")
            yield Attestation("sigstore", bundle if isinstance(bundle, dict) else {})


def _address(name: str, version: str, folder: Path) -> str | None:
    """`dist.attestations.url` of the package's entry."""
    said = _npm(folder, "view", f"{name}@{version}", "dist", "--json", name=name)
    try:
        found = json.loads(said).get("attestations")
    except (ValueError, RecursionError, AttributeError) as error:
        raise McpregError(f"npm says nothing readable about {name}@{version}") from error
    url = found.get("url") if isinstance(found, dict) else None
    return url if isinstance(url, str) else None


def _registry(name: str, folder: Path) -> str:
    """The registry that npm asks for a package, its scope's own first."""
    scope = name.partition("/")[0] if name.startswith("@") else None
    for key in (f"{scope}:registry", "registry") if scope else ("registry",):
        said = _npm(folder, "config", "get", key, name=name).strip()
        if said and said != _UNSET:
            return said
    raise McpregError("npm names no registry")


def _npm(folder: Path, *words: str, name: str) -> str:
    command = [*npm_command(find_node(OLDEST_NODE)), *words, "--loglevel=error", "--logs-max=0"]
    what = f"ask npm about {name}"
    return ask(command, cwd=folder, seconds=RESOLVE_SECONDS, what=what)
