"""A host that lies: whatever it changes, no verified version comes out.

Each test first shows that the untouched registry verifies; then one file is forged.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mcpreg.core.index import blob_path
from mcpreg.core.names import Reference
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    PolicyError,
    UnreachableError,
    UsageError,
    VerificationError,
)
from mcpreg.store.places import Places
from mcpreg.trust.client import RegistryClient
from mcpreg.trust.verify import VerifiedVersion
from mcpreg.usecases import registries
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.resolve import verified
from tiny_registry import NOW, SETTINGS, TinyRegistry, make_manifest

CLOCK = "io.github.acme/clock"
REFUSED = (VerificationError, PolicyError, UnreachableError)


@pytest.fixture
def home(tmp_path: Path) -> Places:
    base = tmp_path / "home"
    return Places(base / "config", base / "data", base / "cache", base / "state")


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """python-tuf reads the clock in one place; the registry's fixed dates need it moved there."""
    import datetime as real
    from types import SimpleNamespace

    import tuf.ngclient._internal.trusted_metadata_set as module

    def at(offset: timedelta) -> None:
        moment = NOW + offset

        class Clock(real.datetime):
            @classmethod
            def now(cls, tz: real.tzinfo | None = None) -> real.datetime:  # type: ignore[override]  # one fixed moment is enough
                return moment.astimezone(tz)

        monkeypatch.setattr(
            module, "datetime", SimpleNamespace(datetime=Clock, timezone=real.timezone)
        )

    at(timedelta(hours=2))
    return at


@pytest.fixture
def trusted(
    tiny_registry: TinyRegistry,
    serve: Callable[[Path], str],
    home: Places,
    now: Callable[[timedelta], None],
) -> TinyRegistry:
    """Two versions published in two generations, pinned by the client."""
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.publish(later=timedelta(minutes=1))
    tiny_registry.submit(make_manifest(CLOCK, "1.1.0", capabilities=WIDER))
    tiny_registry.publish(later=timedelta(minutes=1))
    url = serve(tiny_registry.site)
    registries.add(home, url, name="tiny", root_sha256=tiny_registry.keys.root, confirm=None)
    shutil.rmtree(home.cache)
    return tiny_registry


WIDER = {
    "tools": [{"name": "now", "description": "The time"}, {"name": "zones"}],
    "sandbox": ["net:egress:time.example:443"],
}


def obtain(home: Places, version: str | None = None) -> VerifiedVersion:
    return verified(home, Reference(CLOCK, version))


def files_read(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())


def needed_for_latest(trusted: TinyRegistry, home: Places) -> list[str]:
    """The files of the site that verifying 1.1.0 with an empty cache really depends on."""
    needed = []
    for name in files_read(trusted.site):
        path = trusted.site / name
        data = path.read_bytes()
        path.unlink()
        shutil.rmtree(home.cache, ignore_errors=True)
        try:
            obtain(home)
        except McpregError:
            needed.append(name)
        path.write_bytes(data)
    shutil.rmtree(home.cache, ignore_errors=True)
    return needed


def test_the_untouched_registry_verifies_step_by_step(trusted: TinyRegistry, home: Places) -> None:
    version = obtain(home)
    assert (version.name, version.version) == (CLOCK, "1.1.0")
    assert [step.partition(".")[0] for step in version.steps] == [str(n) for n in range(1, 11)]
    assert version.lock_bytes == version.lock.canonical()


def test_every_file_it_reads_refuses_a_flipped_byte_and_a_truncation(
    trusted: TinyRegistry, home: Places
) -> None:
    needed = needed_for_latest(trusted, home)
    kinds = {name.split("/")[0] for name in needed}
    assert kinds == {"tuf", "targets"}
    assert len(needed) >= 8  # timestamp, snapshot, targets, bin, index, manifest, lock, record
    for name in needed:
        path = trusted.site / name
        data = path.read_bytes()
        middle = len(data) // 2
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        forgeries = [flipped, data[:middle], b""]
        if name != "tuf/timestamp.json":  # white space after the one unhashed file means nothing
            forgeries.append(data + b" ")
        for forged in forgeries:
            path.write_bytes(forged)
            shutil.rmtree(home.cache, ignore_errors=True)
            with pytest.raises(VerificationError):
                obtain(home)
        path.write_bytes(data)


