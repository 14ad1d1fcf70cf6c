"""Every attack on TUF metadata, by a host that holds nothing and by one that stole the online key.

A small registry is signed with the library's own code and served over http on this machine. Each
test first shows that the untouched registry works, then plays the attack, and the client refuses
with a message of its own.
"""

from __future__ import annotations

import functools
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from mcpreg.core import canonical
from mcpreg.core.index import File, Policy, blob_path, index_target
from mcpreg.core.settings import ExpirySettings, TrustSettings
from mcpreg.errors import UnreachableError, VerificationError
from mcpreg.trust import fetch, rotation
from mcpreg.trust.client import RegistryClient
from mcpreg.trust.offline import S, load_offline, offline_targets, signed
from mcpreg.trust.pins import Pin
from mcpreg.trust.repository import Publication, create_offline, sign_online

NOW = datetime.now(UTC).replace(microsecond=0)
CLOCK = index_target("io.github.acme/clock")
POLICY = Policy(mode="key-only", registry="tiny").canonical()


@dataclass
class Host:
    """What a static host serves, and all the keys behind it."""

    site: Path
    trust: dict[str, bytes]
    holders: list[CryptoSigner]
    online: CryptoSigner
    published: Mapping[str, bytes] = field(default_factory=dict)

    def publish(self, text: str, now: datetime = NOW) -> None:
        """Sign `text` as the clock's index document and write what a host would hold."""
        targets = {CLOCK: text.encode()}
        publication = Publication(targets, self.published, now, ExpirySettings())
        self.published = sign_online(publication, load_offline(self.trust), self.online)
        files = {f"tuf/{name}": data for name, data in self.published.items()}
        for path, data in {**targets, "policy.json": self.trust["policy.json"]}.items():
            folder, slash, name = path.rpartition("/")
            digest = canonical.sha256(data).removeprefix("sha256:")
            files[f"targets/{folder}{slash}{digest}.{name}"] = data
        for path, data in files.items():
            (self.site / path).parent.mkdir(parents=True, exist_ok=True)
            (self.site / path).write_bytes(data)

    def rotate(self, changes: rotation.Changes, signers: list[CryptoSigner]) -> None:
        """The next root and targets, signed by `signers`, as `mcpreg-site keys` makes them."""
        offline = load_offline(self.trust)
        documents = offline_targets(self.trust["policy.json"], None)
        pending = rotation.draft(offline, changes, documents, ExpirySettings(), NOW)
        for signer in signers:
            pending = rotation.sign(pending, signer)
        self.trust = rotation.completed(pending, self.trust)

    def tuf(self, name: str) -> Path:
        return self.site / "tuf" / name

    def forge(self, kind: type[S], name: str, change: Callable[[S], None], *by: Signer) -> bytes:
        """Change a served metadata file and sign it again with what the attacker has."""
        path = self.tuf(name)
        metadata = Metadata[S].from_bytes(path.read_bytes())
        metadata.signatures.clear()
        change(metadata.signed)
        data = signed(metadata, by)
        path.write_bytes(data)
        return data

    def forge_snapshot(self, change: Callable[[Snapshot], None], by: Signer) -> None:
        """A new snapshot and a timestamp that vouches for it."""
        metadata = Metadata[Snapshot].from_bytes(self.published[self.newest("snapshot")])
        metadata.signatures.clear()
        metadata.signed.version += 1
        change(metadata.signed)
        data = signed(metadata, [by])
        self.tuf(f"{metadata.signed.version}.snapshot.json").write_bytes(data)
        self.vouch(MetaFile.from_data(metadata.signed.version, data, ["sha256"]), by)

    def vouch(self, snapshot: MetaFile, by: Signer) -> None:
        def change(timestamp: Timestamp) -> None:
            timestamp.version += 1
            timestamp.snapshot_meta = snapshot

        self.forge(Timestamp, "timestamp.json", change, by)

    def newest(self, role: str) -> str:
        names = [name for name in self.published if name.endswith(f".{role}.json")]
        return max(names, key=lambda name: int(name.partition(".")[0]))

    def bin_of(self, path: str) -> str:
        return self.newest(load_offline(self.trust).bins.get_role_for_target(path))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    holders = [CryptoSigner.generate_ed25519() for _ in range(3)]
    online = CryptoSigner.generate_ed25519()
    trust = create_offline(
        holders, online.public_key, POLICY, TrustSettings(bin_bits=1), NOW - timedelta(days=1)
    )
    made = Host(tmp_path / "site", trust, holders, online)
    made.publish("one", NOW - timedelta(hours=1))
    return made


