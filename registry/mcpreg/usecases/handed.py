"""What one job of the workflow hands to the next: reports and bundles in folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcpreg.core.entry import Entry
from mcpreg.core.report import MAX_REPORT_BYTES, VersionReport
from mcpreg.errors import McpregError, VerificationError
from mcpreg.usecases.admission import parse_report

MAX_BUNDLE_BYTES = 1 << 20
REPORT_ENDING = ".report.json"
BUNDLE_ENDING = ".sigstore.json"


@dataclass(frozen=True, slots=True)
class Handed:
    """What the jobs before this one handed over, by version folder.

    `reports` None: nobody checked before, so the checks that need nothing from outside are made
    at publication. `unjudged` says why a version has no report. `bundles` are Sigstore bundles.
    """

    reports: Mapping[str, VersionReport] | None = None
    bundles: Mapping[str, bytes] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)

    def report_of(self, entry: Entry) -> VersionReport:
        """A version's report. Raises `McpregError` when there is none."""
        report = (self.reports or {}).get(entry.folder)
        if report is None:
            why = self.unjudged.get(entry.folder)
            raise McpregError(
                f"there is no report of {entry.name}@{entry.version}{f': {why}' if why else ''}",
                hint=f"check it: mcpreg ci check {entry.name}@{entry.version}",
            )
        return report


def report_file(folder: str) -> str:
    """Where a version folder's report lies below the reports' folder."""
    return f"{folder.removeprefix('servers/')}{REPORT_ENDING}"


def bundle_file(folder: str) -> str:
    """Where a version folder's bundle lies below the bundles' folder."""
    return f"{folder.removeprefix('servers/')}{BUNDLE_ENDING}"


def read_handed(reports: Path, bundles: Path | None) -> Handed:
    """Read both folders. What is no report leaves its own version unjudged, and no other.

    Raises:
        VerificationError: a bundle is too large.
    """
    found: list[VersionReport] = []
    unjudged: dict[str, str] = {}
    for name, path in _files(reports, REPORT_ENDING):
        try:
            found.append(parse_report(_read(path, MAX_REPORT_BYTES), name))
        except VerificationError as error:
            unjudged[f"servers/{name.removesuffix(REPORT_ENDING)}"] = error.message
    return Handed(
        by_folder(found),
        {
            f"servers/{name.removesuffix(BUNDLE_ENDING)}": _read(path, MAX_BUNDLE_BYTES)
            for name, path in (_files(bundles, BUNDLE_ENDING) if bundles else ())
        },
        unjudged,
    )


def by_folder(reports: Iterable[VersionReport]) -> dict[str, VersionReport]:
    """Reports by the version folder that they are about."""
    return {report.folder: report for report in reports}


def _files(folder: Path, ending: str) -> Iterator[tuple[str, Path]]:
    for base, folders, names in os.walk(folder):  # does not follow links
        folders.sort()
        for name in sorted(names):
            path = Path(base, name)
            if name.endswith(ending) and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path


def _read(path: Path, limit: int) -> bytes:
    if path.stat().st_size > limit:
        raise VerificationError(f"{path.name} has more than {limit} bytes", where=str(path))
    return path.read_bytes()
