"""Merging an offer: what goes in, what never changes, what gets a tombstone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core import canonical
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Origin, Status, StatusMark
from mcpreg.formats.interface import digest_of
from mcpreg_site.sync.candidates import Candidate, Turned
from mcpreg_site.sync.existing import Existing, Held
from mcpreg_site.sync.merge import Plan, Terms, merge

NOW = "2026-11-21T06:00:00Z"
TERMS = Terms("acme", frozenset({"acme", "other"}), every_version=True, partial=False, now=NOW)


def offer(
    name: str = "io.github.acme/clock",
    version: str = "1.0.0",
    description: str = "Tells the time",
    *,
    readme: bytes | None = None,
    status: Status = "active",
    versioned: bool = True,
    source: str = "acme",
) -> Candidate:
    document: dict[str, object] = {"name": name, "description": description, "version": version}
    return Candidate(
        document=document,
        origin=Origin(source=source, format="server-json", document=digest_of(document)),
        readme=readme,
        status=status,
        versioned=versioned,
    )


class Folders:
    """A registry as files, which plans are applied to."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.published: dict[str, str] = {}

    def apply(self, plan: Plan) -> Folders:
        for path in plan.removed:
            del self.files[path]
        self.files |= plan.files
        return self

    def submit(self, name: str, version: str) -> None:
        manifest = {"name": name, "description": "By hand", "version": version}
        self.files[f"servers/{name}/{version}/mcps.json"] = canonical.pretty(manifest)

    def publish(self) -> None:
        for path, data in self.files.items():
            folder, _, name = path.rpartition("/")
            if name == "mcps.json":
                self.published[folder] = Manifest.model_validate_json(data).digest()

    def existing(self) -> Existing:
        folders: dict[str, dict[str, bytes]] = {}
        for path, data in self.files.items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = data
        servers: dict[str, dict[str, Held]] = {}
        for folder, files in folders.items():
            origin = files.get("source.json")
            mark = files.get("status.json")
            held = Held(
                folder,
                files,
                Origin.model_validate_json(origin) if origin else None,
                StatusMark.model_validate_json(mark) if mark else None,
                self.published.get(folder),
            )
            name = folder.removeprefix("servers/").rpartition("/")[0]
            servers.setdefault(name, {})[folder] = held
        return Existing(servers)

    def sync(
        self, offers: Iterable[Candidate], turned: Iterable[Turned] = (), terms: Terms = TERMS
    ) -> Plan:
        plan = merge(self.existing(), list(offers), list(turned), terms)
        self.apply(plan)
        return plan

    def status(self, folder: str) -> str:
        data = self.files.get(f"servers/{folder}/status.json")
        return str(json.loads(data)["status"]) if data else "active"


def test_a_new_entry_is_marked_with_its_source() -> None:
    registry = Folders()
    plan = registry.sync([offer(readme=b"# Clock\n")])
    folder = "servers/io.github.acme/clock/1.0.0"
    assert plan.added == ["io.github.acme/clock@1.0.0"]
    assert sorted(registry.files) == [
        f"{folder}/{name}" for name in ("README.md", "mcps.json", "source.json")
    ]
    assert json.loads(registry.files[f"{folder}/source.json"])["source"] == "acme"


def test_the_same_offer_again_changes_nothing() -> None:
    registry = Folders()
    registry.sync([offer(), offer(version="1.1.0")])
    plan = registry.sync([offer(), offer(version="1.1.0")])
    assert plan.is_empty
    assert plan.unchanged == 2


def test_a_name_submitted_by_hand_is_never_touched_nor_extended() -> None:
    registry = Folders()
    registry.submit("io.github.acme/clock", "1.0.0")
    before = dict(registry.files)
    plan = registry.sync([offer(), offer(version="2.0.0")])
    assert registry.files == before
    assert [conflict.version for conflict in plan.conflicts] == ["1.0.0", "2.0.0"]
    assert "by hand" in plan.conflicts[0].because


REMOTES = [{"type": "streamable-http", "url": "https://mcp.example.com/mcp"}]


def at(candidate: Candidate, url: str) -> Candidate:
    remotes = [{**REMOTES[0], "url": url}]
    return replace(candidate, document={**candidate.document, "remotes": remotes})


def test_an_address_that_was_submitted_by_hand_is_not_imported_under_another_name() -> None:
    registry = Folders()
    registry.submit("io.github.acme/oracle", "1.0.0")
    folder = "servers/io.github.acme/oracle/1.0.0"
    manifest = json.loads(registry.files[f"{folder}/mcps.json"]) | {"remotes": REMOTES}
    registry.files[f"{folder}/mcps.json"] = canonical.pretty(manifest)
    same, other = "https://MCP.example.com:443/mcp/", "https://mcp.example.com/other"
    plan = registry.sync([at(offer(), same), at(offer(name="io.github.acme/bell"), other)])
    assert plan.added == ["io.github.acme/bell@1.0.0"]
    assert "the remote address of io.github.acme/oracle" in plan.conflicts[0].because
    mark = StatusMark(status="deleted", message="gone", changed_at=NOW)
    registry.files[f"{folder}/status.json"] = mark.canonical()
    assert "io.github.acme/clock@1.0.0" in registry.sync([at(offer(), same)]).added


