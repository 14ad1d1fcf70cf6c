"""Rotations: what holders sign, what an old client follows, and version numbers that only grow."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.index import Policy
from mcpreg.core.settings import ExpirySettings, TrustSettings
from mcpreg.errors import McpregError, UsageError, VerificationError
from mcpreg.gitrepo import PUBLISHED
from mcpreg.trust import rotation
from mcpreg.trust.client import RegistryClient
from mcpreg.trust.keys import make_key
from mcpreg.trust.offline import load_offline, offline_targets, parse, signed
from mcpreg.trust.pins import Pin
from mcpreg.trust.repository import Publication, create_offline, sign_online
from mcpreg.trust.rotation import Changes, Pending
from mcpreg.usecases import keys_rotate
from mcpreg.usecases.keys import NewKeys, init_keys
from mcpreg.usecases.keys_rotate import Request
from tiny_registry import SETTINGS, TinyRegistry, make_manifest

NOW = datetime.now(UTC).replace(microsecond=0)
CLOCK = "io.github.acme/clock"
POLICY = Policy(mode="key-only", registry="tiny").canonical()
HOLDERS = [CryptoSigner.generate_ed25519() for _ in range(3)]
FIRST = CryptoSigner.generate_ed25519()  # the online key
OTHER = CryptoSigner.generate_ed25519()
TRUST = create_offline(HOLDERS, FIRST.public_key, POLICY, TrustSettings(bin_bits=1), NOW)
EXPIRY = ExpirySettings()


def drafted(changes: Changes, policy: bytes = POLICY) -> Pending:
    documents = offline_targets(policy, None)
    return rotation.draft(load_offline(TRUST), changes, documents, EXPIRY, NOW)


# --- drafts -----------------------------------------------------------------------------------


def test_a_draft_says_what_it_changes() -> None:
    pending = drafted(Changes(online=(OTHER.public_key,), threshold=3))
    said = "\n".join(rotation.changes(pending))
    assert f"removes online key {FIRST.public_key.keyid[:12]}" in said
    assert f"adds online key {OTHER.public_key.keyid[:12]}" in said
    assert "threshold from 2 to 3" in said
    assert f"root 2 holds until {NOW + timedelta(days=365):%Y-%m-%d}" in said


def test_old_and_new_thresholds_are_counted_apart() -> None:
    new = CryptoSigner.generate_ed25519()
    leaving = HOLDERS[0].public_key.keyid
    pending = drafted(Changes(add=(new.public_key,), remove=frozenset({leaving})))
    assert [quorum.missing for quorum in pending.quorums()] == [2, 2, 2]
    pending = rotation.sign(pending, HOLDERS[0])  # leaves: counts for the old root alone
    assert [quorum.missing for quorum in pending.quorums()] == [1, 2, 2]
    pending = rotation.sign(pending, new)  # comes: counts for what is new alone
    assert [quorum.missing for quorum in pending.quorums()] == [1, 1, 1]
    assert not pending.is_complete
    pending = rotation.sign(pending, HOLDERS[1])
    assert pending.is_complete


def test_signing_twice_adds_nothing() -> None:
    once = rotation.sign(drafted(Changes(renew=True)), HOLDERS[0])
    assert rotation.sign(once, HOLDERS[0]).files() == once.files()


def test_a_draft_that_too_few_signed_cannot_be_put_in_force() -> None:
    complete = drafted(Changes(renew=True))
    for holder in HOLDERS[:2]:
        complete = rotation.sign(complete, holder)
    assert load_offline(rotation.completed(complete, TRUST)).root.version == 2
    one = rotation.sign(drafted(Changes(renew=True)), HOLDERS[0])
    with pytest.raises(VerificationError, match="not consistently signed"):
        rotation.completed(one, TRUST)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(), "nothing changes"),
        (Changes(threshold=4), "cannot reach a threshold of 4"),
        (Changes(online=(HOLDERS[0].public_key,)), "offline and online at once"),
        (Changes(remove=frozenset({"00" * 32})), "no holder has the key"),
        (
            Changes(remove=frozenset(holder.public_key.keyid for holder in HOLDERS[:2])),
            "1 holders cannot reach a threshold of 2",
        ),
    ],
)
def test_refuses_to_draft_what_makes_no_sense(changes: Changes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        drafted(changes)


def forged(name: str, change: Callable[[Root | Targets], None]) -> dict[str, bytes]:
    """A draft that somebody with push rights edited by hand."""
    files = drafted(Changes(renew=True)).files()
    metadata: Metadata[Root] | Metadata[Targets] = (
        parse(Root, files[name]) if "root" in name else parse(Targets, files[name])
    )
    change(metadata.signed)
    return {**files, name: metadata.to_bytes()}


def _one_key_twice(metadata: Root | Targets) -> None:
    assert isinstance(metadata, Root)
    key = HOLDERS[0].public_key
    again = SSlibKey("ff" * 32, key.keytype, key.scheme, key.keyval)
    for role in ("root", "targets"):
        metadata.add_key(again, role)


def _inconsistent(metadata: Root | Targets) -> None:
    assert isinstance(metadata, Root)
    metadata.consistent_snapshot = False


def _skipping(metadata: Root | Targets) -> None:
    metadata.version += 1


def _free_targets(metadata: Root | Targets) -> None:
    assert isinstance(metadata, Root)
    metadata.roles["targets"].threshold = 1


def _other_bins(metadata: Root | Targets) -> None:
    assert isinstance(metadata, Targets)
    assert metadata.delegations
    metadata.delegations.keys = {OTHER.public_key.keyid: OTHER.public_key}


def _more_targets(metadata: Root | Targets) -> None:
    assert isinstance(metadata, Targets)
    metadata.targets |= {"evil.json": metadata.targets["policy.json"]}


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("2.root.json", _one_key_twice, "one key twice"),
        ("2.root.json", _inconsistent, "consistent snapshots"),
        ("2.root.json", _skipping, "says version 3"),
        ("2.root.json", _free_targets, "differ in keys or threshold"),
        ("2.targets.json", _other_bins, "do not delegate the same bins"),
        ("2.targets.json", _more_targets, "lists other documents"),
        ("2.targets.json", _skipping, "says version 3"),
    ],
)
def test_refuses_to_sign_a_forged_draft(
    name: str, change: Callable[[Root | Targets], None], said: str
) -> None:
    offline = load_offline(TRUST)
    rotation.read_pending(drafted(Changes(renew=True)).files(), offline)  # untouched: fine
    with pytest.raises(VerificationError, match=said):
        rotation.read_pending(forged(name, change), offline)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("policy.json", b"{}", "lists other documents"),
        ("3.root.json", b"{}", "does not belong there"),
        ("2.root.json", b" " * 600_000, "larger than"),
        ("2.root.json", b"{}", "not root metadata"),
        ("2.root.json", TRUST["1.targets.json"], "targets metadata, not root"),
    ],
)
def test_refuses_foreign_files_among_the_pending(name: str, data: bytes, said: str) -> None:
    files = drafted(Changes(renew=True)).files()
    with pytest.raises(VerificationError, match=said):
        rotation.read_pending({**files, name: data}, load_offline(TRUST))


def test_refuses_a_draft_with_a_strangers_or_a_broken_signature() -> None:
    files = drafted(Changes(renew=True)).files()
    root = Metadata[Root].from_bytes(files["2.root.json"])
    strange = {**files, "2.root.json": signed(root, [OTHER])}
    with pytest.raises(VerificationError, match="is not a holder's"):
        rotation.read_pending(strange, load_offline(TRUST))
    good = json.loads(
        rotation.sign(drafted(Changes(renew=True)), HOLDERS[0]).files()["2.root.json"]
    )
    good["signatures"][0]["sig"] = "00" * 64
    broken = {**files, "2.root.json": json.dumps(good).encode()}
    with pytest.raises(VerificationError, match="is not a holder's"):
        rotation.read_pending(broken, load_offline(TRUST))


# --- publishing across rotations --------------------------------------------------------------


def numbers(published: dict[str, bytes]) -> dict[str, int]:
    """The version of every role that a published state names."""
    timestamp = Metadata[Timestamp].from_bytes(published["timestamp.json"]).signed
    version = timestamp.snapshot_meta.version
    snapshot = Metadata[Snapshot].from_bytes(published[f"{version}.snapshot.json"]).signed
    metas = {name: meta.version for name, meta in snapshot.meta.items()}
    return {"timestamp": timestamp.version, "snapshot": version, **metas}


class _World:
    """A registry that lives on: publications, re-signings and rotations in any order."""

    def __init__(self) -> None:
        self.trust: dict[str, bytes] = dict(TRUST)
        self.online = FIRST
        self.targets: dict[str, bytes] = {}
        self.published: dict[str, bytes] = {}
        self.now = NOW

    def publish(self) -> None:
        publication = Publication(dict(self.targets), self.published, self.now, EXPIRY)
        self.published = sign_online(publication, load_offline(self.trust), self.online)

    def rotate(self, changes: Changes) -> None:
        offline = load_offline(self.trust)
        documents = offline_targets(POLICY, None)
        pending = rotation.draft(offline, changes, documents, EXPIRY, self.now)
        for holder in HOLDERS[:2]:
            pending = rotation.sign(pending, holder)
        self.trust = rotation.completed(pending, self.trust)

    def step(self, deed: str) -> None:
        if deed == "add":
            self.targets[f"index/{len(self.targets)}.json"] = b"x"
        elif deed == "renew":
            self.rotate(Changes(renew=True))
        elif deed == "replace":
            self.online = CryptoSigner.generate_ed25519()
            self.rotate(Changes(online=(self.online.public_key,)))
        elif deed.endswith("d"):
            self.now += timedelta(days=int(deed[:-1]))
        self.publish()


@given(st.lists(st.sampled_from(["add", "again", "renew", "replace", "1d", "8d"]), max_size=8))
@settings(max_examples=20, deadline=None)
def test_version_numbers_only_grow_and_nothing_near_its_expiry_stays(deeds: list[str]) -> None:
    world = _World()
    world.publish()
    for deed in deeds:
        before, files = numbers(world.published), dict(world.published)
        world.step(deed)
        after = numbers(world.published)
        assert set(after) == set(before)
        assert after["timestamp"] == before["timestamp"] + 1
        assert after["snapshot"] == before["snapshot"] + 1
        assert all(after[name] >= version for name, version in before.items())
        targets = load_offline(world.trust).targets
        for name in load_offline(world.trust).bins.get_roles():
            file = f"{after[f'{name}.json']}.{name}.json"
            fresh = Metadata[Targets].from_bytes(world.published[file])
            targets.verify_delegate(name, fresh.signed_bytes, fresh.signatures)
            assert fresh.signed.expires - world.now > timedelta(days=EXPIRY.bins / 2)
            if file in files:
                assert world.published[file] == files[file]  # a version never changes its bytes
        if deed == "again":
            assert {n: v for n, v in after.items() if "bins" in n} == {
                n: v for n, v in before.items() if "bins" in n
            }


def test_refuses_to_publish_when_trust_was_rolled_back() -> None:
    world = _World()
    world.publish()
    world.rotate(Changes(renew=True))
    world.publish()
    world.trust = dict(TRUST)
    with pytest.raises(VerificationError, match=r"published tuf/2\.root\.json is not the one"):
        world.publish()


def test_refuses_to_publish_under_an_expired_root() -> None:
    world = _World()
    world.publish()
    world.now += timedelta(days=366)
    with pytest.raises(McpregError, match="expired") as refusal:
        world.publish()
    assert "keys rotate --renew" in (refusal.value.hint or "")
    world.rotate(Changes(renew=True))
    world.publish()


def test_a_state_signed_by_a_revoked_key_is_not_gone_on_from() -> None:
    world = _World()
    world.publish()
    world.step("replace")
    forged_state = dict(world.published)
    timestamp = Metadata[Timestamp].from_bytes(forged_state["timestamp.json"])
    timestamp.signatures.clear()
    forged_state["timestamp.json"] = signed(timestamp, [FIRST])
    world.publish()
    world.published = forged_state
    with pytest.raises(VerificationError, match="not signed by this registry's online key"):
        world.publish()


# --- the whole way: git, ceremony, host, client -----------------------------------------------


@pytest.fixture
def living(tmp_path: Path) -> TinyRegistry:
    """A registry of today, so that the client's own clock agrees with it."""
    repo = tmp_path / "registry"
    repo.mkdir()
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    keys = init_keys(repo, tmp_path / "keys", NOW - timedelta(days=1))
    tiny = TinyRegistry(repo, tmp_path / "site", keys, clock=NOW - timedelta(hours=12))
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        tiny.git("config", key, value)
    tiny.submit(make_manifest(CLOCK, "1.0.0"))
    tiny.publish()
    return tiny


