"""The documents under `sources/`, in every shape that people have them in.

An `MCPRegistry` resource in its three forms, or the plain configuration of ToolHive's registry
server; several documents a file, with ConfigMaps that resources refer to. Whatever else stands
there for a cluster (a Secret, a Job) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from mcpreg.errors import UsageError
from mcpreg.formats.interface import Files
from mcpreg.gitrepo.paths import SYNCED_ENDING
from mcpreg_site.sources import kubernetes, serverconfig, yamltext
from mcpreg_site.sources.interface import Source

ENDINGS = (".yaml", ".yml", ".json")
MAX_DOCUMENT = 4 << 20  # a ConfigMap holds 1 MiB at most, and a file may hold a few
MAX_SOURCES = 1000
# As `mcpreg.core.origin.SourceName`, which marks and file names are held to.
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")

Document = tuple[str, dict[str, object]]


def load_sources(files: Files) -> tuple[Source, ...]:
    """Every source that the documents declare, by file and in their order.

    Args:
        files: what stands below `sources/`, by path relative to it; only documents are read.

    Raises:
        UsageError: a document is not valid, or two sources have one name.
    """
    found = [item for name in sorted(files) for item in _documents(name, files[name])]
    configmaps = tuple(
        kubernetes.read_configmap(document, file)
        for file, document in found
        if document.get("kind") == "ConfigMap"
    )
    sources: dict[str, Source] = {}
    for file, document in found:
        for source in _sources(document, file, configmaps):
            _accept(sources, source)
    return tuple(sources.values())


def _documents(file: str, data: bytes) -> Iterator[Document]:
    if not file.endswith(ENDINGS) or file.endswith(SYNCED_ENDING):
        return
    if PurePosixPath(file).name.startswith("."):
        return
    if len(data) > MAX_DOCUMENT:
        raise UsageError(f"is larger than {MAX_DOCUMENT >> 20} MiB", where=file)
    for document in yamltext.documents(data, file):
        if not isinstance(document, dict):
            raise UsageError("holds no object", where=file)
        if document.get("kind") == "List" and isinstance(document.get("items"), list):
            yield from ((file, item) for item in document["items"] if isinstance(item, dict))
        else:
            yield file, document


def _sources(
    document: dict[str, object], file: str, configmaps: tuple[kubernetes.ConfigMap, ...]
) -> Iterator[Source]:
    if document.get("kind") == "MCPRegistry":
        yield from kubernetes.read_registry(document, file, configmaps)
    elif "kind" not in document:
        yield from serverconfig.read_config(document, file, file, serverconfig.Alone())


def _accept(sources: dict[str, Source], source: Source) -> None:
    if not _NAME.fullmatch(source.name):
        raise UsageError(
            f"{source.name[:100]!r} cannot name a source",
            where=source.document,
            hint="lower-case letters, digits, dots and hyphens, 63 at most",
        )
    if source.name in sources:
        other = sources[source.name].document
        raise UsageError(
            f"the source {source.name} is declared in {other} and in {source.document}",
            where=source.document,
            hint="rename one: entries are marked with the name of their source",
        )
    sources[source.name] = source
    if len(sources) > MAX_SOURCES:
        raise UsageError(f"more than {MAX_SOURCES} sources", where=source.document)
