"""A version among the others of its registry: what the rules of a pull request look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from mcpreg.checks.subject import Subject
from mcpreg.core.evidence import Evidence, Missing
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest
from mcpreg.core.reviews import Approval, NamespaceOwner


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another server of the registry, by its latest version on the base branch.

    `packages` are `type:identifier` (`npm:@acme/clock`), `remotes` are addresses. `listed`: all of
    it is mirrored from elsewhere, and nobody here proved to hold it.
    """

    name: str
    title: str | None = None
    packages: frozenset[str] = frozenset()
    remotes: frozenset[str] = frozenset()
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Previous:
    """The last approved version: the newest published one of the same server."""

    version: str
    manifest: Manifest
    lock: Lock | None = None


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who opened the pull request: a GitHub login and its numeric id."""

    login: str
    id: int


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the base branch and the event say. Nothing here comes from the submission itself.

    `today` decides which exceptions and approvals have expired. `published` is the digest of the
    manifest and of the lock when this very version is published already, `versions` are the other
    versions of the same server, submitted and published.
    """

    today: date
    curated: bool = False
    others: tuple[Neighbour, ...] = ()
    previous: Previous | None = None
    owner: NamespaceOwner | None = None
    submitter: Submitter | None = None
    approval: Approval | None = None
    published: tuple[str, str | None] | None = None
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One version to be judged."""

    subject: Subject
    surroundings: Surroundings
    evidence: Evidence = field(default_factory=Evidence)
    lock: Lock | None = None
    lock_bytes: bytes | None = None

    @property
    def manifest(self) -> Manifest:
        """The version's manifest."""
        return self.subject.manifest

    def missing(self, needs: Iterable[str]) -> Missing | None:
        """The first piece of evidence that is not there."""
        for kind in needs:
            found = getattr(self.evidence, kind)
            if isinstance(found, Missing):
                return found
        return None
