"""A small site, whole, as a folder in git: what changes in it is reviewed.

Regenerate with: GOLDEN=write pytest tests/generator/test_site_golden.py
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.site import render
from mcpreg_site.templates import Templates
from mixed_entries import HALF, IMAGE, QUIET, mixed_entries

GOLDEN = Path(__file__).parent / "golden"
README = b"# Clock\n\nTells the *time*.\n\n![clock](https://pics.example/clock.png)\n"
# Assets stand in templates/; schemas, signed documents and the index have their own tests.
LEFT_OUT = ("assets/", "schemas/", "search/", "targets/", "openapi.yaml")
_ASSET = re.compile(rb"-[0-9a-f]{12}\.(css|js|svg)")
_BLANK = re.compile(rb"\n\s*\n+")


def _comparable(data: bytes) -> bytes:
    return _BLANK.sub(b"\n", _ASSET.sub(rb"-HASH.\1", data)).strip() + b"\n"


def test_the_small_site_is_the_one_in_git(
    make_snapshot: Callable[..., Snapshot],
    sample_manifests: list[Manifest],
    templates: Templates,
) -> None:
    chosen = [m for m in sample_manifests if m.name != "com.elsewhere/oracle"]
    snapshot = make_snapshot(chosen, {"io.github.acme/clock": README})
    # One that was mirrored and one with a tombstone.
    others = tuple(entry for entry in mixed_entries() if entry.name in (QUIET, HALF, IMAGE))
    tree = render(replace(snapshot, entries=snapshot.entries + others), templates)
    made = {path: _comparable(tree[path]) for path in tree if not path.startswith(LEFT_OUT)}
    if os.environ.get("GOLDEN") == "write":
        shutil.rmtree(GOLDEN, ignore_errors=True)
        for path, data in made.items():
            (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / path).write_bytes(data)
        pytest.skip("wrote the golden folder; review it with git diff")
    kept = {
        file.relative_to(GOLDEN).as_posix(): file.read_bytes()
        for file in GOLDEN.rglob("*")
        if file.is_file()
    }
    assert sorted(made) == sorted(kept)
    for path, data in made.items():
        assert data.decode() == kept[path].decode(), path
