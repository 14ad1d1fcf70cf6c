"""Mirrored entries without a lock: which checks they pass, and what is promised about them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.checks.case import Surroundings
from mcpreg.checks.registry import CASE_RULES, LISTED_RULES, RULES
from mcpreg.core import canonical, names
from mcpreg.core.catalog import build_targets
from mcpreg.core.entry import Entry, latest_of
from mcpreg.core.index import SEARCH_TARGET, Record, index_target
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Origin, StatusMark
from mcpreg.core.search.shards import Pointer, read_documents
from mcpreg.usecases.listing import check
from mcpreg.usecases.report import EVERY_OTHER_CHECK, Facts, folder_of, report_on

NOW = "2026-11-21T00:00:00Z"
MOMENT = datetime(2026, 11, 21, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "name": "io.github.acme/clock",
    "description": "Tells the time",
    "version": "1.0.0",
    "packages": [
        {
            "registryType": "pypi",
            "identifier": "clock",
            "version": "2.0.0",
            "transport": {"type": "stdio"},
            "environmentVariables": [{"name": "TOKEN", "isSecret": True, "default": "x"}],
        }
    ],
}


def entry(version: str = "1.0.0", *, mirrored: bool = True, **changes: Any) -> Entry:  # noqa: ANN401  # any field
    manifest = Manifest.model_validate_json(json.dumps(DOCUMENT | {"version": version} | changes))
    data = canonical.pretty(manifest.document())
    digest = canonical.sha256(data)
    origin = Origin(source="far", format="server-json", document=digest) if mirrored else None
    record = Record(
        name=manifest.name,
        version=version,
        sequence=1,
        published_at=NOW,
        commit="0" * 40,
        manifest=manifest.digest(),
    )
    folder = f"servers/{manifest.name}/{names.version_folder(version)}"
    return Entry(manifest.name, version, folder, manifest, None, None, None, record, data, origin)


def results(item: Entry) -> dict[str, str]:
    facts = Facts(Surroundings(today=MOMENT.date()))
    report = report_on(folder_of(item, "0" * 40), facts, MOMENT)
    return {check.id: check.result for check in report.checks}


def test_what_would_keep_a_submission_out_does_not_keep_a_mirrored_entry_out() -> None:
    submitted = results(entry(mirrored=False))
    assert submitted["secret-with-value"] == "fail"
    assert submitted["variable-without-capability"] == "fail"
    listed = results(entry())
    assert "fail" not in listed.values()
    assert listed[EVERY_OTHER_CHECK] == "not-run"
    assert listed.keys() - {EVERY_OTHER_CHECK} == set(LISTED_RULES)


def test_a_locked_entry_runs_every_check_whether_mirrored_or_not() -> None:
    locked = replace(entry(), lock_bytes=b"{}")
    assert {rule.id for rule in (*RULES, *CASE_RULES)} <= results(locked).keys()
    assert results(locked)["secret-with-value"] == "fail"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"version": "latest"}, "one-version"),
        ({"version": "^1.2"}, "one-version"),
        ({"colour": "red"}, "unknown-key"),
        ({"description": None}, "wrong-type"),
        ({"name": "no namespace"}, "server-name"),
        ({"capabilities": {"sandbox": ["fs:read:../x"]}}, "capability-grammar"),
        ({"trustTier": "certified"}, "trust-tier"),
    ],
)
def test_shape_name_version_and_capabilities_are_held_to(
    changes: dict[str, Any], rule: str
) -> None:
    assert rule in [finding.rule for finding in check(DOCUMENT | changes)]
    assert check(DOCUMENT) == ()


def test_silence_about_capabilities_is_no_promise() -> None:
    def safety(item: Entry) -> object:
        index = build_targets([item]).search
        (digest,) = Pointer(index.pointer).document_shards
        (document,) = read_documents(index.shards[digest]).values()
        return document.safety

    assert safety(entry()) == ""
    assert safety(entry(capabilities={"sandbox": ["net:egress:a.example.com:443"]})) == "low"
    assert safety(entry(mirrored=False, packages=None)) == "safe"


def test_a_deleted_version_is_in_the_index_and_in_no_list() -> None:
    mark = StatusMark(status="deleted", message="gone", changed_at=NOW, source="far")
    gone = replace(entry(), status_mark=mark)
    files = build_targets([gone]).files
    assert Pointer(files[SEARCH_TARGET]).document_shards == ()
    (version,) = json.loads(files[index_target(gone.name)])["versions"]
    assert (version["status"], version["statusMessage"]) == ("deleted", "gone")
    assert version["source"] == "far"


def test_the_latest_version_is_one_that_is_not_deleted() -> None:
    mark = StatusMark(status="deleted", changed_at=NOW)
    old, new = entry("1.0.0"), replace(entry("2.0.0"), status_mark=mark)
    assert latest_of([old, new]).version == "1.0.0"
    assert latest_of([new]).version == "2.0.0"


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_every_version_becomes_one_safe_segment_that_no_other_has(one: str, other: str) -> None:
    segments = [names.version_folder(text) for text in (one, other) if names.is_one_version(text)]
    for text, segment in zip((one, other), segments, strict=False):
        if len(segments) == 2:
            assert unquote(segment) == text
        assert "/" not in segment
        assert not segment.startswith(".")
        assert segment.isascii()
    assert len(set(segments)) == len(segments) or one == other


@pytest.mark.parametrize("version", ["{{VERSION}}", "1.0.1º", "v1", "2025.04", "1.0.0+build"])
def test_odd_versions_of_the_wild_can_be_listed(version: str) -> None:
    assert check(DOCUMENT | {"version": version}) == ()