def test_an_import_that_was_there_first_stays_as_it_is() -> None:
    registry = Folders()
    address = REMOTES[0]["url"]
    registry.sync([at(offer(), address)])
    registry.submit("io.github.acme/oracle", "1.0.0")
    path = "servers/io.github.acme/oracle/1.0.0/mcps.json"
    registry.files[path] = canonical.pretty(json.loads(registry.files[path]) | {"remotes": REMOTES})
    before = dict(registry.files)
    plan = registry.sync([at(offer(description="Tells lies"), address)])
    assert plan.conflicts
    assert registry.files == before


def test_a_name_of_another_source_stays_there_while_that_source_is_declared() -> None:
    registry = Folders()
    registry.sync([offer(source="other")], terms=replace(TERMS, source="other"))
    assert "belongs to source other" in registry.sync([offer()]).conflicts[0].because
    alone = replace(TERMS, declared=frozenset({"acme"}))
    plan = registry.sync([offer()], terms=alone)
    assert plan.changed == ["io.github.acme/clock@1.0.0"]


def test_a_published_version_that_the_source_changed_is_a_conflict_and_stays() -> None:
    registry = Folders()
    registry.sync([offer()])
    registry.publish()
    before = dict(registry.files)
    plan = registry.sync([offer(description="Tells lies")])
    assert registry.files == before
    assert "published" in plan.conflicts[0].because


def test_before_it_is_published_a_version_may_change() -> None:
    registry = Folders()
    registry.sync([offer()])
    plan = registry.sync([offer(description="Tells the time of day")])
    assert plan.changed == ["io.github.acme/clock@1.0.0"]


def test_the_same_document_read_by_a_better_converter_is_no_conflict() -> None:
    registry = Folders()
    registry.sync([offer()])
    registry.publish()
    better = offer()
    better = replace(better, document={**better.document, "title": "Clock"})
    plan = registry.sync([better])
    assert not plan.conflicts
    assert "Clock" not in registry.files["servers/io.github.acme/clock/1.0.0/mcps.json"].decode()


def test_a_locked_version_is_as_fixed_as_a_published_one() -> None:
    registry = Folders()
    registry.sync([offer()])
    registry.files["servers/io.github.acme/clock/1.0.0/mcps-lock.json"] = b"{}"
    assert registry.sync([offer(description="Other")]).conflicts


def test_what_vanished_is_deleted_with_a_tombstone_and_comes_back_when_it_does() -> None:
    registry = Folders()
    registry.sync([offer(), offer(name="io.github.acme/calendar")])
    registry.publish()
    plan = registry.sync([offer()])
    assert plan.retired == ["io.github.acme/calendar@1.0.0"]
    tombstone = json.loads(registry.files["servers/io.github.acme/calendar/1.0.0/status.json"])
    assert tombstone == {
        "status": "deleted",
        "message": "no longer in source acme",
        "changedAt": NOW,
        "source": "acme",
    }
    assert registry.sync([offer()]).is_empty
    registry.sync([offer(), offer(name="io.github.acme/calendar")])
    assert registry.status("io.github.acme/calendar/1.0.0") == "active"


def test_only_changes_from_the_source_retire_nothing() -> None:
    registry = Folders()
    registry.sync([offer(), offer(name="io.github.acme/calendar")])
    partial = replace(TERMS, partial=True)
    plan = registry.sync([offer(version="1.1.0")], terms=partial)
    assert plan.added
    assert not plan.retired


def test_a_deletion_at_the_source_is_one_here_too() -> None:
    registry = Folders()
    registry.sync([offer()])
    gone = offer(status="deleted")
    plan = registry.sync([gone], terms=replace(TERMS, partial=True))
    assert registry.status("io.github.acme/clock/1.0.0") == "deleted"
    assert plan.changed


@pytest.mark.parametrize("name", ["io.github.acme/clock", "clock"])
def test_an_entry_that_became_unreadable_has_not_vanished(name: str) -> None:
    registry = Folders()
    registry.sync([offer()])
    turned = Turned(name, "servers[0]", "name is missing", "missing-key")
    assert not registry.sync([], [turned]).retired


def test_what_the_filter_no_longer_wants_is_deleted_and_says_so() -> None:
    registry = Folders()
    registry.sync([offer()])
    turned = Turned("io.github.acme/clock", "servers[0]", "excluded by clock*", "filter", "1.0.0")
    registry.sync([], [turned])
    mark = json.loads(registry.files["servers/io.github.acme/clock/1.0.0/status.json"])
    assert "filter" in mark["message"]


