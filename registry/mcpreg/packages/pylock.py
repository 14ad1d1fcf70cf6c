"""Reading uv's `pylock.toml` (PEP 751): from a resolver's answer to one wheel a package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from mcpreg.errors import McpregError
from mcpreg.packages.targets import Target, best_wheel

MAX_BYTES = 32 << 20  # one release of a large package may list hundreds of wheels
_SHA256 = re.compile(r"[0-9a-f]{64}")
# PEP 751: a package that comes from anywhere but an index has one of these.
_ELSEWHERE = ("vcs", "directory", "archive")

Pin = tuple[str, str, str]
"""Normalised name, version, sha256 as hex."""


def read_pins(path: Path, target: Target) -> tuple[Pin, ...]:
    """The one wheel of every package that `target` needs, in name order.

    Raises:
        McpregError: not a PEP 751 file, or a package has no wheel for the target, or comes from
            elsewhere than an index.
    """
    with _readable():
        packages = _document(path)["packages"]
        return tuple(
            sorted(_pin(item, target) for item in packages if target.accepts(item.get("marker")))
        )


def read_addresses(path: Path) -> dict[str, tuple[str, str]]:
    """File name and address of every wheel, by SHA-256. Raises as `read_pins`."""
    with _readable():
        return {
            wheel["hashes"]["sha256"]: (filename, str(wheel["url"]))
            for item in _document(path)["packages"]
            for wheel in item.get("wheels", ())
            if (filename := _filename(wheel, canonicalize_name(item["name"]), item["version"]))
        }


def _document(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise McpregError(f"uv's answer is larger than {MAX_BYTES >> 20} MiB")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise McpregError(
            f"uv's answer is not a PEP 751 lock file: {error}",
            hint="mcpreg needs uv 0.9 or newer; pip install --upgrade uv",
        ) from error


def _pin(package: Mapping[str, Any], target: Target) -> Pin:
    name, version = canonicalize_name(package["name"], validate=True), str(package["version"])
    if any(key in package for key in _ELSEWHERE):
        raise McpregError(
            f"{name} does not come from a package index",
            hint="a lock holds published wheels only; the dependency must name a released version",
        )
    hashes = {
        filename: wheel["hashes"]["sha256"]
        for wheel in package.get("wheels", ())
        if (filename := _filename(wheel, name, version))
    }
    best = best_wheel(hashes, target)
    if best is None or not _SHA256.fullmatch(hashes[best]):
        raise McpregError(f"{name} {version} has no hashed wheel for {target}")
    return (name, version, hashes[best])


def _filename(wheel: Mapping[str, Any], name: str, version: str) -> str | None:
    """The wheel's file name, when it is a wheel of this very package and version."""
    path = urlsplit(wheel.get("url", "")).path
    filename = wheel.get("name") or unquote(path.rpartition("/")[2])
    try:
        its_name, its_version, _, _ = parse_wheel_filename(filename)
        return filename if (its_name, its_version) == (name, Version(version)) else None
    except (InvalidWheelFilename, InvalidVersion):
        return None
