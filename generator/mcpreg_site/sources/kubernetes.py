"""The `MCPRegistry` resource and the ConfigMaps beside it, as ToolHive's operator reads them.

Three shapes of `spec` were in use: one `source` (v1alpha1), a list of `registries` (v1alpha1
later), and `configYAML`, the registry server's own configuration as text (v1beta1).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mcpreg.errors import UsageError
from mcpreg_site.sources import serverconfig
from mcpreg_site.sources.entry import read_source
from mcpreg_site.sources.interface import Location, Source, UnsupportedLocation
from mcpreg_site.sources.locations import Given, configmap_location
from mcpreg_site.sources.table import Table

CLUSTER_ONLY = (
    "enforceServers",
    "podTemplateSpec",
    "authConfig",
    "databaseConfig",
    "telemetryConfig",
    "pgpassSecretRef",
    "imagePullSecrets",
)
"""Keys of `spec` that tell the operator how to run its server; there is no server here."""


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """A ConfigMap document."""

    name: str
    namespace: str | None
    file: str
    data: Mapping[str, bytes]


def read_configmap(document: Mapping[str, object], file: str) -> ConfigMap:
    """A ConfigMap's data and binaryData. Raises `UsageError`."""
    table = Table(document, file)
    name, namespace = _identity(table)
    where = f"{file}: ConfigMap {name}"
    data: dict[str, bytes] = {}
    for key, value in _mapping(table.value("data"), where).items():
        data[key] = value.encode()
    for key, value in _mapping(table.value("binaryData"), where).items():
        try:
            data[key] = base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise UsageError(f"binaryData {key!r} is not base64", where=where) from error
    return ConfigMap(name, namespace, file, data)


def _mapping(value: object, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise UsageError("the data of a ConfigMap are texts", where=where)
    return {str(key): item for key, item in value.items()}


def _identity(table: Table) -> tuple[str, str | None]:
    metadata = table.table("metadata")
    if metadata is None:
        raise UsageError("metadata.name is missing", where=table.where)
    return metadata.required("name"), metadata.text("namespace")


@dataclass(frozen=True, slots=True)
class _Around:
    """The ConfigMaps that a resource may refer to, and the volumes that it mounts."""

    configmaps: tuple[ConfigMap, ...]
    namespace: str | None
    file: str
    mounts: Mapping[str, Table] = field(default_factory=dict)

    def configmap(self, name: str, key: str) -> bytes | None:
        """The ConfigMap of this name in the resource's namespace; its own file's first."""
        found = [
            item
            for item in self.configmaps
            if item.name == name and self.namespace in (None, item.namespace or self.namespace)
        ]
        found = [item for item in found if item.file == self.file] or found
        if len(found) > 1:
            files = " and ".join(item.file for item in found)
            raise UsageError(f"ConfigMap {name} stands in {files}", where=self.file)
        return found[0].data.get(key) if found else None

    def mounted(self, path: str) -> Location | None:
        """The ConfigMap's key that a volume would put at this path."""
        for mount, volume in self.mounts.items():
            if PurePosixPath(path).is_relative_to(mount):
                return self._projected(volume, str(PurePosixPath(path).relative_to(mount)))
        return None

    def _projected(self, volume: Table, inner: str) -> Location:
        reference = volume.table("configMap")
        if reference is None:
            return UnsupportedLocation("volume", "its volume is no ConfigMap, so it is not here")
        for item in reference.tables("items"):
            if item.text("path") == inner:
                return configmap_location(self, reference.required("name"), item.required("key"))
        return configmap_location(self, reference.required("name"), inner)


def read_registry(
    document: Mapping[str, object], file: str, configmaps: tuple[ConfigMap, ...]
) -> Iterator[Source]:
    """The sources of an MCPRegistry: one is named like the resource, more `<resource>.<name>`.

    Raises:
        UsageError: something in it is not as it should be.
    """
    top = Table(document, file)
    for key in ("apiVersion", "kind", "status"):
        top.value(key)
    name, namespace = _identity(top)
    spec = top.table("spec")
    top.close()
    if spec is None:
        raise UsageError("spec is missing", where=file)
    display = spec.text("displayName") or ""
    around = _Around(configmaps, namespace, file, _mounts(spec))
    shapes = [key for key in ("source", "registries", "configYAML") if key in spec]
    if len(shapes) != 1:
        raise UsageError("spec has one of source, registries and configYAML", where=spec.where)
    if shapes == ["source"]:
        yield _single(spec, Given(name, file, display, around))
    elif shapes == ["registries"]:
        entries = spec.tables("registries")
        spec.close(CLUSTER_ONLY)
        yield from serverconfig.read_entries(entries, file, around, resource=name, display=display)
    else:
        text = spec.block("configYAML") or ""
        spec.close(CLUSTER_ONLY)
        where = f"{file}: spec.configYAML"
        yield from serverconfig.read_text(text, where, file, around, resource=name, display=display)


def _single(spec: Table, given: Given) -> Source:
    source = spec.table("source")
    policy, wanted = spec.table("syncPolicy"), spec.table("filter")
    spec.close(CLUSTER_ONLY)
    if source is None:
        raise UsageError("source says nothing", where=spec.where)
    return read_source(source, given, policy, wanted)


def _mounts(spec: Table) -> dict[str, Table]:
    """Volumes by the path where they are mounted, the deepest first."""
    volumes = {volume.required("name"): volume for volume in spec.tables("volumes")}
    mounts = {}
    for mount in spec.tables("volumeMounts"):
        name = mount.required("name")
        if name not in volumes:
            raise UsageError(f"there is no volume {name!r}", where=mount.where)
        mounts[mount.required("mountPath")] = volumes[name]
    return dict(sorted(mounts.items(), key=lambda item: -len(item[0])))
