"""From a fork's pull request to a client elsewhere, with the commands that the workflows call.

Sigstore and GitHub's token issuer are local doubles that speak the real protocols; git, the package
index, TUF, the site and the sandbox are real. Then each link of the chain in turn is forged, and
the story must fail at that very link.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.entry import Entry
from mcpreg.core.index import Record
from mcpreg.gitrepo import PUBLISHED
from publish_world import CLOCK, Completed, Stages, World, git, stages
from tiny_registry import make_lock, make_manifest

BELL = "io.github.acme/bell"
pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def played() -> Iterator[Stages]:
    with stages() as made:
        yield made


@pytest.fixture
def world(played: Stages) -> World:
    return played.at("begun")


@pytest.fixture
def merged(played: Stages) -> World:
    """A reviewed version on main, checked but not attested yet."""
    return played.at("merged")


@pytest.fixture
def live(played: Stages) -> World:
    """The version attested, published, built and served."""
    return played.at("live")


def refused(done: Completed, says: str, code: int = 4) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr


# --- the story -----------------------------------------------------------------------------


@pytest.mark.sandbox
@pytest.mark.cold
def test_from_a_pull_request_to_a_client_elsewhere(world: World) -> None:
    world.submit("1.0.0", "topic")
    event = world.folder / "event.json"
    event.write_text(json.dumps({"pull_request": {"user": {"login": "acme", "id": 7}}}))
    comment = world.folder / "comment.md"
    checked = world.must(
        "mcpreg",
        *("ci", "check", "--repo", str(world.ci), "--base", "main"),
        *("--rev", "refs/pull/1/head", "--event", str(event), "--comment", str(comment)),
        "--offline",
    )
    assert "1 versions checked: 0 checks failed" in checked.stdout
    assert f"`{CLOCK}@1.0.0`" in comment.read_text()
    world.merge()
    assert world.check().returncode == 0
    signed = world.sign()
    assert "attested io.github.acme/clock/1.0.0" in signed.stdout, signed.stderr
    published = world.publish()
    assert f"published {CLOCK}@1.0.0" in published.stdout, published.stderr
    git(world.ci, "push", "-q", "origin", PUBLISHED)
    world.build()
    assert world.trust().returncode == 0
    verified = world.must("mcpreg", "verify", CLOCK).stdout
    assert "attested by https://github.com/acme/registry/.github/workflows/publish.yml" in verified
    assert ask(world) == "noon"


def ask(world: World) -> str | None:
    requests = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
        {"id": 2, "method": "tools/call", "params": {"name": "now", "arguments": {}}},
    ]
    given = "".join(json.dumps({"jsonrpc": "2.0", **item}) + "\n" for item in requests)
    done = world.call("mcpreg", "run", CLOCK, given=given)
    answers = {item["id"]: item for item in map(json.loads, done.stdout.splitlines())}
    return answers[2]["result"]["content"][0]["text"] if 2 in answers else None


def test_nothing_new_attests_nothing_and_signs_again(live: World) -> None:
    again = live.sign()
    assert again.stdout.startswith("0 attested"), again.stderr
    published = live.publish()
    assert "1 versions, 0 new" in published.stdout, published.stderr


def test_a_bad_version_in_the_same_push_stops_no_good_one(merged: World) -> None:
    """Bell comes before Clock in every listing, and so in the numbers."""
    bad = make_manifest(BELL, "1.0.0", license="no licence at all")
    merged.registry.submit(bad)
    assert merged.check().returncode == 1
    signed = merged.sign()
    assert signed.stdout == f"attested {CLOCK}/1.0.0\n1 attested, 0 needed none, 1 left out\n"
    refused(signed, f"left out: {BELL}@1.0.0 fails 1 checks: license-", code=1)
    published = merged.publish()
    assert f"published {CLOCK}@1.0.0\n" in published.stdout
    assert "1 versions, 1 new, 1 left out" in published.stdout
    refused(published, f"left out: {BELL}@1.0.0 fails 1 checks: license-", code=1)
    assert "the next run looks at it again" in published.stderr
    merged.build()
    assert not [path for path in merged.site.rglob("*") if "bell" in path.name]
    assert merged.trust().returncode == 0
    merged.must("mcpreg", "verify", CLOCK)
    repaired = make_manifest(BELL, "1.0.0")
    folder = merged.ci / "servers" / BELL / "1.0.0"
    (folder / "mcps.json").write_bytes(canonical.pretty(repaired.document()))
    (folder / "mcps-lock.json").write_bytes(make_lock(repaired).canonical())
    merged.registry.commit("Say the licence")
    for job in (merged.check, merged.sign, merged.publish):
        done = job()
        assert done.returncode == 0, done.stdout + done.stderr
    assert {e.name: e.record.sequence for e in merged.entries() if e.record} == {CLOCK: 1, BELL: 2}
    merged.build()
    merged.must("mcpreg", "verify", BELL)


# --- each link, forged ---------------------------------------------------------------------


def test_link_manifest_changed_after_the_check(merged: World) -> None:
    path = merged.ci / "servers" / CLOCK / "1.0.0"
    other = make_manifest(CLOCK, "1.0.0", description="Sends your files away")
    lock = make_lock(other)
    (path / "mcps.json").write_bytes(canonical.pretty(other.document()))
    (path / "mcps-lock.json").write_bytes(lock.canonical())
    merged.registry.commit("Swap")
    refused(merged.sign(), "is about other bytes than main has")


def test_link_lock_changed_after_the_attestation(merged: World) -> None:
    assert merged.sign().returncode == 0
    path = merged.ci / "servers" / CLOCK / "1.0.0/mcps-lock.json"
    manifest = make_manifest(CLOCK, "1.0.0")
    path.write_bytes(make_lock(manifest, "f" * 64).canonical())
    merged.registry.commit("Swap the lock")
    refused(merged.publish(), "is about other bytes than main has")


def test_link_report_changed_after_the_attestation(merged: World) -> None:
    assert merged.sign().returncode == 0
    (file,) = merged.reports.rglob("*.report.json")
    report = json.loads(file.read_bytes())
    report["checks"][0]["toolVersion"] = "another tool 9.9"
    file.write_text(json.dumps(report))
    refused(merged.publish(), "is about another report")


def test_link_report_that_hides_a_failure(merged: World) -> None:
    (file,) = merged.reports.rglob("*.report.json")
    report = json.loads(file.read_bytes())
    report["checks"] = report["checks"][1:]
    file.write_text(json.dumps(report))
    refused(merged.sign(), "lacks ", code=1)
    assert not list(merged.bundles.rglob("*"))


def test_link_bundle_missing(merged: World) -> None:
    refused(merged.publish(), "has no attestation")


def test_link_bundle_of_another_workflow(merged: World) -> None:
    merged.sigstore.claims = {"workflow_path": ".github/workflows/ci.yml"}
    assert merged.sign().returncode == 0
    refused(merged.publish(), "not signed by this registry's workflow")


def test_link_bundle_of_another_version(live: World) -> None:
    (first,) = live.bundles.rglob("*.sigstore.json")
    live.submit("1.1.0", "next")
    live.merge()
    assert live.check().returncode == 0
    shutil.copyfile(first, first.with_name("1.1.0.sigstore.json"))
    refused(live.publish(), "is about another mcps.json")


def test_link_branch_without_its_metadata(live: World) -> None:
    snapshot = gitrepo.read(live.ci, PUBLISHED)
    git(live.ci, "checkout", "-q", PUBLISHED)
    git(live.ci, "rm", "-rq", "tuf")
    git(live.ci, "commit", "-q", "-m", "Start again")
    git(live.ci, "checkout", "-q", "main")
    assert snapshot.tuf
    refused(live.publish(), "its version numbers cannot go on")


def test_link_branch_that_rewrites_what_was_published(live: World) -> None:
    git(live.ci, "checkout", "-q", PUBLISHED)
    record = live.ci / f"records/{CLOCK}/1.0.0.json"
    document = json.loads(record.read_bytes()) | {"manifest": "sha256:" + "0" * 64}
    record.write_text(json.dumps(document))
    git(live.ci, "commit", "-qam", "Rewrite")
    git(live.ci, "checkout", "-q", "main")
    refused(live.publish(), "is not what was published", code=1)


def test_link_policy_that_asks_for_less(merged: World) -> None:
    policy = merged.ci / "trust/policy.json"
    document = {"policyVersion": 1, "mode": "key-only", "registry": "tiny"}
    policy.write_bytes(canonical.dumps(document))
    merged.registry.commit("No attestations any more")
    refused(merged.publish(), "not consistently signed")


def forged_record(world: World, **changes: object) -> Entry:
    (entry,) = world.entries()
    assert entry.record
    record: Record = entry.record.model_copy(update=changes)
    return replace(entry, record=record)


def test_link_record_signed_with_a_stolen_online_key(live: World) -> None:
    (entry,) = live.entries()
    assert entry.record
    fewer = entry.record.report[1:]
    assert live.trust().returncode == 0
    assert live.verify().returncode == 0
    live.sign_again(forged_record(live, report=fewer))
    refused(live.verify(), "is about another report")


def test_link_version_that_only_a_stolen_online_key_signed(live: World) -> None:
    (entry,) = live.entries()
    assert entry.record
    manifest = make_manifest(CLOCK, "6.6.6", description="Sends your files away")
    lock = make_lock(manifest)
    facts = {"version": "6.6.6", "manifest": manifest.digest(), "lock": lock.digest()}
    evil = replace(
        forged_record(live, sequence=2, **facts),
        version="6.6.6",
        manifest=manifest,
        manifest_bytes=canonical.pretty(manifest.document()),
        lock=lock,
        lock_bytes=lock.canonical(),
    )
    assert live.trust().returncode == 0
    live.sign_again(entry, evil)
    refused(live.verify(), "is about another mcps.json")
    assert entry.record.attestation
    bare = evil.record.model_copy(update={"attestation": None}) if evil.record else None
    live.sign_again(entry, replace(evil, record=bare))
    refused(live.verify(), "has no attestation")


def test_link_index_changed_by_the_host(live: World) -> None:
    assert live.trust().returncode == 0
    (index,) = (live.site / "targets/index").rglob("*.clock.json")
    index.write_bytes(index.read_bytes().replace(b'"active"', b'"gone"'))
    refused(live.verify(), "nobody signed")


def test_link_root_of_somebody_else(live: World) -> None:
    root = live.site / "tuf/1.root.json"
    root.write_bytes(root.read_bytes().replace(b'"version":1', b'"version":2'))
    done = live.trust()
    assert done.returncode == 4, done.stderr
    assert "root" in done.stderr
