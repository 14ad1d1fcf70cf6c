"""Container images, by digest: manifest, configuration and layers, each checked, run by Docker.

What is installed is an image layout (image-spec) that `docker load` takes, so that an installed
image starts with its registry gone and can be verified file by file like any other app.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import ImageRuntime, LockedImage, LockedPackage
from mcpreg.core.manifest import Package
from mcpreg.core.plan import RootImage
from mcpreg.errors import McpregError, NotFoundError, UnreachableError, VerificationError
from mcpreg.packages.interface import Pins, Progress, Resolution
from mcpreg.packages.oci_registry import Repository, parse_name
from mcpreg.packages.runtime import Runtime
from mcpreg.packages.tree_check import require_empty

_PLATFORMS = {"amd64": "linux-x86_64", "arm64": "linux-aarch64"}  # image-spec's names to ours
_MAX_LAYERS = 128  # Docker's own limit is 127
_CONFIG_FILE = "config.json"


class Oci:
    """`registryType: oci`."""

    registry_type = "oci"

    def resolve(self, package: Package, cutoff: Cutoff, workdir: Path) -> Resolution:  # noqa: ARG002  # a digest has no moment
        """Read the manifest, or the index and each platform's manifest; no layer is fetched."""
        name = parse_name(package.identifier)
        repository = Repository(name)
        try:
            top = _object(repository.manifest(name.digest))
            manifests = _manifests(top, name.digest)
            images = tuple(
                _image(repository, system, digest) for system, digest in sorted(manifests.items())
            )
        finally:
            repository.close()
        if not images:
            raise McpregError(f"{package.identifier} has no image for Linux")
        return Resolution(
            package=LockedPackage(registry_type="oci", identifier=package.identifier, version=""),
            runtime=ImageRuntime(kind="oci"),
            images=images,
        )

    def runtime(self, pins: Pins) -> Runtime:
        """Nothing of this machine but Docker; the image brings the rest."""
        image = _own(pins)
        variables = (item.partition("=") for item in image.environment)
        return Runtime(
            kind="oci",
            version=image.manifest,
            executable="",
            binds=(),
            links=(),
            env={name: value for name, _, value in variables if name},
            platform=image.platform,
            image=RootImage(image.config, image.manifest, image.folder),
        )

    def install(
        self, pins: Pins, target: Path, *, offline: bool = False, progress: Progress
    ) -> None:
        """Fetch every blob of this platform's image into an image layout."""
        require_empty(target)
        image = _own(pins)
        if offline:
            raise UnreachableError(f"{pins.package.identifier} is fetched from its registry")
        repository = Repository(parse_name(pins.package.identifier))
        blobs = target / "blobs/sha256"
        blobs.mkdir(parents=True)
        try:
            manifest = repository.manifest(image.manifest)
            config = repository.document(image.config)
            layers = _layers(_object(manifest), image)
            for number, (digest, size) in enumerate(layers, start=1):
                progress(f"layer {number} of {len(layers)}, {size >> 10} KiB")
                repository.blob(digest, size, blobs / _hex(digest))
        finally:
            repository.close()
        for content in (manifest, config):
            (blobs / hashlib.sha256(content).hexdigest()).write_bytes(content)
        _write_layout(target, image, manifest)

    def entry(self, package: Package, app: Path) -> tuple[str, ...]:
        """ENTRYPOINT, and CMD unless the manifest declares arguments, which replace it."""
        config = _settings(_object((app / _CONFIG_FILE).read_bytes()))
        words = [*_words(config, "Entrypoint")]
        words += [] if package.package_arguments else _words(config, "Cmd")
        if not words:
            raise McpregError(f"{package.identifier} says no command to start")
        return tuple(words)


def labels(pins: Pins) -> tuple[Mapping[str, str], ...]:
    """The labels of each locked image (image-spec, config.Labels), checked by its digest.

    Raises:
        UnreachableError: the registry does not answer, or does not have it.
        VerificationError: it sends something else.
    """
    repository = Repository(parse_name(pins.package.identifier))
    try:
        return tuple(
            _labels(_object(repository.document(image.config))) for image in pins.images or ()
        )
    finally:
        repository.close()


