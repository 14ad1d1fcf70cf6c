"""A registry of a few servers to be built again and again, and what a build from nothing gives."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mcpreg.store.tree import fingerprint
from mcpreg_site.building import Order, build
from mcpreg_site.templates import Templates
from tiny_registry import TinyRegistry, make_manifest


def published_order(
    registry: TinyRegistry,
    templates: Templates,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    servers: int,
) -> Order:
    """`io.github.acme/s0` and so on, published, and a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    for number in range(servers):
        registry.submit(make_manifest(f"io.github.acme/s{number}", "1.0.0"))
    registry.publish()
    return Order(registry.repo, None, folder / "public", templates, jobs=1)


def built_anew(order: Order, jobs: int = 1) -> dict[str, str]:
    """What a build gives that knows nothing of any before: digests by path."""
    output = order.output.with_name("anew")
    shutil.rmtree(output, ignore_errors=True)
    build(replace(order, output=output, cached=False, jobs=jobs))
    return fingerprint(output)
