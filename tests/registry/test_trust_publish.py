"""Publishing: what main has and `published` lacks gets a record, and the whole is signed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.catalog import build_targets
from mcpreg.errors import McpregError, UsageError, VerificationError
from mcpreg.gitrepo import PUBLISHED
from mcpreg.usecases.publish import publish
from tiny_registry import TinyRegistry, make_lock, make_manifest


def test_records_every_version_that_published_lacks(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.1.0"))
    done = tiny_registry.publish()
    assert done.new == ("io.github.acme/clock@1.0.0", "io.github.acme/clock@1.1.0")
    entries = gitrepo.read(tiny_registry.repo, PUBLISHED).entries
    assert [entry.record.sequence for entry in entries if entry.record] == [1, 2]
    assert all(entry.record and entry.record.curated for entry in entries)


def test_publishing_again_changes_no_record_and_counts_metadata_on(
    tiny_registry: TinyRegistry,
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    first = gitrepo.read(tiny_registry.repo, PUBLISHED)
    assert tiny_registry.publish().new == ()
    second = gitrepo.read(tiny_registry.repo, PUBLISHED)
    assert first.entries == second.entries
    versions = [json.loads(s.tuf["timestamp.json"])["signed"]["version"] for s in (first, second)]
    assert versions == [1, 2]


def test_an_unchanged_bin_keeps_its_bytes(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    before = gitrepo.read(tiny_registry.repo, PUBLISHED).tuf
    tiny_registry.publish()
    after = gitrepo.read(tiny_registry.repo, PUBLISHED).tuf
    bins = {name for name in before if ".bins-" in name}
    assert len(bins) == 4
    assert all(after[name] == before[name] for name in bins)


def test_a_bin_near_its_expiry_is_signed_again(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    tiny_registry.publish(later=timedelta(days=8))
    names = gitrepo.read(tiny_registry.repo, PUBLISHED).tuf
    assert sum(name.startswith("2.bins-") for name in names) == 4


def test_the_work_tree_and_main_stay_as_they_are(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    head = tiny_registry.git("rev-parse", "HEAD")
    tiny_registry.publish()
    assert tiny_registry.git("rev-parse", "HEAD") == head
    assert tiny_registry.git("status", "--porcelain") == ""
    assert not (tiny_registry.repo / "records").exists()


def test_refuses_a_published_version_that_changed(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    before = tiny_registry.git("rev-parse", PUBLISHED)
    changed = make_manifest("io.github.acme/clock", "1.0.0", description="Something else")
    folder = tiny_registry.repo / "servers/io.github.acme/clock/1.0.0"
    (folder / "mcps.json").write_text(json.dumps(changed.document()))
    tiny_registry.commit("Rewrite history")
    with pytest.raises(McpregError, match=r"immutable.*clock@1\.0\.0 is not what was published"):
        tiny_registry.publish()
    assert tiny_registry.git("rev-parse", PUBLISHED) == before


def test_refuses_a_published_version_that_vanished(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    tiny_registry.git("rm", "-q", "-r", "servers")
    tiny_registry.commit("Remove")
    with pytest.raises(McpregError, match="vanished"):
        tiny_registry.publish()


def test_refuses_a_lock_made_for_another_manifest(tiny_registry: TinyRegistry) -> None:
    manifest = make_manifest("io.github.acme/clock", "1.0.0")
    tiny_registry.submit(manifest)
    path = tiny_registry.repo / "servers/io.github.acme/clock/1.0.0/mcps.json"
    wider = manifest.document()
    wider["capabilities"]["sandbox"] = ["net:egress:evil.example:443"]
    path.write_text(json.dumps(wider))
    tiny_registry.commit("Widen without locking again")
    done = tiny_registry.publish(partly=True)
    assert (done.new, done.total) == ((), 0)
    assert "lock" in done.left_out[0].reason


def test_refuses_records_on_main(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    tiny_registry.git("checkout", "-q", PUBLISHED)
    with pytest.raises(McpregError, match="only published may hold"):
        tiny_registry.publish()


def test_refuses_a_key_that_the_root_does_not_name(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    foreign = f"file:{tiny_registry.keys.folder / 'offline-1.pem'}"
    with pytest.raises(UsageError, match="not a key that this registry's root names"):
        publish(tiny_registry.repo, "HEAD", foreign, now=tiny_registry.clock, environment={})


def test_takes_the_key_from_the_environment(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    pem = (tiny_registry.keys.folder / "online.pem").read_text()
    done = publish(
        tiny_registry.repo, "HEAD", "env:KEY", now=tiny_registry.clock, environment={"KEY": pem}
    )
    assert done.total == 1


def test_refuses_to_start_version_numbers_again(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.git("branch", PUBLISHED)
    with pytest.raises(VerificationError, match="version numbers cannot go on"):
        tiny_registry.publish()


def test_refuses_a_root_that_two_keys_did_not_sign(tiny_registry: TinyRegistry) -> None:
    path = tiny_registry.repo / "trust/1.root.json"
    root = json.loads(path.read_bytes())
    for signature in root["signatures"][:2]:
        signature["sig"] = "00" * 64
    path.write_text(json.dumps(root))
    tiny_registry.commit("Forge")
    with pytest.raises(VerificationError, match="not consistently signed"):
        tiny_registry.publish()


BAD = {"license": "no licence at all"}
BELL = "io.github.acme/bell"


def test_a_version_that_fails_stops_no_other_and_takes_no_number(
    tiny_registry: TinyRegistry,
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.submit(make_manifest(BELL, "1.0.0", **BAD))
    done = tiny_registry.publish(partly=True)
    assert done.new == ("io.github.acme/clock@1.0.0",)
    assert [item.version for item in done.left_out] == [f"{BELL}@1.0.0"]
    assert "mcpreg validate" in done.left_out[0].hint
    assert numbers(tiny_registry) == {"io.github.acme/clock": 1}
    document = make_manifest(BELL, "1.0.0")
    folder = tiny_registry.repo / "servers" / BELL / "1.0.0"
    (folder / "mcps.json").write_bytes(canonical.pretty(document.document()))
    (folder / "mcps-lock.json").write_bytes(make_lock(document).canonical())
    tiny_registry.commit("Say the licence")
    assert tiny_registry.publish().new == (f"{BELL}@1.0.0",)
    assert numbers(tiny_registry) == {"io.github.acme/clock": 1, BELL: 2}


def test_a_version_left_out_is_in_nothing_that_is_signed(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.submit(make_manifest(BELL, "1.0.0", **BAD))
    tiny_registry.publish(partly=True)
    targets = build_targets(gitrepo.read(tiny_registry.repo, PUBLISHED).entries)
    assert not [path for path in targets.files if "bell" in path]
    assert not [
        data
        for data in (*targets.files.values(), *targets.blobs.values())
        if b'"name":"io.github.acme/bell"' in data
    ]


def test_signing_again_neither_admits_nor_names_what_was_left_out(
    tiny_registry: TinyRegistry,
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.submit(make_manifest(BELL, "1.0.0", **BAD))
    tiny_registry.publish(partly=True)
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.1.0"))
    uri = tiny_registry.keys.online_uri
    later = tiny_registry.clock + timedelta(hours=1)
    done = publish(tiny_registry.repo, "HEAD", uri, now=later, environment={}, only_sign=True)
    assert (done.new, done.left_out, done.total) == ((), (), 1)


def test_refuses_a_published_version_that_is_marked_as_mirrored(
    tiny_registry: TinyRegistry,
) -> None:
    manifest = make_manifest("io.github.acme/clock", "1.0.0")
    tiny_registry.submit(manifest)
    tiny_registry.publish()
    mark = {"source": "invented", "format": "mcps", "document": manifest.digest()}
    folder = tiny_registry.repo / "servers/io.github.acme/clock/1.0.0"
    (folder / "source.json").write_text(json.dumps(mark))
    tiny_registry.commit("Call it mirrored")
    with pytest.raises(McpregError, match="never synced"):
        tiny_registry.publish(partly=True)


def numbers(registry: TinyRegistry) -> dict[str, int]:
    entries = gitrepo.read(registry.repo, PUBLISHED).entries
    return {entry.name: entry.record.sequence for entry in entries if entry.record}
