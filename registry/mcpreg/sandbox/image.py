"""The image that packages run in under Docker: an empty root with a few links, made here.

Both backends then see the same files, the binds of the plan. The archive is a function of the links
alone, down to the byte, so that the image's ID (the SHA-256 of its configuration) is known before
Docker has it: nothing is found by a tag and nothing is ever pulled. Docker makes the mount points.

Format: image-spec, and the `manifest.json` of `docker save` for engines that read no OCI layout.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LAYOUT = {"imageLayoutVersion": "1.0.0"}
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Go and image-spec spell them


@dataclass(frozen=True, slots=True)
class Image:
    """An archive for `docker load`, and the IDs by which engines may know what is in it.

    Engines call an image by its configuration's digest; those that keep images in containerd call
    it by its manifest's.
    """

    archive: bytes
    ids: tuple[str, str]


def base(links: Iterable[tuple[str, str]], machine: str | None = None) -> Image:
    """An image with nothing but symbolic links, (link text, path inside) each."""
    layer = _layer(links)
    digest = _digest(layer)
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(machine or os.uname().machine, "amd64"),
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest]},
            "history": [{"created_by": "mcpreg"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _described(_CONFIG, config),
            "layers": [_described(_LAYER, layer)],
        }
    )
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [_described(_MANIFEST, manifest)],
    }
    saved = [{"Config": _blob(config), "RepoTags": [], "Layers": [_blob(layer)]}]
    files = {_blob(item): item for item in (config, manifest, layer)}
    files |= {
        "index.json": _json(index),
        "manifest.json": _json(saved),
        "oci-layout": _json(_LAYOUT),
    }
    return Image(_tar(files), (_digest(config), _digest(manifest)))


def _layer(links: Iterable[tuple[str, str]]) -> bytes:
    chosen = {path.lstrip("/"): text for text, path in links}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        folders = {folder for path in chosen for folder in _parents(path)}
        for path in sorted({*folders, *chosen}):
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            entry.type = tarfile.SYMTYPE if path in chosen else tarfile.DIRTYPE
            entry.linkname = chosen.get(path, "")
            tar.addfile(entry)
    return out.getvalue()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _blob(content: bytes) -> str:
    return "blobs/sha256/" + hashlib.sha256(content).hexdigest()


def _described(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}
