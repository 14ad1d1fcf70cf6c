"""What the registry holds already, as far as merging must know: no manifest is parsed for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from mcpreg import gitrepo
from mcpreg.checks.rules import remote_url_taken
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MANIFEST_FILE, parse_manifest
from mcpreg.core.origin import ORIGIN_FILE, STATUS_FILE, Origin, StatusMark
from mcpreg.errors import McpregError


@dataclass(frozen=True, slots=True)
class Held:
    """One version folder."""

    folder: str
    files: Mapping[str, bytes]
    origin: Origin | None
    mark: StatusMark | None
    published: str | None
    """The manifest's digest in the record, when it is published."""

    @property
    def source(self) -> str | None:
        """The source that brought it; None: somebody submitted it."""
        return self.origin.source if self.origin else None

    @property
    def status(self) -> str:
        """Its status as of now."""
        return self.mark.status if self.mark else "active"

    @property
    def locked(self) -> bool:
        """Whether somebody locked it, which fixes its manifest."""
        return LOCK_FILE in self.files

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it answers; nowhere, when the manifest cannot be read: publishing says that."""
        try:
            document = parse_manifest(self.files[MANIFEST_FILE]).document()
        except ValueError:
            return ()
        return tuple(addresses(document))

    @property
    def version(self) -> str:
        """The version as the manifest says it."""
        return str(json.loads(self.files[MANIFEST_FILE])["version"])


@dataclass
class Existing:
    """Every version folder of a branch: by the server's name, then by folder."""

    servers: Mapping[str, Mapping[str, Held]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A server may have ten thousand versions: what is asked of each is worked out once.
        self.owners = cache(self._owners)
        self.folded_folders = cache(self._folded_folders)

    @property
    def folded(self) -> Mapping[str, str]:
        """Names by their lower-case form: two that fold alike cannot both be served."""
        return {name.lower(): name for name in self.servers}

    @cached_property
    def submitted_addresses(self) -> Mapping[str, str]:
        """Where servers that somebody submitted answer, in one spelling, with their names."""
        return {
            url: name
            for name, versions in self.servers.items()
            for held in versions.values()
            if held.source is None and held.status != "deleted"
            for url in held.addresses
        }

    def _owners(self, name: str) -> frozenset[str | None]:
        """Which sources brought versions of a name; None among them: somebody submitted one."""
        return frozenset(held.source for held in self.servers.get(name, {}).values())

    def _folded_folders(self, name: str) -> Mapping[str, Held]:
        """The versions of a name by their folder in lower case."""
        return {path.lower(): held for path, held in self.servers.get(name, {}).items()}

    def of_source(self, source: str) -> Iterator[Held]:
        """Every version that a source brought."""
        for versions in self.servers.values():
            yield from (held for held in versions.values() if held.source == source)


def addresses(document: Mapping[str, Any]) -> Iterator[str]:
    """The remote addresses of a manifest that was read, each in one spelling."""
    for remote in document.get("remotes") or ():
        yield remote_url_taken.canonical(str(remote["url"]))


def read(repository: Path, rev: str) -> Existing:
    """The version folders at `rev`, and what the published branch says of them.

    Raises:
        McpregError: a mark in the commit is not valid; `where` names it.
    """
    published = _published(repository)
    folders: dict[str, dict[str, bytes]] = {}
    for path, data in gitrepo.show(repository, rev, "servers").items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = data
    servers: dict[str, dict[str, Held]] = {}
    for folder, files in folders.items():
        if MANIFEST_FILE not in files or folder.count("/") != 2:
            continue
        held = _held(f"servers/{folder}", files, published.get(folder))
        servers.setdefault(folder.rpartition("/")[0], {})[held.folder] = held
    return Existing(servers)


def _published(repository: Path) -> dict[str, str]:
    repo = gitrepo.open_repository(repository)
    if not gitrepo.branch_exists(repo, gitrepo.PUBLISHED):
        return {}
    records = gitrepo.show(repository, gitrepo.PUBLISHED, "records")
    return {
        path.removesuffix(".json"): str(json.loads(data)["manifest"])
        for path, data in records.items()
    }


def _held(folder: str, files: Mapping[str, bytes], published: str | None) -> Held:
    def mark(name: str, model: type[Any]) -> Any:  # noqa: ANN401  # the model's own type
        if name not in files:
            return None
        try:
            return model.model_validate_json(files[name])
        except ValueError as error:
            where = f"{folder}/{name}"
            raise McpregError(f"{where} is not valid: {error}", where=where) from error

    return Held(folder, files, mark(ORIGIN_FILE, Origin), mark(STATUS_FILE, StatusMark), published)
