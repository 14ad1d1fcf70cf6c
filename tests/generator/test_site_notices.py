"""The security feed: what a person who watches it is told, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from mcpreg.core.entry import Entry
from mcpreg_site.catalog import build
from mcpreg_site.feeds import NEWEST, feeds
from mixed_entries import GONE, HALF, OLD, Marks, make_entry, marked, mixed_entries, snapshot_of
from tiny_registry import make_manifest

ATOM = {"a": "http://www.w3.org/2005/Atom"}
BASE = "https://sample.example"


def _files(entries: Sequence[Entry]) -> dict[str, bytes]:
    tree = feeds(build(snapshot_of(entries)))
    return {path: tree[path] for path in tree}


def _notices(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(_files(entries)["security.json"])["items"]
    return items


def _entry(number: int, status: str, message: str | None = "why", day: int = 5) -> Entry:
    manifest = make_manifest(f"io.github.acme/s{number:03}", "1")
    return make_entry(manifest, number, Marks(status=marked(status, message, day)))


def test_only_what_was_withdrawn_is_told_the_last_first_with_its_reason() -> None:
    found = _notices(mixed_entries())
    assert [(item["title"], item["content_text"]) for item in found] == [
        (f"Deleted: {GONE} 1.0.0", "no longer in upstream"),
        (f"Deleted: {HALF} 2.0.0", "it <b>lied</b>"),
        (f"Deprecated: {OLD} 1.0.0", "use clock"),
    ]
    assert [item["date_published"][:10] for item in found] == [
        "2026-12-09",
        "2026-12-05",
        "2026-12-03",
    ]
    assert found[1]["tags"] == ["deleted"]


def test_another_change_of_status_is_another_notice() -> None:
    (before,) = _notices([_entry(1, "deprecated", day=3)])
    (after,) = _notices([_entry(1, "deleted", day=4)])
    again = _notices([_entry(1, "deleted", day=4)])[0]
    assert before["id"] != after["id"] == again["id"]
    assert before["url"] == after["url"]


def test_atom_says_the_same_as_json_and_its_text_is_text() -> None:
    files = _files(mixed_entries())
    feed = ElementTree.fromstring(files["security.xml"])  # our own output
    notices = json.loads(files["security.json"])["items"]
    shown = [
        (one.findtext("a:id", "", ATOM), one.findtext("a:summary", "", ATOM))
        for one in feed.findall("a:entry", ATOM)
    ]
    assert shown == [(item["id"], item["content_text"]) for item in notices]
    assert b"<b>" not in files["security.xml"]
    assert feed.findtext("a:updated", "", ATOM) == notices[0]["date_published"]
    assert feed.findtext("a:id", "", ATOM) == f"{BASE}/security.xml"


def test_links_lead_to_the_page_that_tells_the_whole() -> None:
    (item,) = _notices([_entry(1, "deleted")])
    assert item["url"] == f"{BASE}/servers/io.github.acme/s001/versions/1/"


def test_a_withdrawal_without_a_word_says_that_there_was_none() -> None:
    (item,) = _notices([_entry(1, "deprecated", None)])
    assert item["content_text"] == "No reason was given."


def test_a_reason_cannot_move_a_terminal_or_turn_text_round() -> None:
    (item,) = _notices([_entry(1, "deleted", "bad\u202e\x1b[2Jword")])
    assert not {"\u202e", "\x1b"} & set(item["content_text"])


def test_a_feed_is_short_and_keeps_the_newest() -> None:
    entries = [_entry(number, "deleted", day=1 + number % 28) for number in range(1, NEWEST + 20)]
    found = _notices(entries)
    assert len(found) == NEWEST
    assert min(item["date_published"] for item in found) > "2026-12-05"


def test_where_nothing_was_withdrawn_the_feed_is_empty_and_valid() -> None:
    manifest = make_manifest("io.github.acme/fine", "1")
    files = _files([make_entry(manifest, 1)])
    assert json.loads(files["security.json"])["items"] == []
    feed = ElementTree.fromstring(files["security.xml"])  # our own output
    assert feed.findtext("a:updated", "", ATOM)