@dataclass
class User:
    """A client machine: one pin, one cache; every look is a new process's."""

    url: str
    root: bytes
    cache: Path

    def client(self, cache: str = "cache") -> RegistryClient:
        pin = Pin("tiny", self.url, canonical.sha256(self.root))
        return RegistryClient(pin, self.root, self.cache / cache)

    def look(self, cache: str = "cache") -> str:
        """The clock's index document, verified."""
        data = self.client(cache).target(CLOCK)
        assert data is not None
        return data.decode()


@pytest.fixture
def user(host: Host, tmp_path: Path, serve: Callable[[Path], str]) -> User:
    """A user who pinned root 1 and has looked once."""
    user = User(serve(host.site), host.trust["1.root.json"], tmp_path)
    assert user.look() == "one"
    return user


def test_an_older_timestamp_is_a_rollback(host: Host, user: User) -> None:
    old = host.tuf("timestamp.json").read_bytes()
    host.publish("two")
    assert user.look() == "two"
    host.tuf("timestamp.json").write_bytes(old)
    with pytest.raises(VerificationError, match="New timestamp version 1 must be >= 2"):
        user.look()


def test_a_stolen_online_key_cannot_roll_the_snapshot_back(host: Host, user: User) -> None:
    first = host.published["1.snapshot.json"]
    host.publish("two")
    assert user.look() == "two"
    host.vouch(MetaFile.from_data(1, first, ["sha256"]), host.online)
    with pytest.raises(VerificationError, match="New snapshot version must be >= 2"):
        user.look()


def test_a_stolen_online_key_cannot_roll_a_bin_back(host: Host, user: User) -> None:
    name = host.bin_of(CLOCK).partition(".")[2]
    first = host.published[f"1.{name}"]
    host.publish("two")
    assert user.look() == "two"

    def back(snapshot: Snapshot) -> None:
        snapshot.meta[name] = MetaFile.from_data(1, first, ["sha256"])

    host.forge_snapshot(back, host.online)
    with pytest.raises(VerificationError, match="version 1, got 2"):
        user.look()


def test_a_stolen_online_key_cannot_take_a_bin_out_of_the_snapshot(host: Host, user: User) -> None:
    name = host.bin_of(CLOCK).partition(".")[2]
    host.forge_snapshot(lambda snapshot: snapshot.meta.__delitem__(name), host.online)
    with pytest.raises(VerificationError, match="missing info for 'bins-"):
        user.look()


def test_an_old_bin_under_a_new_name_is_mix_and_match(host: Host, user: User) -> None:
    old = host.published[host.bin_of(CLOCK)]
    host.publish("two")
    assert user.look() == "two"
    host.tuf(host.bin_of(CLOCK)).write_bytes(old)
    with pytest.raises(VerificationError, match=r"(length|hash)"):
        user.look("fresh")


def test_a_new_snapshot_under_an_old_timestamp_is_mix_and_match(host: Host, user: User) -> None:
    first = host.tuf("timestamp.json").read_bytes()
    host.publish("two")
    assert user.look("other") == "two"
    host.tuf("timestamp.json").write_bytes(first)
    host.tuf("1.snapshot.json").write_bytes(host.published["2.snapshot.json"])
    with pytest.raises(VerificationError, match=r"(length|hash)"):
        user.look("fresh")


def test_a_frozen_host_is_refused_when_its_timestamp_expires(host: Host, user: User) -> None:
    host.publish("two", NOW - timedelta(days=3, hours=1))
    with pytest.raises(VerificationError, match=r"expired.*timestamp\.json"):
        user.look()
    host.publish("three")
    assert user.look() == "three"