def test_where_only_the_current_version_is_listed_the_one_before_is_deprecated() -> None:
    registry = Folders()
    current = replace(TERMS, every_version=False)
    registry.sync([offer()], terms=current)
    registry.sync([offer(version="1.1.0")], terms=current)
    assert registry.status("io.github.acme/clock/1.0.0") == "deprecated"
    assert registry.status("io.github.acme/clock/1.1.0") == "active"
    registry.sync([], terms=current)
    assert registry.status("io.github.acme/clock/1.0.0") == "deleted"


def test_a_source_without_versions_gets_a_new_one_when_a_published_entry_changes() -> None:
    registry = Folders()
    current = replace(TERMS, every_version=False)
    registry.sync([offer(versioned=False)], terms=current)
    registry.publish()
    plan = registry.sync([offer(description="New words", versioned=False)], terms=current)
    assert plan.added == ["io.github.acme/clock@1.0.1"]
    assert not plan.conflicts
    again = registry.sync([offer(description="New words", versioned=False)], terms=current)
    assert again.is_empty


def test_a_mark_that_a_maintainer_set_is_kept() -> None:
    registry = Folders()
    registry.sync([offer()])
    mark = StatusMark(status="deprecated", message="unsafe", changed_at=NOW)
    path = "servers/io.github.acme/clock/1.0.0/status.json"
    registry.files[path] = mark.canonical()
    registry.sync([offer(description="New words")])
    registry.sync([])
    assert registry.files[path] == mark.canonical()


@pytest.mark.parametrize("twin", ["io.github.Acme/clock", "io.github.acme/Clock"])
def test_names_that_differ_only_in_case_are_in_conflict(twin: str) -> None:
    registry = Folders()
    registry.sync([offer()])
    assert "only in case" in registry.sync([offer(), offer(name=twin)]).conflicts[0].because


def test_versions_that_differ_only_in_case_are_in_conflict() -> None:
    registry = Folders()
    registry.sync([offer(version="1.0.0-RC1")])
    plan = registry.sync([offer(version="1.0.0-RC1"), offer(version="1.0.0-rc1")])
    assert plan.conflicts
    assert not any("rc1" in path for path in registry.files)


def test_an_entry_that_stands_twice_with_other_content_is_taken_in_neither_form() -> None:
    registry = Folders()
    plan = registry.sync([offer(), offer(description="Tells lies")])
    assert not registry.files
    assert "twice" in plan.conflicts[0].because


def test_an_entry_that_stands_twice_alike_is_one_entry() -> None:
    registry = Folders()
    assert registry.sync([offer(), offer()]).added == ["io.github.acme/clock@1.0.0"]


def test_an_odd_version_becomes_one_safe_folder() -> None:
    registry = Folders()
    registry.sync([offer(version="../../../etc")])
    assert {path.count("/") for path in registry.files} == {4}
    assert not any(".." in path.split("/") for path in registry.files)


NAMES = st.sampled_from(["io.github.acme/a", "io.github.acme/b", "io.github.acme/A", "x.y/c"])
OFFERS = st.lists(
    st.builds(
        offer,
        name=NAMES,
        version=st.sampled_from(["1.0.0", "1.0.1", "2.0.0-RC", "2.0.0-rc"]),
        description=st.sampled_from(["one", "two"]),
        status=st.sampled_from(["active", "deprecated", "deleted"]),
    ),
    max_size=6,
)
STEPS = st.lists(
    st.tuples(OFFERS, st.booleans(), st.sampled_from(["acme", "other"]), st.booleans()), max_size=6
)


@given(STEPS, st.booleans(), st.booleans())
def test_whatever_is_offered_nothing_fixed_changes_and_a_second_sync_is_empty(
    steps: list[tuple[list[Candidate], bool, str, bool]], every_version: bool, partial: bool
) -> None:
    registry = Folders()
    registry.submit("x.y/c", "1.0.0")
    hand = dict(registry.files)
    for offers, publish, source, versioned in steps:
        mine = [
            replace(
                item,
                origin=item.origin.model_copy(update={"source": source}),
                versioned=versioned,
            )
            for item in offers
        ]
        terms = replace(TERMS, source=source, every_version=every_version, partial=partial)
        fixed = {path: registry.files[f"{path}/mcps.json"] for path in registry.published}
        registry.sync(mine, terms=terms)
        assert_unharmed(registry, hand, fixed)
        assert registry.sync(mine, terms=terms).is_empty
        if publish:
            registry.publish()


def assert_unharmed(
    registry: Folders, hand: Mapping[str, bytes], fixed: Mapping[str, bytes]
) -> None:
    assert hand.items() <= registry.files.items()
    assert all(registry.files[f"{path}/mcps.json"] == data for path, data in fixed.items())
    folders = {path.rpartition("/")[0] for path in registry.files}
    assert len({folder.lower() for folder in folders}) == len(folders)
    for folder in folders:
        assert f"{folder}/mcps.json" in registry.files
