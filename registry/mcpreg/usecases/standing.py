"""The tier of every published version, by rule, at the moment of signing (SPEC section 3.5).

What a tier rests on changes without a new version: downloads grow, reviews expire. So the tiers are
worked out whenever the state is signed, and written to the published branch, where the generator
reads them: the same commit gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from mcpreg.core import canonical
from mcpreg.core.downloads import DOWNLOADS_FILE, parse_downloads
from mcpreg.core.entry import Entry
from mcpreg.core.tier import VersionFacts, tier_of
from mcpreg.gitrepo import Snapshot
from mcpreg.trust.reviews import Reviewed, read_reviews


@dataclass(frozen=True, slots=True)
class Standing:
    """The entries with their tiers, and reviews that do not count, a sentence each."""

    entries: tuple[Entry, ...]
    refused: tuple[str, ...]

    def document(self) -> bytes:
        """`tiers.json`: version folder to tier, the unverified left out."""
        return canonical.dumps(
            {item.folder: item.tier for item in self.entries if item.tier != "unverified"}
        )


def placed(main: Snapshot, entries: Iterable[Entry], today: date) -> Standing:
    """Give every entry with a record its tier on a day (UTC)."""
    downloads = parse_downloads(main.stats.get(DOWNLOADS_FILE))
    refused: list[str] = []
    found: list[Entry] = []
    reviewed = _reviewed_folders(main.reviews)
    for entry in entries:
        if entry.record is None:
            continue
        facts = VersionFacts(
            outcomes=entry.record.report,
            downloads=downloads.of(entry.name),
            listed=entry.is_listed,
        )
        if entry.folder in reviewed:
            about = Reviewed(
                name=entry.name,
                version=entry.version,
                manifest=entry.record.manifest,
                lock=entry.record.lock,
            )
            reviews, wrong = read_reviews(
                main.reviews, entry.folder, about, main.settings.reviewers
            )
            facts = replace(facts, reviews=reviews)
            refused += wrong
        found.append(replace(entry, tier=tier_of(facts, today).tier))
    return Standing(tuple(found), tuple(refused))


def _reviewed_folders(files: Mapping[str, bytes]) -> frozenset[str]:
    return frozenset(f"servers/{path.rpartition('/')[0]}" for path in files)
