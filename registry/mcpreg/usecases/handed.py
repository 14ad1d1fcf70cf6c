"""What one job of the workflow hands to the next: reports and bundles in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcpreg.core.report import MAX_REPORT_BYTES, VersionReport
from mcpreg.errors import VerificationError
from mcpreg.usecases.admission import parse_report

MAX_BUNDLE_BYTES = 1 << 20
REPORT_ENDING = ".report.json"
BUNDLE_ENDING = ".sigstore.json"


@dataclass(frozen=True, slots=True)
class Handed:
    """What the jobs before this one handed over, by version folder.

    `reports` None: nobody checked before, so the checks that need nothing from outside are made
    at publication. `bundles` are Sigstore bundles.
    """

    reports: Mapping[str, VersionReport] | None = None
    bundles: Mapping[str, bytes] = field(default_factory=dict)


def report_file(folder: str) -> str:
    """Where a version folder's report lies below the reports' folder."""
    return f"{folder.removeprefix('servers/')}{REPORT_ENDING}"


def bundle_file(folder: str) -> str:
    """Where a version folder's bundle lies below the bundles' folder."""
    return f"{folder.removeprefix('servers/')}{BUNDLE_ENDING}"


def read_handed(reports: Path, bundles: Path | None) -> Handed:
    """Read both folders. Raises `VerificationError` for what is not a report, or too large."""
    found = [
        parse_report(data, name) for name, data in _files(reports, REPORT_ENDING, MAX_REPORT_BYTES)
    ]
    return Handed(
        by_folder(found),
        {
            f"servers/{name.removesuffix(BUNDLE_ENDING)}": data
            for name, data in (_files(bundles, BUNDLE_ENDING, MAX_BUNDLE_BYTES) if bundles else ())
        },
    )


def by_folder(reports: Iterable[VersionReport]) -> dict[str, VersionReport]:
    """Reports by the version folder that they are about."""
    return {report.folder: report for report in reports}


def _files(folder: Path, ending: str, limit: int) -> Iterator[tuple[str, bytes]]:
    for base, folders, names in os.walk(folder):  # does not follow links
        folders.sort()
        for name in sorted(names):
            path = Path(base, name)
            if not name.endswith(ending) or path.is_symlink():
                continue
            if path.stat().st_size > limit:
                raise VerificationError(f"{path} has more than {limit} bytes", where=str(path))
            yield path.relative_to(folder).as_posix(), path.read_bytes()
