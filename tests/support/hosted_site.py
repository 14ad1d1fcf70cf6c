"""The site that the tests of hosts share: every state, names with capitals, several pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mcpreg.core.entry import Entry
from mcpreg_site.catalog import build
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from mcpreg_site.tree import Tree
from mixed_entries import make_entry, mixed_entries, snapshot_of
from tiny_registry import make_manifest

MANY = 150
ODD = ("io.github.Acme-Labs/Weather", "2.0.0-RC1+linux")
WILD = ("io.github.acme/wild", "{{VERSION}}")
DAY = datetime(2026, 12, 10, 12, tzinfo=UTC)


def hosted_entries() -> list[Entry]:
    """The mixed ones, odd versions, and enough others for several pages."""
    entries = mixed_entries()
    entries.append(make_entry(make_manifest(*ODD), 30))
    entries.append(make_entry(make_manifest(*WILD), 31))
    for number in range(MANY):
        # Every ninth with capitals, as in the official registry about one in six.
        owner = "Crowd-Owner" if number % 9 == 0 else "crowd-owner"
        name = f"io.github.{owner}/server-{number:04}"
        entries.append(make_entry(make_manifest(name, "1.0.0"), 40 + number))
    return entries


def hosted_tree(*extra: Entry) -> Tree:
    """All of it rendered, with what came later."""
    return render(snapshot_of([*hosted_entries(), *extra]), find_templates())


def later(name: str, version: str, days: int) -> Entry:
    """A version that was published so many days after everything else."""
    entry = make_entry(make_manifest(name, version), 400)
    assert entry.record
    stamp = (DAY + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = entry.record.model_copy(update={"published_at": stamp})
    return replace(entry, record=record)


def names_of(tree_entries: list[Entry]) -> set[tuple[str, str]]:
    """What a crawl must find: every version that is not deleted."""
    catalog = build(snapshot_of(tree_entries))
    return {(v.name, v.version) for v in catalog.versions if not v.deleted}


def latest_of(entries: list[Entry]) -> dict[str, str]:
    """The latest version of every server that lists show."""
    return {server.name: server.latest.version for server in build(snapshot_of(entries)).shown}
