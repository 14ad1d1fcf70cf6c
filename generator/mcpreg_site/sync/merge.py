"""Merging a source's offer into what the registry holds. Pure: a plan comes out, nothing happens.

The rules, in the order in which they decide:

1. A name that somebody submitted by hand is theirs; no source adds or replaces a version of it.
   Nor does one add an address at which a server that was submitted by hand answers.
2. A name that another declared source brought stays that source's.
3. Two names, or two versions of a name, that differ only in case cannot both be served.
4. An entry that the source holds twice, differing, is taken in neither form.
5. A published or locked version never changes: a difference is a conflict, and the old one stays.
   The same document read by a better converter is no difference.
6. What vanished from the source is deleted, with a tombstone; where a source lists only the
   current version of a server, the one before is deprecated. What the filter no longer wants is
   deleted too. What is refused or in conflict has not vanished.
7. A mark that a maintainer set is never touched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from mcpreg import gitrepo
from mcpreg.core import canonical, names
from mcpreg.core.manifest import MANIFEST_FILE, Manifest
from mcpreg.core.origin import ORIGIN_FILE, STATUS_FILE, Status, StatusMark
from mcpreg.gitrepo import README_FILE
from mcpreg_site.sync.candidates import Candidate, Turned
from mcpreg_site.sync.existing import Existing, Held, addresses

MAX_MESSAGE = 500  # characters, as upstream


@dataclass(frozen=True, slots=True)
class Conflict:
    """An entry that the source offers and that may not go in, and why."""

    name: str
    version: str
    because: str


@dataclass
class Plan:
    """What one import changes. `files` and `removed` are paths from the repository's root."""

    files: dict[str, bytes] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    unchanged: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be different."""
        return not self.files and not self.removed


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms an offer is merged."""

    source: str
    declared: frozenset[str]
    """Names of all declared sources: what an undeclared one brought may be taken over."""
    every_version: bool
    """Whether the source lists every version of a server, or only the current one."""
    partial: bool
    """Whether only changes came, so that nothing can have vanished."""
    now: str
    """RFC 3339 UTC; the moment of a tombstone."""


def merge(
    existing: Existing, candidates: Iterable[Candidate], turned: Iterable[Turned], terms: Terms
) -> Plan:
    """The plan that brings the registry to what the source offers, as far as the rules allow."""
    plan = Plan()
    chosen = _chosen(existing, candidates, terms, plan)
    present = {folder for folder, _ in chosen}
    for folder, candidate in chosen:
        _place(existing, folder, candidate, terms, plan)
    if not terms.partial:
        _retire(existing, present, [*turned], terms, plan)
    return plan


def _chosen(
    existing: Existing, candidates: Iterable[Candidate], terms: Terms, plan: Plan
) -> list[tuple[str, Candidate]]:
    """The candidates that no rule about names forbids, each with its folder."""
    folded = dict(existing.folded)
    taken: dict[str, Candidate] = {}
    spoiled: set[str] = set()
    for offered in candidates:
        because = _foreign(existing, folded, offered.name, terms) or _at_home(existing, offered)
        if because:
            plan.conflicts.append(Conflict(offered.name, offered.version, because))
            continue
        folded.setdefault(offered.name.lower(), offered.name)
        candidate = _with_version(existing.servers.get(offered.name, {}), offered)
        # Without versions of its own, a source can hold a server only once.
        version = candidate.version if candidate.versioned else ""
        key = gitrepo.entry_folder(candidate.name, version).lower()
        other = taken.setdefault(key, candidate)
        if other is not candidate and other.origin.document != candidate.origin.document:
            spoiled.add(key)
    for key in spoiled:
        twice = taken[key]
        plan.conflicts.append(
            Conflict(twice.name, twice.version, "stands twice in the source, with other content")
        )
    return [
        (gitrepo.entry_folder(candidate.name, candidate.version), candidate)
        for key, candidate in taken.items()
        if key not in spoiled
    ]


def _foreign(existing: Existing, folded: Mapping[str, str], name: str, terms: Terms) -> str | None:
    """Why the source may not have this name; None when it may."""
    known = folded.get(name.lower())
    if known is not None and known != name:
        return f"differs only in case from {known}"
    for owner in existing.owners(name):
        if owner is None:
            return "was submitted to this registry by hand"
        if owner != terms.source and owner in terms.declared:
            return f"belongs to source {owner}"
    return None


def _at_home(existing: Existing, offered: Candidate) -> str | None:
    """Whose address the entry has, when somebody submitted that server by hand; None otherwise."""
    for url in addresses(offered.document):
        holder = existing.submitted_addresses.get(url)
        if holder is not None:
            return (
                f"has the remote address of {holder}, which was submitted to this registry by hand"
            )
    return None


def _with_version(versions: Mapping[str, Held], candidate: Candidate) -> Candidate:
    """A candidate whose version is made up gets the one that fits what is held."""
    if candidate.versioned or not versions:
        return candidate
    newest = max(versions.values(), key=lambda held: names.version_key(held.version))
    fixed = newest.published is not None or newest.locked
    same = newest.origin is not None and newest.origin.document == candidate.origin.document
    version = newest.version
    if fixed and not same and not _same_content(newest, candidate, version):
        version = _next(version)
    return replace(candidate, document=candidate.document | {"version": version})