def test_refuses_another_versions_files_in_place_of_this_ones(
    trusted: TinyRegistry, home: Places
) -> None:
    old, new = obtain(home, "1.0.0"), obtain(home, "1.1.0")
    shutil.rmtree(home.cache)
    for theirs, ours in (
        (old.indexed.manifest, new.indexed.manifest),
        (old.indexed.lock, new.indexed.lock),
        (old.indexed.record, new.indexed.record),
    ):
        assert theirs is not None
        assert ours is not None
        target = trusted.site / blob_path(ours.sha256)
        kept = target.read_bytes()
        target.write_bytes((trusted.site / blob_path(theirs.sha256)).read_bytes())
        shutil.rmtree(home.cache, ignore_errors=True)
        with pytest.raises(VerificationError):
            obtain(home)
        target.write_bytes(kept)


def test_refuses_an_older_signed_state_after_a_newer_one(
    trusted: TinyRegistry, home: Places
) -> None:
    assert obtain(home).version == "1.1.0"
    for name, data in trusted.generations[0].items():
        (trusted.site / name).write_bytes(data)
    with pytest.raises(VerificationError):
        obtain(home)


def test_refuses_a_mix_of_two_generations(trusted: TinyRegistry, home: Places) -> None:
    obtain(home)
    shutil.rmtree(home.cache)
    old = trusted.generations[0]
    for name in [name for name in old if name.endswith("snapshot.json")]:
        (trusted.site / "tuf/2.snapshot.json").write_bytes(old[name])
    with pytest.raises(VerificationError):
        obtain(home)


def test_refuses_endless_data(trusted: TinyRegistry, home: Places) -> None:
    obtain(home)
    shutil.rmtree(home.cache)
    path = trusted.site / "tuf/timestamp.json"
    path.write_bytes(path.read_bytes() + b" " * (1 << 20))
    with pytest.raises(VerificationError):
        obtain(home)


def test_refuses_to_install_from_an_expired_state(
    trusted: TinyRegistry, home: Places, now: Callable[[timedelta], None]
) -> None:
    assert obtain(home).version == "1.1.0"
    now(timedelta(days=4))
    with pytest.raises(VerificationError, match="expired") as refusal:
        obtain(home)
    assert "installed servers still run" in (refusal.value.hint or "")


