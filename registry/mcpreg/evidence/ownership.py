"""Which servers a package says it belongs to.

As the official registry asks: `mcpName` in an npm package's package.json, `mcp-name: NAME` in a
PyPI package's README, which its metadata carries, the label `io.modelcontextprotocol.server.name`
of a container image. Read from the installed artifact, or the image's configuration, whose hash the
lock names, so that what was looked at is what runs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from mcpreg.core.evidence import Missing, PackageClaim
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.errors import McpregError
from mcpreg.evidence.installed import Installed, NotInstallable
from mcpreg.packages import oci

MAX_METADATA = 4 << 20
_MAX_NAMES = 20
LABEL = "io.modelcontextprotocol.server.name"
_SERVER = re.compile(r"[A-Za-z0-9.-]{1,150}/[A-Za-z0-9._-]{1,150}", re.ASCII)
_NAME = re.compile(rf"mcp-name:\s*({_SERVER.pattern})", re.ASCII)
_GITHUB = "io.github."


def ownership(
    manifest: Manifest, tree: Installed | NotInstallable | Missing
) -> tuple[PackageClaim, ...] | Missing:
    """What the manifest's locked package says; other packages were not installed, so not asked."""
    if isinstance(tree, Missing):
        return tree
    if isinstance(tree, NotInstallable):
        return Missing(tree.problem, ours=False)
    if tree.kind == "mcpb":
        return _by_address(manifest)
    name = tree.own.rpartition("@")[0]
    for index, package in enumerate(manifest.packages or ()):
        if package.registry_type == tree.kind and _same(package.identifier, name, tree.kind):
            names = tuple(dict.fromkeys(_names(tree)))[:_MAX_NAMES]
            where = "package.json" if tree.kind == "npm" else "METADATA"
            return (PackageClaim(index, package.identifier, names, f"{where} of {tree.own}"),)
    return Missing(f"{tree.own} is not among the manifest's packages", ours=False)


def image_ownership(manifest: Manifest, lock: Lock) -> tuple[PackageClaim, ...] | Missing:
    """What the locked image says; of several platforms, what all of them say."""
    identifier = lock.package.identifier
    found = (i for i, item in enumerate(manifest.packages or ()) if item.identifier == identifier)
    index = next(found, None)
    if index is None:
        return Missing(f"{identifier} is not among the manifest's packages", ours=False)
    try:
        told = [_label(labels) for labels in oci.labels(lock)]
    except McpregError as error:
        return Missing(error.message)
    names = tuple(name for name in dict.fromkeys(told) if name and told.count(name) == len(told))
    detail = f"label {LABEL} of {len(told)} images"
    return (PackageClaim(index, identifier, names, detail),)


def _label(labels: Mapping[str, str]) -> str | None:
    name = labels.get(LABEL, "").strip()
    return name if _SERVER.fullmatch(name) else None


def _by_address(manifest: Manifest) -> tuple[PackageClaim, ...]:
    """A bundle says nothing of servers; where it lies does, when the namespace's owner holds that.

    `io.github.<owner>` holds the releases of that owner's repositories, a domain its own hosts.
    """
    namespace = manifest.name.partition("/")[0].lower()
    claims = []
    for index, package in enumerate(manifest.packages or ()):
        if package.registry_type == "mcpb":
            url = urlsplit(package.identifier)
            host = (url.hostname or "").lower()
            place = f"{host}/{url.path.strip('/').partition('/')[0]}".lower()
            domain = ".".join(reversed(namespace.split(".")))
            owner = namespace.removeprefix(_GITHUB) if namespace.startswith(_GITHUB) else None
            if owner is not None:
                held = place == f"github.com/{owner}"
            else:
                held = host == domain or host.endswith(f".{domain}")
            names = (manifest.name,) if held else ()
            claims.append(PackageClaim(index, package.identifier, names, f"its address at {host}"))
    return tuple(claims)


def _same(identifier: str, name: str, kind: str) -> bool:
    def plain(text: str) -> str:
        return re.sub(r"[-_.]+", "-", text).casefold() if kind == "pypi" else text

    return plain(identifier) == plain(name)


def _names(tree: Installed) -> Iterator[str]:
    # Not `own_files`: what nobody lists may have been left there by a dependency.
    for path in (path for path in tree.own_files if tree.owners[path] == tree.own):
        if tree.kind == "npm" and path.endswith(f"node_modules/{_npm_name(tree)}/package.json"):
            name = _member(tree.root / path, "mcpName")
            if name:
                yield name
        elif tree.kind == "pypi" and _is_own_metadata(path, tree):
            found = _NAME.findall(_text(tree.root / path))
            yield from (name.rstrip(".") for name in found)  # the end of a sentence


def _is_own_metadata(path: str, tree: Installed) -> bool:
    """Whether it is the package's own METADATA, and none that something else put beside it."""
    folder, _, file = path.rpartition("/")
    if file != "METADATA" or not folder.endswith(".dist-info"):
        return False
    name = folder.rpartition("/")[2].partition("-")[0]  # `name-version.dist-info`, `-` made `_`
    return _same(name, tree.own.rpartition("@")[0], tree.kind)


def _npm_name(tree: Installed) -> str:
    return tree.own.rpartition("@")[0]


def _member(path: Path, key: str) -> str | None:
    try:
        value = json.loads(_text(path)).get(key)
    except (ValueError, AttributeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(MAX_METADATA).decode(errors="replace")