@pytest.mark.parametrize("role", ["snapshot", "bin"])
def test_fresh_timestamps_do_not_hide_an_expired_role(host: Host, user: User, role: str) -> None:
    def age(metadata: Snapshot | Targets) -> None:
        metadata.expires = NOW - timedelta(hours=1)

    if role == "snapshot":
        host.forge_snapshot(age, host.online)
    else:
        name = host.bin_of(CLOCK)
        data = host.forge(Targets, name, age, host.online)

        def point(snapshot: Snapshot) -> None:
            snapshot.meta[name.partition(".")[2]] = MetaFile.from_data(1, data, ["sha256"])

        host.forge_snapshot(point, host.online)
    with pytest.raises(VerificationError, match=r"expired"):
        user.look("fresh")


def test_an_expired_root_is_refused(host: Host, user: User) -> None:
    def age(root: Root) -> None:
        root.version, root.expires = 2, NOW - timedelta(hours=1)

    host.tuf("2.root.json").write_bytes(host.trust["1.root.json"])
    host.forge(Root, "2.root.json", age, *host.holders)
    with pytest.raises(VerificationError, match=r"Final root\.json is expired"):
        user.look()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "bin"])
def test_an_online_role_signed_by_a_foreign_key_is_refused(
    host: Host, user: User, role: str
) -> None:
    thief = CryptoSigner.generate_ed25519()
    if role == "timestamp":
        host.vouch(MetaFile(1), thief)
        expected = "timestamp was signed by 0/1 keys"
    elif role == "snapshot":
        data = host.forge(Snapshot, "1.snapshot.json", lambda _: None, thief)
        host.vouch(MetaFile.from_data(1, data, ["sha256"]), host.online)
        expected = "snapshot was signed by 0/1 keys"
    else:
        name = host.bin_of(CLOCK)
        data = host.forge(Targets, name, lambda _: None, thief)

        def point(snapshot: Snapshot) -> None:
            snapshot.meta[name.partition(".")[2]] = MetaFile.from_data(1, data, ["sha256"])

        host.forge_snapshot(point, host.online)
        expected = r"bins-\d was signed by 0/1 keys"
    with pytest.raises(VerificationError, match=expected):
        user.look("fresh")


def test_the_online_key_cannot_sign_the_policy(host: Host, user: User) -> None:
    """Top targets are the holders' alone; a thief of the online key cannot weaken the policy."""
    assert user.client().policy().mode == "key-only"

    def weaken(targets: Targets) -> None:
        targets.targets["policy.json"] = TargetFile.from_data("policy.json", b"{}", ["sha256"])

    data = host.forge(Targets, "1.targets.json", weaken, host.online)

    def point(snapshot: Snapshot) -> None:
        snapshot.meta["targets.json"] = MetaFile.from_data(1, data, ["sha256"])

    host.forge_snapshot(point, host.online)
    with pytest.raises(VerificationError, match="targets was signed by 0/2 keys"):
        user.client("fresh").policy()


def test_a_policy_in_a_bin_does_not_count(host: Host, user: User) -> None:
    name = host.bin_of("policy.json")
    loose = b'{"policyVersion":1,"mode":"key-only","registry":"thief"}'

    def add(targets: Targets) -> None:
        targets.targets["policy.json"] = TargetFile.from_data("policy.json", loose, ["sha256"])

    data = host.forge(Targets, name, add, host.online)

    def point(snapshot: Snapshot) -> None:
        snapshot.meta[name.partition(".")[2]] = MetaFile.from_data(1, data, ["sha256"])

    host.forge_snapshot(point, host.online)
    digest = canonical.sha256(loose).removeprefix("sha256:")
    (host.site / f"targets/{digest}.policy.json").write_bytes(loose)
    assert user.client("fresh").policy().registry == "tiny"


def test_one_holder_alone_cannot_sign_a_root(host: Host, user: User) -> None:
    def bump(root: Root) -> None:
        root.version = 2

    host.tuf("2.root.json").write_bytes(host.trust["1.root.json"])
    host.forge(Root, "2.root.json", bump, host.holders[0])
    with pytest.raises(VerificationError, match="root was signed by 1/2 keys"):
        user.look()


