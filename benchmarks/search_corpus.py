"""Servers to search: real ones first, then variations of them, said so.

The real ones are copies of public registries (the official one, ToolHive's, Docker's) in
`MCPREG_DATA`, or in `shared/data` beside the checkout or above it. None of it is in git. A
variation is a real entry under another name, with words of two others mixed into its description.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mcpreg.core import canonical
from mcpreg.core.catalog import document_of
from mcpreg.core.entry import Entry
from mcpreg.core.index import Record
from mcpreg.core.manifest import Manifest
from mcpreg.core.search.documents import Document
from mcpreg.formats.interface import Imported
from mcpreg.formats.registry import FORMATS

UPSTREAM = "upstream/registry-2025-12-12.json"
TOOLHIVE = "toolhive/registry.legacy.2026-02-18.json"
DOCKER = "docker"


def data() -> Path | None:
    """The folder of real data, if this machine has it."""
    named = os.environ.get("MCPREG_DATA")
    if named:
        return Path(named)
    beside = (parent / "shared/data" for parent in Path(__file__).resolve().parents)
    return next((folder for folder in beside if (folder / UPSTREAM).is_file()), None)


def _documents(folder: Path) -> Iterator[dict[str, Any]]:
    for kind, path in (("server-json", UPSTREAM), ("toolhive", TOOLHIVE)):
        for item in FORMATS[kind].read({Path(path).name: (folder / path).read_bytes()}):
            if isinstance(item, Imported):
                yield item.document
    for server in sorted((folder / DOCKER).iterdir()):
        files = (
            {path.name: path.read_bytes() for path in server.iterdir()} if server.is_dir() else {}
        )
        if "server.yaml" in files:
            for item in FORMATS["docker"].read(files):
                if isinstance(item, Imported):
                    yield item.document


def real_documents() -> list[Document]:
    """The last version of every server that can be read, in the order of the files."""
    folder = data()
    if folder is None:
        raise FileNotFoundError(f"no {UPSTREAM}: set MCPREG_DATA to the folder of real data")
    found: dict[str, Manifest] = {}
    for document in _documents(folder):
        try:
            manifest = Manifest.model_validate(document)
            manifest.capabilities.parsed()
        except (ValidationError, ValueError):
            continue
        found[manifest.name.lower()] = manifest
    return [document_of(_entry(item, at), at) for at, item in enumerate(found.values(), 1)]


def _entry(manifest: Manifest, sequence: int) -> Entry:
    record = Record(
        name=manifest.name,
        version=manifest.version,
        sequence=sequence,
        published_at=f"2026-{sequence % 12 + 1:02}-{sequence % 28 + 1:02}T12:00:00Z",
        commit="0" * 40,
        manifest=canonical.sha256(b""),
    )
    return Entry(
        name=manifest.name,
        version=manifest.version,
        folder="",
        manifest=manifest,
        lock=None,
        lock_bytes=None,
        readme=None,
        record=record,
    )


def documents(size: int) -> list[Document]:
    """`size` servers, the same for the same number. Ids are 3 apart, as if of 3 versions each."""
    real = real_documents()
    chance = random.Random(size)
    found = real[:size]
    while len(found) < size:
        base = real[len(found) % len(real)]
        others = chance.sample(real, 2)
        text = [word for other in others for word in other.description.split()]
        words = base.description.split()
        kept = words[: max(4, len(words) // 2)] + chance.sample(text, min(len(text), 8))
        name = f"{base.name}-{chance.choice(others[0].name.rpartition('/')[2].split('-'))}"
        found.append(
            replace(
                base,
                name=f"{name}{len(found)}",
                title=base.title and f"{base.title} {chance.choice(words)}",
                description=" ".join(kept)[:100],
            )
        )
    return [replace(item, id=3 * number + 1) for number, item in enumerate(found)]
