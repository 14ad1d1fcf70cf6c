"""What the base branch and the published branch say about a version that is to be judged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path

from mcpreg.checks.case import Neighbour, Previous, Submitter, Surroundings
from mcpreg.core.entry import Entry, latest_of
from mcpreg.core.manifest import Manifest
from mcpreg.core.reviews import NamespaceOwner
from mcpreg.errors import UsageError
from mcpreg.gitrepo import Snapshot

MAX_EVENT_BYTES = 4 << 20


@dataclass(frozen=True)
class Registry:
    """The branch that decides (`base`), and what is published; the submission is neither.

    `arriving` are the names and versions that a pull request brings, so that each is looked at
    beside the others.
    """

    base: Snapshot
    published: Snapshot | None
    now: datetime
    submitter: Submitter | None = None
    arriving: tuple[tuple[str, str], ...] = ()

    @property
    def _published(self) -> tuple[Entry, ...]:
        return self.published.entries if self.published else ()

    @cached_property
    def _published_by_name(self) -> dict[str, list[Entry]]:
        entries = (
            [entry for entry in self.published.entries if entry.record] if self.published else []
        )
        return _by_name(entries)

    @cached_property
    def _neighbours(self) -> tuple[Neighbour, ...]:
        by_name = _by_name([*self.base.entries, *self._published])
        new = dict.fromkeys(name for name, _ in self.arriving if name not in by_name)
        return (
            *(_neighbour(entries) for entries in by_name.values()),
            *(Neighbour(name) for name in new),
        )

    @cached_property
    def _versions(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        known = ((entry.name, entry.version) for entry in (*self.base.entries, *self._published))
        for name, version in (*known, *self.arriving):
            found.setdefault(name, set()).add(version)
        return found

    @cached_property
    def _down(self) -> frozenset[str]:
        everything = (*self.base.entries, *self._published)
        return frozenset(entry.folder for entry in everything if entry.status == "deleted")

    def around(self, folder: str, name: str, version: str) -> Surroundings:
        """The surroundings of one version."""
        namespace = name.partition("/")[0]
        versions = self._published_by_name.get(name, [])
        same = next((entry for entry in versions if entry.version == version), None)
        return Surroundings(
            today=self.now.date(),
            curated=self.is_curated(name),
            others=tuple(other for other in self._neighbours if other.name != name),
            previous=_previous(versions, version, self._down),
            owner=self.owner(namespace),
            submitter=self.submitter,
            approval=self.base.approval(folder),
            versions=tuple(sorted(self._versions.get(name, set()) - {version})),
            published=(same.record.manifest, same.record.lock) if same and same.record else None,
        )

    def is_curated(self, name: str) -> bool:
        """Whether maintainers add this server for its author, by the base branch's settings."""
        return self.base.settings.trust.is_curated(name)

    def owner(self, namespace: str) -> NamespaceOwner | None:
        """What maintainers wrote on main counts before what the first publication pinned.

        In whatever case: neither GitHub nor the DNS knows any, so `io.github.Acme` is held by
        whoever holds `io.github.acme`, even after somebody else has registered that login.
        """
        return self._owners.get(namespace) or self._owners.get(namespace.lower())

    @cached_property
    def _owners(self) -> dict[str, NamespaceOwner]:
        pinned = self.published.owners if self.published else {}
        exact = {**pinned, **self.base.owners}
        return {**{held.lower(): owner for held, owner in exact.items()}, **exact}


def _by_name(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    ordered = sorted(entries, key=lambda entry: (entry.name, entry.version))
    return {name: list(group) for name, group in groupby(ordered, key=lambda entry: entry.name)}


def _previous(versions: list[Entry], version: str, down: frozenset[str]) -> Previous | None:
    """The version that was approved last before this one.

    A listed one was never approved, and what was taken down (`down`: version folders) is no
    measure for what comes next; but when all are, the last one still is, or taking one's own
    versions down would let the next one ask for anything unseen.
    """
    all_approved = [e for e in versions if e.version != version and not e.is_listed]
    approved = [e for e in all_approved if e.folder not in down] or all_approved
    if not approved:
        return None
    last = max(approved, key=lambda entry: entry.record.sequence if entry.record else 0)
    return Previous(last.version, last.manifest, last.lock)


def _neighbour(versions: list[Entry]) -> Neighbour:
    manifest = latest_of(versions).manifest
    return Neighbour(
        name=manifest.name,
        title=manifest.title,
        packages=packages_of(manifest),
        remotes=frozenset(remote.url for remote in manifest.remotes or ()),
        listed=all(entry.is_listed for entry in versions),
    )


def packages_of(manifest: Manifest) -> frozenset[str]:
    """`type:identifier` of each package."""
    return frozenset(f"{item.registry_type}:{item.identifier}" for item in manifest.packages or ())


def submitter_of(event: Path) -> Submitter | None:
    """Who opened the pull request, from GitHub's event file; None for other events.

    Raises:
        UsageError: the file is not one.
    """
    try:
        with event.open("rb") as stream:
            document = json.loads(stream.read(MAX_EVENT_BYTES))
        user = document.get("pull_request", {}).get("user")
        return None if user is None else Submitter(str(user["login"]), int(user["id"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{event} is not an event of a pull request: {error}",
            hint="GITHUB_EVENT_PATH names the right file in a workflow",
        ) from error