def test_new_holders_cannot_appoint_themselves(host: Host, user: User) -> None:
    thieves = [CryptoSigner.generate_ed25519() for _ in range(2)]

    def take_over(root: Root) -> None:
        root.version = 2
        for thief in thieves:
            root.add_key(thief.public_key, Root.type)

    host.tuf("2.root.json").write_bytes(host.trust["1.root.json"])
    host.forge(Root, "2.root.json", take_over, *thieves)
    with pytest.raises(VerificationError, match="root was signed by 0/2 keys"):
        user.look()


def test_old_holders_alone_cannot_sign_for_the_new_threshold(host: Host, user: User) -> None:
    def raise_threshold(root: Root) -> None:
        root.version = 2
        root.roles[Root.type].threshold = 3

    host.tuf("2.root.json").write_bytes(host.trust["1.root.json"])
    host.forge(Root, "2.root.json", raise_threshold, *host.holders[:2])
    with pytest.raises(VerificationError, match="root was signed by 2/3 keys"):
        user.look()


def test_a_root_version_is_not_skipped(host: Host, user: User) -> None:
    def skip(root: Root) -> None:
        root.version = 3

    host.tuf("2.root.json").write_bytes(host.trust["1.root.json"])
    host.forge(Root, "2.root.json", skip, *host.holders)
    with pytest.raises(VerificationError, match="Expected root version 2 instead got version 3"):
        user.look()


def test_one_holders_signature_twice_counts_once(host: Host, user: User) -> None:
    root = json.loads(host.trust["1.root.json"])
    root["signed"]["version"] = 2
    metadata = Metadata[Root].from_dict(json.loads(json.dumps(root)))
    metadata.signatures.clear()
    once = json.loads(signed(metadata, host.holders[:1]))
    once["signatures"] *= 2
    host.tuf("2.root.json").write_text(json.dumps(once))
    with pytest.raises(VerificationError, match="deserialize"):
        user.look()


@pytest.mark.parametrize(
    ("served", "instead"),
    [
        ("timestamp.json", "1.snapshot.json"),
        ("timestamp.json", "1.root.json"),
        ("2.root.json", "1.targets.json"),
    ],
)
def test_metadata_of_another_role_is_refused(
    host: Host, user: User, served: str, instead: str
) -> None:
    host.tuf(served).write_bytes(host.published[instead])
    with pytest.raises(VerificationError, match="Expected '"):
        user.look("fresh")


def test_another_index_document_is_arbitrary_software(host: Host, user: User) -> None:
    digest = canonical.sha256(b"one").removeprefix("sha256:")
    folder, _, name = CLOCK.rpartition("/")
    (host.site / f"targets/{folder}/{digest}.{name}").write_bytes(b"two")
    with pytest.raises(VerificationError, match="does not match expected hash"):
        user.look("fresh")


def test_another_blob_is_arbitrary_software(host: Host, user: User) -> None:
    file = File(sha256=canonical.sha256(b"good"), length=4)
    path = host.site / blob_path(file.sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"good")
    assert user.client("first").blob(file) == b"good"
    path.write_bytes(b"evil")
    with pytest.raises(VerificationError, match="other bytes than the signed index says"):
        user.client("fresh").blob(file)


def test_a_revoked_online_key_signs_nothing_any_more(host: Host, user: User) -> None:
    stolen = host.online
    host.publish("two")
    assert user.look() == "two"
    host.online = CryptoSigner.generate_ed25519()
    host.rotate(rotation.Changes(online=(host.online.public_key,)), host.holders[:2])
    host.publish("three")
    assert user.look() == "three"
    host.vouch(MetaFile(1), stolen)
    for cache in ("cache", "fresh"):
        with pytest.raises(VerificationError, match="timestamp was signed by 0/1 keys"):
            user.look(cache)


