"""Publishing: what main has and `published` lacks gets a record, and the whole is signed."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mcpreg import gitrepo
from mcpreg.errors import McpregError, UsageError, VerificationError
from mcpreg.gitrepo import PUBLISHED
from mcpreg.usecases.publish import publish
from tiny_registry import TinyRegistry, make_manifest


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
    with pytest.raises(McpregError, match="lock"):
        tiny_registry.publish()


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
