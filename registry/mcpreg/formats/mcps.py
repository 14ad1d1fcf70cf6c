"""Our own format, under its old file name `mcp-manifest.json` too: nothing to convert."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from mcpreg.core import canonical, names
from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.core.origin import MAX_MARK_BYTES, STATUS_FILE, StatusMark
from mcpreg.formats import reading
from mcpreg.formats.interface import (
    Exported,
    Files,
    Imported,
    Loss,
    Refused,
    Written,
    digest_of,
)

README_FILE = "README.md"
_FILES = (MANIFEST_FILE, "mcp-manifest.json")
# Keys that no other format puts at the top of a server.
_OURS = frozenset(("capabilities", "requiredConsents"))


class Mcps:
    """`mcps.json`, alone or in version folders with README.md and status.json."""

    name = "mcps"
    summary = "mcps.json, one or a tree of version folders"
    every_version = True

    def detect(self, files: Files) -> bool:
        """By the name of a file, or by keys that only we have."""
        if any(PurePosixPath(path).name in _FILES for path in files):
            return True
        first = reading.first(files, *_FILES) if len(files) == 1 else None
        return isinstance(first, dict) and "name" in first and bool(_OURS & first.keys())

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """The documents as they are."""
        for path, document in reading.documents(files, *_FILES):
            if isinstance(document, dict):
                yield _imported(files, path, document)
            else:
                yield Refused(path, path, "not an object")

    def write(self, servers: Sequence[Exported]) -> Written:
        """One `mcps.json`, or a folder `<namespace>/<name>/<version>` a version."""
        written: dict[str, bytes] = {}
        losses: list[Loss] = []
        for server in servers:
            document = server.document
            name, version = document["name"], names.version_folder(document["version"])
            folder = f"{name}/{version}/" if len(servers) > 1 else ""
            if f"{folder}{MANIFEST_FILE}" in written:
                losses.append(Loss(name, "", f"version {document['version']} is there already"))
                continue
            written[f"{folder}{MANIFEST_FILE}"] = canonical.pretty(document)
            if server.readme is not None:
                written[f"{folder}{README_FILE}"] = server.readme.encode()
            losses += _losses(server)
        return Written(written, tuple(losses))


def _imported(files: Files, path: str, document: dict[str, Any]) -> Imported:
    folder = PurePosixPath(path).parent
    readme = files.get(str(folder / README_FILE))
    mark = _mark(files, str(folder / STATUS_FILE))
    name, tags = document.get("name"), document.get("tags")
    return Imported(
        document=document,
        place=path,
        name=name if isinstance(name, str) else path,
        digest=digest_of(document),
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        readme=None if readme is None else readme.decode(errors="replace"),
        status=mark.status if mark else "active",
        status_message=mark.message if mark else None,
    )


def _mark(files: Mapping[str, bytes], path: str) -> StatusMark | None:
    data = files.get(path, b"")
    if not data or len(data) > MAX_MARK_BYTES:
        return None
    try:
        return StatusMark.model_validate_json(data)
    except ValidationError:
        return None  # somebody else's file of that name


def _losses(server: Exported) -> Iterator[Loss]:
    """What lies beside a manifest and needs a date or a source that we do not have."""
    name = server.document["name"]
    if server.status != "active":
        yield Loss(name, "status", f"mcps.json does not say that it is {server.status}")
    if server.metadata:
        yield Loss(name, "metadata", f"mcps.json has no {', '.join(sorted(server.metadata))}")
