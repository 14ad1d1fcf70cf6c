"""Packages in a local index, the manifests that name them, and their locks.

Everything is real: uv and npm fetch what `local_index` serves, and `make_lock` locks it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import tiny_server
from local_index import CUTOFF, RESOLVED_AT, LocalIndex
from mcpreg.core import canonical, toolset
from mcpreg.core.lock import Lock, LockedToolset
from mcpreg.core.manifest import Manifest
from mcpreg.errors import NotFoundError
from mcpreg.packages.npm import OLDEST_NODE
from mcpreg.packages.registry import kind_for
from mcpreg.packages.runtime import find_node, find_python

TOOL = {"name": "now", "description": "The time", "inputSchema": {"type": "object"}}
SERVER = Path(tiny_server.__file__).read_text()
MAIN = """
import sys
from acme_clock import server

def main():
    sys.argv[1:] = [{settings!r}]
    {before}
    server.main()
"""


def skip_without_python() -> None:
    """Skip when this machine has no CPython that a server can run on."""
    try:
        find_python(("3.11", "3.12", "3.13", "3.14"))
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")


def skip_without_node() -> None:
    """Skip when this machine has no Node, or no npm."""
    try:
        find_node(OLDEST_NODE)
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")


def skip_without_sandbox() -> None:
    """Skip when servers cannot be started here."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is missing: apt-get install bubblewrap")


def clock_files(before: str = "pass", **settings: Any) -> dict[str, str]:  # noqa: ANN401  # JSON
    """The files of a Python server; `settings` are those of `tiny_server`."""
    text = json.dumps({"tools": [TOOL]} | settings)
    return {
        "acme_clock/__init__.py": MAIN.format(settings=text, before=before),
        "acme_clock/server.py": SERVER,
    }


def manifest(kind: str, identifier: str, version: str = "1.0.0", **changes: object) -> Manifest:
    """The manifest of a server with one package, offering `now`."""
    document: dict[str, Any] = {
        "name": "io.github.acme/clock",
        "description": "Tells the time in any time zone",
        "version": version,
        "packages": [
            {
                "registryType": kind,
                "identifier": identifier,
                "version": version,
                "transport": {"type": "stdio"},
            }
        ],
        "license": "MIT",
        "capabilities": {"tools": [{"name": "now"}], "sandbox": ["net:none"]},
    }
    return Manifest.model_validate(document | changes)


@dataclass
class Shop:
    """An index with the package `acme-clock` (PyPI) or `@acme/clock` (npm), ready to be locked."""

    index: LocalIndex

    def wheel(self, version: str = "1.0.0", **made: Any) -> Manifest:  # noqa: ANN401  # as `wheel`
        """Publish a wheel of the server; returns its manifest."""
        files: Mapping[str, str] = {**clock_files(), **made.pop("files", {})}
        scripts = {"acme-clock": "acme_clock:main"}
        self.index.add_wheel("acme-clock", version, files=files, scripts=scripts, **made)
        return manifest("pypi", "acme-clock", version)

    def npm(self, version: str = "1.0.0", **made: Any) -> Manifest:  # noqa: ANN401  # as `add_npm`
        """Publish an npm package with a command; returns its manifest."""
        files = {"main.js": "console.log('noon');\n", **made.pop("files", {})}
        self.index.add_npm("@acme/clock", version, files=files, bin={"clock": "main.js"}, **made)
        return manifest("npm", "@acme/clock", version)


def locked(manifest: Manifest, workdir: Path) -> Lock:
    """The lock of what the index holds, as if the server had offered `now` when asked."""
    package = (manifest.packages or ())[0]
    resolution = kind_for(package.registry_type).resolve(package, CUTOFF, workdir)
    tools = toolset.tool_hashes([TOOL])
    return Lock(
        name=manifest.name,
        version=manifest.version,
        manifest=manifest.digest(),
        resolved_at=RESOLVED_AT,
        runtime=resolution.runtime,
        package=resolution.package,
        entry=("python3", "/app/bin/acme-clock")
        if package.registry_type == "pypi"
        else ("node", "/app/node_modules/@acme/clock/main.js"),
        wheels=resolution.wheels,
        npm_packages=resolution.npm_packages,
        toolset=LockedToolset(
            protocol="2025-11-25",
            client_capabilities={},
            tools=tools,
            digest=canonical.digest(tools),
        ),
        sandbox=manifest.capabilities.sandbox,
    )
