"""Which attestations a Python index has for a lock's own wheels (PEP 740)."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import uv
from packaging.utils import canonicalize_name

from mcpreg.core.lock import Lock, Wheel
from mcpreg.errors import NotFoundError, UnreachableError
from mcpreg.packages.client import RESOLVE_SECONDS, ask
from mcpreg.packages.offered import MAX_ATTESTATIONS, MAX_LISTING, Attestation, Index, Offered

SIMPLE = "application/vnd.pypi.simple.v1+json"  # PEP 691
INTEGRITY = "application/vnd.pypi.integrity.v1+json"
_SUPPORTED = (1, 3)  # the simple API's version that brought `provenance` (PEP 740)
_INDEX = re.compile(r"# from (https?://\S+)", re.ASCII)
_MAX_ATTESTATIONS = 10  # a file; the index itself allows two


def offered(lock: Lock) -> tuple[Offered, ...]:
    """The lock's wheels of the published package, each with what is attested about it.

    Raises:
        UnreachableError: the index does not answer, or knows no attestations.
        McpregError: uv cannot say which index has the package.
    """
    name = canonicalize_name(lock.package.identifier)
    wheels = [wheel for wheel in lock.wheels if canonicalize_name(wheel.name) == name]
    with Index(_index_of(lock)) as index:
        page = f"{index.address}/{name}/"
        files = _files(index.json(page, accept=SIMPLE, limit=MAX_LISTING))
        return tuple(_offered(index, page, wheel, files.get(wheel.sha256)) for wheel in wheels)


def _index_of(lock: Lock) -> str:
    """The address of the index that uv takes the package from, by this machine's settings."""
    requirement = f"{lock.package.identifier}=={lock.package.version}"
    command = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-progress", "--no-deps"]
    command += ["--no-python-downloads", "--python", sys.executable, "--no-sources", "--no-header"]
    command += ["--only-binary", ":all:", "--emit-index-annotation", "requirements.in"]
    if lock.runtime.kind == "python" and lock.runtime.versions:
        command += ["--python-version", lock.runtime.versions[-1]]
    with tempfile.TemporaryDirectory(prefix="mcpreg-index-") as folder:
        Path(folder, "uv.toml").touch()  # no settings of a folder above, which may be anybody's
        Path(folder, "requirements.in").write_text(requirement + "\n")
        what = f"find the index of {requirement}"
        said = ask(command, cwd=Path(folder), seconds=RESOLVE_SECONDS, what=what)
    found = _INDEX.search(said)
    if found is None:
        raise UnreachableError(f"{requirement} comes from a folder, and a folder attests nothing")
    return found[1]


def _files(page: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401  # any JSON value
    """The page's files by SHA-256. Raises `UnreachableError` for an index without attestations."""
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise UnreachableError("the package index answers with no list of files")
    rows = [row for row in page["files"] if isinstance(row, dict)]
    if _version(page) < _SUPPORTED and not any(row.get("provenance") for row in rows):
        raise UnreachableError("the package index is of a version that knows no attestations")
    hashed = ((row.get("hashes"), row) for row in rows)
    return {
        hashes["sha256"]: row
        for hashes, row in hashed
        if isinstance(hashes, dict) and isinstance(hashes.get("sha256"), str)
    }


def _version(page: dict[str, Any]) -> tuple[int, ...]:
    meta = page.get("meta")
    said = str(meta.get("api-version", "")) if isinstance(meta, dict) else ""
    parts = said.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else (1, 0)


def _offered(index: Index, page: str, wheel: Wheel, row: dict[str, Any] | None) -> Offered:
    filename = row.get("filename") if row else None
    if row is None or not isinstance(filename, str):
        raise UnreachableError(f"the package index lists no {wheel.name} with the locked hash")
    found: tuple[Attestation, ...] = ()
    if isinstance(row.get("provenance"), str):
        address = urljoin(page, row["provenance"])
        try:
            document = index.json(address, accept=INTEGRITY, limit=MAX_ATTESTATIONS)
        except NotFoundError as error:
            said = f"the package index says that {filename} is attested, and does not have it"
            raise UnreachableError(said) from error
        found = tuple(_attestations(document))[:_MAX_ATTESTATIONS]
    return Offered(filename, filename, "sha256", wheel.sha256, found)


def _attestations(document: Any) -> Iterator[Attestation]:  # noqa: ANN401  # any JSON value
    """https://peps.python.org/pep-0740/#provenance-objects; `publisher` is the index's word."""
    bundles = document.get("attestation_bundles") if isinstance(document, dict) else None
    for bundle in bundles if isinstance(bundles, list) else ():
        each = bundle.get("attestations") if isinstance(bundle, dict) else None
        for attestation in each if isinstance(each, list) else ():
            if isinstance(attestation, dict):
                yield Attestation("pep740", attestation)
