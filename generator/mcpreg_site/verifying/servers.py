"""One server of a site after the other: its signed document, what that names, and what shows it.

For each:
(1) the index document has the digest that TUF says, and is the one of its path;
(2) manifest, lock, record, README and attestation lie at their digests;
(3) the record is this version's, and names the same manifest and lock;
(4) API and pages show every version, and the API names the manifest that was signed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from mcpreg.core.index import File, IndexedVersion, Record, ServerIndex, blob_path, index_target
from mcpreg_site import paths
from mcpreg_site.extensions import OURS
from mcpreg_site.routes import API
from mcpreg_site.verifying.folder import Finding, Folder

MAX_DOCUMENT_BYTES = 16 << 20  # of the API; a manifest is 1 MiB at most


@dataclass(slots=True)
class Seen:
    """What some servers add up to. `covered` are the files below `targets/` that are signed for."""

    findings: list[Finding] = field(default_factory=list)
    covered: set[str] = field(default_factory=set)
    servers: int = 0
    """Those with a version that is not deleted."""
    versions: int = 0
    """Those that are not deleted."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Verifies servers by their targets."""

    folder: Folder

    def __call__(self, targets: Sequence[tuple[str, TargetFile]]) -> Seen:
        """What was found of these."""
        seen = Seen()
        for path, target in targets:
            index = self._index(path, target, seen)
            if index is None:
                continue
            active = [version for version in index.versions if version.status != "deleted"]
            seen.versions += len(active)
            seen.servers += bool(active)
            for version in index.versions:
                self._contents(version, index.name, seen)
            seen.findings += self._shown(index)
        return seen

    def _index(self, path: str, target: TargetFile, seen: Seen) -> ServerIndex | None:
        file = target_path(target)
        seen.covered.add(file)
        data = self.folder.read(file, target.length)
        digest = f"sha256:{target.hashes['sha256']}"
        found = self.folder.judge(file, data, digest, target.length)
        if found is None and data is not None:
            try:
                index = ServerIndex.model_validate_json(data)
            except ValidationError:
                found = Finding("disagrees", file, "it is signed, but no index document")
            else:
                if index_target(index.name) == path:
                    return index
                found = Finding("disagrees", file, f"it is {index.name}'s, and signed as {path}")
        seen.findings += [found] if found else []
        return None

    def _contents(self, version: IndexedVersion, name: str, seen: Seen) -> None:
        for file in (version.manifest, version.lock, version.readme):
            if file is not None:
                self._blob(file, seen)
        data = self._blob(version.record, seen)
        if data is None:
            return
        where = blob_path(version.record.sha256)
        try:
            record = Record.model_validate_json(data)
        except ValidationError:
            seen.findings.append(Finding("disagrees", where, "it is named as a record and is none"))
            return
        if record.attestation is not None:
            self._blob(record.attestation, seen)
        says = (record.name, record.version, record.sequence, record.manifest, record.lock)
        lock = version.lock.sha256 if version.lock else None
        if says != (name, version.version, version.sequence, version.manifest.sha256, lock):
            seen.findings.append(
                Finding("disagrees", where, f"it is not the record of {name}@{version.version}")
            )

    def _blob(self, file: File, seen: Seen) -> bytes | None:
        """The bytes, when they are right and were not seen before (versions share READMEs)."""
        path = blob_path(file.sha256)
        if path in seen.covered:
            return None
        seen.covered.add(path)
        data = self.folder.read(path, file.length)
        found = self.folder.judge(path, data, file.sha256, file.length)
        seen.findings += [found] if found else []
        return None if found else data

    def _shown(self, index: ServerIndex) -> Iterator[Finding]:
        api = f"{API.removeprefix('/')}/servers/{paths.name_path(index.name)}"
        pages = [paths.page_file(paths.server_url(index.name)), f"{api}/versions.json"]
        for version in index.versions:
            pages.append(paths.page_file(paths.version_url(index.name, version.version)))
            document = f"{api}/versions/{paths.version_segment(version.version)}.json"
            yield from self._document(document, index.name, version)
        for path in pages:
            if not self.folder.has(path):
                yield Finding("missing", path, f"it shows {index.name}, which is signed")

    def _document(self, path: str, name: str, version: IndexedVersion) -> Iterator[Finding]:
        data = self.folder.read(path, MAX_DOCUMENT_BYTES)
        if data is None:
            yield Finding("missing", path, f"it shows {name}@{version.version}, which is signed")
            return
        try:
            body = json.loads(data)
            server, ours = body["server"], body["_meta"][OURS]
            says = (server["name"], server["version"], ours["digest"])
        except (ValueError, LookupError, TypeError, RecursionError):
            yield Finding("disagrees", path, "it is not a document of the API")
            return
        if says != (name, version.version, version.manifest.sha256):
            yield Finding(
                "disagrees", path, f"it shows something else than {name}@{version.version}"
            )


def target_path(target: TargetFile) -> str:
    """Where a target lies: under its hash (TUF section 6.2, consistent snapshots)."""
    return f"targets/{target.get_prefixed_paths()[0]}"