def test_a_new_online_key_recovers_from_a_fast_forward(host: Host, user: User) -> None:
    """A thief raises the versions so far that honest ones look like rollbacks, for ever."""
    highest = 2**31 - 1

    def forward(timestamp: Timestamp) -> None:
        timestamp.version = highest

    host.forge(Timestamp, "timestamp.json", forward, host.online)
    assert user.look() == "one"  # the attack itself: it is signed, so it is believed
    host.publish("two")
    with pytest.raises(VerificationError, match=f"must be >= {highest}"):
        user.look()
    host.online = CryptoSigner.generate_ed25519()
    host.rotate(rotation.Changes(online=(host.online.public_key,)), host.holders[1:])
    host.publish("three")
    assert user.look() == "three"


class _Endless(http.server.SimpleHTTPRequestHandler):
    """Sends spaces for ever in place of the files whose names end in `victim`."""

    def __init__(self, *args: object, victim: str, sent: list[int], directory: str) -> None:
        self.victim, self.sent = victim, sent
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]  # the server's own three

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.endswith(self.victim):
            super().do_GET()
            return
        self.send_response(200)
        self.end_headers()
        try:
            while self.sent[0] < 1 << 28:
                self.sent[0] += self.wfile.write(b" " * 65_536)
        except ConnectionError:
            pass


class _Slow(_Endless):
    """Sends one byte at a time for ever, never long enough apart for a socket's time limit."""

    def do_GET(self) -> None:
        if not self.path.endswith(self.victim):
            http.server.SimpleHTTPRequestHandler.do_GET(self)
            return
        try:
            if self.sent[0] == 0:  # headers first, at full speed; later requests trickle them too
                self.send_response(200)
                self.end_headers()
            while True:
                self.sent[0] += self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            pass


Start = Callable[[type[_Endless], str], tuple[str, list[int]]]


@pytest.fixture
def hostile(host: Host) -> Iterator[Start]:
    """Start a host that misbehaves for one file; says its address and counts what it sent."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(handler: type[_Endless], victim: str) -> tuple[str, list[int]]:
        sent = [0]
        made = functools.partial(handler, victim=victim, sent=sent, directory=str(host.site))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", sent

    yield start
    for server in servers:
        server.shutdown()
        server.socket.close()


MIB = 1 << 20


@pytest.mark.parametrize(
    ("victim", "limit"),
    [
        ("2.root.json", 512_000),
        ("timestamp.json", 16_384),
        ("snapshot.json", 0),
        ("targets.json", 0),
        ("clock.json", 0),
    ],
)
def test_endless_data_ends_at_the_signed_length(
    user: User, hostile: Start, victim: str, limit: int
) -> None:
    url, sent = hostile(_Endless, victim)
    with pytest.raises(VerificationError, match="exceeding"):
        User(url, user.root, user.cache).look("fresh")
    # What fits into the buffers of two kernels and a chunk of the reader's comes on top.
    assert sent[0] < limit + 16 * MIB


def test_an_endless_blob_ends_at_the_indexed_length(user: User, hostile: Start) -> None:
    file = File(sha256=canonical.sha256(b"good"), length=4)
    url, sent = hostile(_Endless, file.sha256.removeprefix("sha256:"))
    with pytest.raises(VerificationError, match="exceeding"):
        User(url, user.root, user.cache).client("fresh").blob(file)
    assert sent[0] < 16 * MIB


def ended(seconds: float, look: Callable[[], object]) -> list[BaseException]:
    """What `look` raised within `seconds`; a test must fail, and not hang, if it never ends."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            look()
        except BaseException as error:  # noqa: BLE001  # handed to the test
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"still reading after {seconds} s"
    return raised


@pytest.mark.parametrize("victim", ["2.root.json", "timestamp.json", "clock.json"])
def test_a_host_that_trickles_is_given_up(
    user: User, hostile: Start, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SECONDS_A_FILE", 1.0)
    url, sent = hostile(_Slow, victim)
    for cache in ("body", "headers"):
        slow = functools.partial(User(url, user.root, user.cache).look, cache)
        (error,) = ended(5, slow)
        assert isinstance(error, UnreachableError)
        assert "too slowly" in error.message
    assert sent[0] > 5  # it was sending all the time