def held(living: TinyRegistry, request: Request, *uris: str) -> None:
    """A ceremony: draft, commit; each holder signs and commits; then publish."""
    keys_rotate.rotate(living.repo, request, {}, NOW)
    living.commit("Draft")
    for uri in uris:
        done = keys_rotate.sign(living.repo, uri, {}, lambda _: True).done
        living.commit("Sign")
    assert done
    assert not (living.repo / "trust/pending").exists()
    living.publish()


def uri_of(keys: NewKeys, number: int) -> str:
    return f"file:{keys.folder / f'offline-{number}.pem'}"


def test_clients_old_and_new_follow_three_rotations(
    living: TinyRegistry, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    url = serve(living.site)
    first = (living.repo / "trust/1.root.json").read_bytes()
    pin = Pin("tiny", url, canonical.sha256(first))

    def look(cache: str) -> RegistryClient:
        client = RegistryClient(pin, first, tmp_path / cache)
        assert client.server(CLOCK).latest == "1.0.0"
        return client

    look("follows")
    new_online, holder = tmp_path / "online-2.pem", tmp_path / "dora.pem"
    make_key(new_online)
    dora = f"dora=file:{make_key(holder)}"
    one, two, three = (uri_of(living.keys, number) for number in (1, 2, 3))
    old_uri = living.keys.online_uri

    living.keys = NewKeys(living.keys.folder, (), living.keys.root, f"file:{new_online}")
    held(living, Request(online=f"file:{new_online}"), one, two)  # 1 → 2: another online key
    look("follows")
    held(living, Request(add=(dora,), remove=("offline-1",)), one, two, three)  # 2 → 3
    look("follows")
    held(living, Request(threshold=3), f"file:{holder}", two, three)  # 3 → 4
    look("follows")
    look("slept since root 1")

    served = sorted(path.name for path in (living.site / "tuf").glob("*.root.json"))
    assert served == ["1.root.json", "2.root.json", "3.root.json", "4.root.json"]
    newest = load_offline(gitrepo.read(living.repo, "HEAD").trust).root
    assert newest.roles[Root.type].threshold == 3
    with pytest.raises(UsageError, match="not a key that this registry's root names"):
        living.keys = NewKeys(living.keys.folder, (), living.keys.root, old_uri)
        living.publish()


def test_an_unfinished_ceremony_changes_nothing_that_is_published(living: TinyRegistry) -> None:
    keys_rotate.rotate(living.repo, Request(renew=True), {}, NOW)
    keys_rotate.sign(living.repo, uri_of(living.keys, 1), {}, lambda _: True)
    living.commit("Half signed")
    living.publish()
    published = gitrepo.read(living.repo, PUBLISHED).tuf
    assert not [name for name in published if name.startswith("2.root") or "pending" in name]
