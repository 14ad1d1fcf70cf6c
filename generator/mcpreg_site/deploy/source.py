"""The finished folder that is deployed: read once for its digests, again for what is uploaded."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcpreg.errors import McpregError, UsageError, VerificationError

# As `site`, `netlify` and `nginx` have them, which load the whole generator; a test compares.
MARKER = "build.json"
HOST_FILES = frozenset({"netlify.toml", "nginx/http.conf", "nginx/server.conf"})
"""What is there for other hosts, and no bucket's."""
STATE = ".mcpreg"
"""The folder of a bucket in which deploys keep their own records."""
MAX_FILE = 64 << 20  # bytes; the largest that a build emits at 80,000 versions is a third of that
_ADDRESS = re.compile(r"targets/(?:.*/)?(?:sha256/([0-9a-f]{64})|([0-9a-f]{64})\.[^/]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class SiteFile:
    """One file: its path in the site, and what was in it when the deploy began."""

    path: str
    sha256: str  # 64 hex digits
    size: int  # bytes


@dataclass(frozen=True)
class SiteSource:
    """A folder that `mcpreg-site build` made, and of which commit. `files` are by path."""

    folder: Path
    commit: str
    files: Mapping[str, SiteFile]

    def read(self, path: str) -> bytes:
        """The content of one file. Raises `McpregError` when it is no longer what was scanned."""
        data = (self.folder / path).read_bytes()
        if hashlib.sha256(data).hexdigest() != self.files[path].sha256:
            raise McpregError(
                f"{path} changed while it was deployed",
                where=str(self.folder),
                hint="deploy again when the build is done",
            )
        return data


def scan(folder: Path) -> SiteSource:
    """Every file of a built site, hashed.

    Raises:
        UsageError: not a finished site, or it holds what a site does not (links, huge files).
        VerificationError: a file under `targets/` is not what its name says.
    """
    commit = _commit_of(folder)
    files = {file.path: file for file in _files(folder)}
    for file in files.values():
        _require_address(file)
    return SiteSource(folder, commit, dict(sorted(files.items())))


def _commit_of(folder: Path) -> str:
    """The commit that a finished site was built from."""
    try:
        marker = json.loads((folder / MARKER).read_bytes())
        if "mcpregSite" in marker:
            return str(marker.get("commit", ""))
    except (OSError, ValueError, TypeError):
        pass
    raise UsageError(
        f"{folder} is not a site built by mcpreg-site",
        hint=f"mcpreg-site build --output {folder}",
    )


def _files(folder: Path) -> Iterator[SiteFile]:
    for parent, folders, names in os.walk(folder):
        base = Path(parent).relative_to(folder)
        for name in (*folders, *names):
            if (Path(parent) / name).is_symlink():
                raise UsageError(f"{base / name} is a link", hint="no build makes one: remove it")
        for name in names:
            path = (base / name).as_posix()
            if path.startswith(f"{STATE}/"):
                raise UsageError(f"{path} would overwrite the records of deploys")
            if not name.startswith("."):
                yield _hashed(Path(parent) / name, path)


def _hashed(file: Path, path: str) -> SiteFile:
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_FILE:
            raise UsageError(f"{path} has {size >> 20} MiB", hint=f"{MAX_FILE >> 20} are the most")
        return SiteFile(path, hashlib.file_digest(stream, "sha256").hexdigest(), size)


def _require_address(file: SiteFile) -> None:
    named = _ADDRESS.fullmatch(file.path)
    if named and file.sha256 not in named.groups():
        raise VerificationError(
            f"{file.path} holds other bytes than its name says",
            hint="build the site again; clients would refuse it",
        )