def _same_content(held: Held, candidate: Candidate, version: str) -> bool:
    return held.files[MANIFEST_FILE] == _manifest(candidate.document | {"version": version})


def _next(version: str) -> str:
    """`1.0.0` → `1.0.1`: the patch number counts what the source does not."""
    match = re.fullmatch(r"(.*?)(\d+)", version)
    return f"{match[1]}{int(match[2]) + 1}" if match else f"{version}.1"


def _manifest(document: Mapping[str, object]) -> bytes:
    # JSON arrays become tuples only in JSON mode, which is also the strict one.
    return canonical.pretty(Manifest.model_validate_json(canonical.pretty(document)).document())


def _place(existing: Existing, folder: str, candidate: Candidate, terms: Terms, plan: Plan) -> None:
    """One version: added, changed, left as it is, or in conflict with what is fixed."""
    held = existing.servers.get(candidate.name, {}).get(folder)
    label = f"{candidate.name}@{candidate.version}"
    twin = existing.folded_folders(candidate.name).get(folder.lower())
    if held is None and twin is not None:
        because = f"differs only in case from version {twin.version}"
        plan.conflicts.append(Conflict(candidate.name, candidate.version, because))
        return
    files = _files(candidate)
    if held is not None and _is_fixed(held, files):
        if held.origin is None or held.origin.document != candidate.origin.document:
            because = "is published, and the source now says something else under this version"
            plan.conflicts.append(Conflict(candidate.name, candidate.version, because))
            return
        files = {ORIGIN_FILE: files[ORIGIN_FILE]}  # read by another converter; the first one counts
    before = dict(held.files) if held else {}
    files |= _status_file(held, candidate.status, candidate.status_message, terms, candidate)
    gone = {STATUS_FILE} & before.keys() if _revives(held, candidate) else set()
    changed = {name: data for name, data in files.items() if before.get(name) != data}
    plan.files |= {f"{folder}/{name}": data for name, data in changed.items()}
    plan.removed |= {f"{folder}/{name}" for name in gone}
    if held is None:
        plan.added.append(label)
    elif changed or gone:
        plan.changed.append(label)
    else:
        plan.unchanged += 1


def _is_fixed(held: Held, files: Mapping[str, bytes]) -> bool:
    """Whether the manifest may not change, and would."""
    if held.files[MANIFEST_FILE] == files[MANIFEST_FILE]:
        return False
    return held.locked or held.published is not None


def _files(candidate: Candidate) -> dict[str, bytes]:
    files = {
        MANIFEST_FILE: _manifest(candidate.document),
        ORIGIN_FILE: candidate.origin.canonical(),
    }
    if candidate.readme is not None:
        files[README_FILE] = candidate.readme
    return files


def _may_mark(held: Held | None) -> bool:
    """Whether a sync may set or remove the mark: never one that a maintainer set."""
    return held is None or held.mark is None or held.mark.source is not None


def _revives(held: Held | None, candidate: Candidate) -> bool:
    return candidate.status == "active" and _may_mark(held)


def _status_file(
    held: Held | None, status: Status, message: str | None, terms: Terms, candidate: Candidate
) -> dict[str, bytes]:
    if status == "active" or not _may_mark(held):
        return {}
    return _mark(held, status, message, candidate.origin.updated_at or terms.now, terms)


def _mark(
    held: Held | None, status: Status, message: str | None, since: str, terms: Terms
) -> dict[str, bytes]:
    """The mark's file; one that says the same already stays, with its date."""
    message = message[:MAX_MESSAGE] if message else None
    if held and held.mark and (held.mark.status, held.mark.message) == (status, message):
        return {}
    mark = StatusMark(status=status, message=message, changed_at=since, source=terms.source)
    return {STATUS_FILE: mark.canonical()}


def _retire(
    existing: Existing, present: set[str], turned: list[Turned], terms: Terms, plan: Plan
) -> None:
    """Tombstones for what the source no longer offers."""
    versions_now: dict[str, list[str]] = defaultdict(list)
    for folder in present:
        versions_now[folder.rpartition("/")[0]].append(folder)
    refused = {item.name for item in turned if item.rule != "filter"}
    refused |= {conflict.name for conflict in plan.conflicts}
    unwanted = {item.name for item in turned if item.rule == "filter"}
    for held in existing.of_source(terms.source):
        server = held.folder.rpartition("/")[0]
        name = server.removeprefix("servers/")
        # What could not even be read may be known by its bare name only.
        unread = name in refused or name.rpartition("/")[2] in refused
        kept = held.folder in present or unread or held.status == "deleted"
        if kept or not _may_mark(held):
            continue
        status: Status = "deleted"
        if versions_now[server] and not terms.every_version:
            status, why = "deprecated", "superseded: source {} now lists another version"
        elif name in unwanted and not versions_now[server]:
            why = "no longer wanted by the filter of source {}"
        else:
            why = "no longer in source {}"
        mark = _mark(held, status, why.format(terms.source), terms.now, terms)
        if mark:
            plan.files |= {f"{held.folder}/{name}": data for name, data in mark.items()}
            plan.retired.append(f"{name}@{held.version}")