def _labels(document: Mapping[str, Any]) -> Mapping[str, str]:
    found = _settings(document).get("Labels")
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in pairs if isinstance(text, str)}


def _own(pins: Pins) -> LockedImage:
    wanted = f"linux-{platform.machine()}"
    images = pins.images or ()
    for image in images:
        if image.platform == wanted:
            return image
    have = ", ".join(image.platform for image in images)
    raise NotFoundError(f"the image is for {have or 'nothing'}, and this machine is {wanted}")


def _manifests(top: Mapping[str, Any], digest: str) -> dict[str, str]:
    """Platform of ours to the manifest's digest; the platform of a lone one is in its config."""
    if not isinstance(top.get("manifests"), list):
        return {"": digest}
    found: dict[str, str] = {}
    for item in top["manifests"]:
        system = item.get("platform", {}) if isinstance(item, dict) else {}
        name = _PLATFORMS.get(system.get("architecture", ""))
        if system.get("os") == "linux" and name and not system.get("variant", "").startswith("v9"):
            found.setdefault(name, str(item.get("digest")))
    return found


def _image(repository: Repository, system: str, digest: str) -> LockedImage:
    manifest = _object(repository.manifest(digest))
    config = manifest.get("config")
    identity = str(config.get("digest")) if isinstance(config, dict) else ""
    document = _object(repository.document(identity))
    named = _PLATFORMS.get(str(document.get("architecture")), "")
    if document.get("os") != "linux" or not named or (system and system != named):
        raise VerificationError(f"{digest} is an image for another platform than it says")
    settings = _settings(document)
    return LockedImage(
        platform=named,
        manifest=digest,
        config=identity,
        layers=tuple(layer for layer, _ in _listed(manifest)),
        environment=tuple(_words(settings, "Env")),
        folder=str(settings.get("WorkingDir") or "/"),
    )


def _listed(manifest: Mapping[str, Any]) -> list[tuple[str, int]]:
    rows = manifest.get("layers")
    if not isinstance(rows, list) or len(rows) > _MAX_LAYERS:
        raise VerificationError("not an image's manifest")
    try:
        return [(str(row["digest"]), int(row["size"])) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError("not an image's manifest") from error


def _layers(manifest: Mapping[str, Any], image: LockedImage) -> list[tuple[str, int]]:
    rows = _listed(manifest)
    if tuple(digest for digest, _ in rows) != image.layers:
        raise VerificationError("the image has other layers than its lock")
    return rows


def _write_layout(target: Path, image: LockedImage, manifest: bytes) -> None:
    """The files beside the blobs, for engines old and new."""
    document = _object(manifest)
    described = {
        "mediaType": document.get("mediaType", "application/vnd.oci.image.manifest.v1+json"),
        "digest": image.manifest,
        "size": len(manifest),
    }
    saved = {
        "Config": f"blobs/sha256/{_hex(image.config)}",
        "RepoTags": [],
        "Layers": [f"blobs/sha256/{_hex(digest)}" for digest in image.layers],
    }
    files: dict[str, object] = {
        "oci-layout": {"imageLayoutVersion": "1.0.0"},
        "index.json": {"schemaVersion": 2, "manifests": [described]},
        "manifest.json": [saved],
    }
    for name, content in files.items():
        (target / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    config = target / "blobs/sha256" / _hex(image.config)
    (target / _CONFIG_FILE).write_bytes(config.read_bytes())


def _settings(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get("config")
    return found if isinstance(found, dict) else {}


def _words(settings: Mapping[str, Any], name: str) -> list[str]:
    found = settings.get(name) or []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise VerificationError(f"the image's {name} is not a list of words")
    return found


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise VerificationError(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise VerificationError("not a JSON object")
    return document