def test_refuses_another_registrys_root_at_the_same_address(
    trusted: TinyRegistry, home: Places, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    with pytest.raises(VerificationError, match="root is"):
        registries.add(home, serve(trusted.site), name="other", root_sha256="0" * 64, confirm=None)


def test_asks_before_pinning_and_refuses_without_anyone_to_ask(
    trusted: TinyRegistry, home: Places, serve: Callable[[Path], str]
) -> None:
    url = serve(trusted.site)
    with pytest.raises(PolicyError, match="nobody vouches"):
        registries.add(home, url, name="two", root_sha256=None, confirm=None)
    with pytest.raises(PolicyError, match="not confirmed"):
        registries.add(home, url, name="two", root_sha256=None, confirm=lambda _: False)
    asked: list[str] = []

    def agree(digest: str) -> bool:
        asked.append(digest)
        return True

    registries.add(home, url, name="two", root_sha256=None, confirm=agree)
    assert asked == [f"sha256:{trusted.keys.root}"]


def test_refuses_a_changed_pinned_root_on_this_machine(trusted: TinyRegistry, home: Places) -> None:
    path = home.config / "roots/tiny.root.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(VerificationError, match="not the root that was pinned"):
        obtain(home)


def test_refuses_a_name_that_two_registries_have(
    trusted: TinyRegistry, home: Places, serve: Callable[[Path], str]
) -> None:
    registries.add(
        home,
        serve(trusted.site),
        name="mirror",
        root_sha256=trusted.keys.root,
        confirm=None,
    )
    with pytest.raises(PolicyError, match="is in tiny and mirror"):
        obtain(home)
    assert verified(home, Reference(CLOCK), "mirror").registry == "mirror"


@pytest.fixture
def second(tmp_path: Path, serve: Callable[[Path], str], home: Places) -> TinyRegistry:
    """Another registry, trusted too, that would like to speak for the first one's names."""
    repo = tmp_path / "second"
    repo.mkdir()
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    keys = init_keys(repo, tmp_path / "second-keys", NOW - timedelta(days=1))
    tiny = TinyRegistry(repo, tmp_path / "second-site", keys)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        tiny.git("config", key, value)
    tiny.site.mkdir()
    return tiny


def also_trust(home: Places, second: TinyRegistry, url: str) -> None:
    second.publish(later=timedelta(minutes=1))
    registries.add(home, url, name="second", root_sha256=second.keys.root, confirm=None)


def test_a_second_registry_cannot_add_to_the_firsts_namespace(
    trusted: TinyRegistry, second: TinyRegistry, home: Places, serve: Callable[[Path], str]
) -> None:
    second.submit(make_manifest("io.github.acme/clock2", "1.0.0"))
    also_trust(home, second, serve(second.site))
    with pytest.raises(PolicyError, match=r"namespace io\.github\.acme is in"):
        verified(home, Reference("io.github.acme/clock2"))
    assert verified(home, Reference("io.github.acme/clock2"), "second").version == "1.0.0"


def test_a_case_variant_does_not_fall_through_to_another_registry(
    trusted: TinyRegistry, second: TinyRegistry, home: Places, serve: Callable[[Path], str]
) -> None:
    second.submit(make_manifest("io.github.ACME/CLOCK", "1.0.0"))
    also_trust(home, second, serve(second.site))
    with pytest.raises(UsageError, match="is called"):
        verified(home, Reference("io.github.ACME/CLOCK"))


def test_an_index_of_a_newer_kind_is_refused_in_words(
    trusted: TinyRegistry, home: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    obtain(home)
    for body in (b'{"indexVersion": 2}', b"\xff", b"[" * 10_000):
        monkeypatch.setattr(RegistryClient, "target", lambda *_, body=body: body)
        with pytest.raises(VerificationError, match="not readable"):
            registries.clients(home)[0].server(CLOCK)


def test_refuses_to_install_what_is_only_listed(
    tiny_registry: TinyRegistry,
    serve: Callable[[Path], str],
    home: Places,
    now: Callable[[timedelta], None],
) -> None:
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"), locked=False)
    tiny_registry.publish(later=timedelta(minutes=1))
    root = tiny_registry.keys.root
    registries.add(home, serve(tiny_registry.site), name="t", root_sha256=root, confirm=None)
    with pytest.raises(PolicyError, match="listed, not locked"):
        obtain(home)


def test_a_host_that_is_gone_is_unreachable_not_forged(trusted: TinyRegistry, home: Places) -> None:
    shutil.rmtree(trusted.site / "tuf")
    with pytest.raises(UnreachableError):
        obtain(home)


def test_an_unknown_server_is_not_found(trusted: TinyRegistry, home: Places) -> None:
    with pytest.raises(NotFoundError, match="has no server"):
        verified(home, Reference("io.github.acme/missing"))


def test_refuses_plain_http_beyond_this_machine(home: Places) -> None:
    with pytest.raises(UsageError, match="not https"):
        registries.add(home, "http://registry.example", name=None, root_sha256=None, confirm=None)


def test_a_verified_version_cannot_be_made_by_hand(trusted: TinyRegistry, home: Places) -> None:
    import dataclasses

    with pytest.raises(VerificationError, match="made by verification only"):
        dataclasses.replace(obtain(home), seal=object())
