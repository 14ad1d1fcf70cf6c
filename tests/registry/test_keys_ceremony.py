"""`mcpreg-site keys` as people run it: init, status, rotate, sign."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mcpreg.core import canonical
from mcpreg.core.index import Policy
from mcpreg.errors import (
    McpregError,
    NotFoundError,
    PolicyError,
    UsageError,
    VerificationError,
)
from mcpreg.trust.offline import load_offline
from mcpreg.trust.trusted_root import shipped
from mcpreg.usecases import keys_rotate
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.keys_rotate import Request
from mcpreg.usecases.keys_status import status
from mcpreg_site.cli.keys import command
from tiny_registry import NOW, SETTINGS, TinyRegistry, make_manifest

SIGSTORE = b"""
[registry]
name = "tiny"
base_url = "https://tiny.example"
[trust]
mode = "sigstore"
[trust.sigstore]
repository = "acme/registry"
repository_id = "123"
owner_id = "45"
"""


@dataclass
class Holders:
    """A registry's work tree and the folder with everybody's private keys."""

    repo: Path
    keys: Path

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """One command with `--json`: exit code and data. Raises what the command raises."""
        arguments = (*arguments, "--repo", str(self.repo), "--json")
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.return_value or 0, json.loads(result.stdout)["data"]

    def sign(self, name: str) -> dict[str, Any]:
        return self.run("sign", "--key", f"file:{self.keys / f'{name}.pem'}", "--yes")[1]

    def files(self) -> dict[str, bytes]:
        trust = self.repo / "trust"
        return {
            str(path.relative_to(trust)): path.read_bytes()
            for path in trust.rglob("*")
            if path.is_file()
        }

    def policy(self) -> Policy:
        return Policy.model_validate_json((self.repo / "trust/policy.json").read_bytes())


@pytest.fixture
def bare(tmp_path: Path) -> Holders:
    holders = Holders(tmp_path / "desk", tmp_path / "holders")
    holders.repo.mkdir()
    (holders.repo / "mcpreg.toml").write_bytes(SETTINGS)
    return holders


@pytest.fixture
def holders(bare: Holders) -> Holders:
    bare.run("init", "--keys", str(bare.keys))
    return bare


# --- init -------------------------------------------------------------------------------------


def test_init_says_the_digest_that_users_pin(bare: Holders) -> None:
    _, data = bare.run("init", "--keys", str(bare.keys))
    assert data["rootSha256"] in canonical.sha256(bare.files()["1.root.json"])
    assert sorted(path.name for path in bare.keys.iterdir()) == [
        *(f"offline-{number}.pem" for number in (1, 2, 3)),
        "online.pem",
    ]


def test_init_refuses_to_put_private_keys_into_the_repository(bare: Holders) -> None:
    with pytest.raises(UsageError, match="a commit would publish the private keys"):
        bare.run("init", "--keys", str(bare.repo / "keys"))
    assert not (bare.repo / "trust").exists()


def test_init_refuses_a_second_beginning(holders: Holders) -> None:
    before = holders.files()
    with pytest.raises(UsageError, match="already holds a root"):
        holders.run("init", "--keys", str(holders.keys.with_name("other")))
    assert holders.files() == before


def test_init_signs_the_sigstore_policy_of_the_settings(bare: Holders) -> None:
    (bare.repo / "mcpreg.toml").write_bytes(SIGSTORE)
    bare.run("init", "--keys", str(bare.keys))
    policy = bare.policy()
    assert policy.sigstore is not None
    assert (policy.mode, policy.sigstore.repository_id, policy.sigstore.owner_id) == (
        "sigstore",
        "123",
        "45",
    )
    assert policy.sigstore.trusted_root is None


def test_a_private_trusted_root_is_an_offline_target_named_by_the_policy(
    bare: Holders, tmp_path: Path
) -> None:
    (bare.repo / "mcpreg.toml").write_bytes(SIGSTORE)
    file = tmp_path / "root.json"
    file.write_bytes(shipped())
    bare.run("init", "--keys", str(bare.keys), "--trusted-root", str(file))
    policy = bare.policy().sigstore
    assert policy
    assert policy.trusted_root == canonical.sha256(shipped())
    offline = load_offline(bare.files())
    assert set(offline.targets.targets) == {"policy.json", "trusted_root.json"}
    (bare.repo / "trust/trusted_root.json").write_bytes(shipped() + b" ")
    with pytest.raises(VerificationError, match="not consistently signed"):
        load_offline(bare.files())


def test_refuses_a_trusted_root_that_is_none_or_that_nobody_uses(
    bare: Holders, tmp_path: Path
) -> None:
    file = tmp_path / "root.json"
    file.write_bytes(shipped())
    with pytest.raises(UsageError, match="means nothing"):
        bare.run("init", "--keys", str(bare.keys), "--trusted-root", str(file))
    (bare.repo / "mcpreg.toml").write_bytes(SIGSTORE)
    file.write_text('{"mediaType": "text/plain"}')
    with pytest.raises(UsageError, match="no Sigstore trusted root"):
        bare.run("init", "--keys", str(bare.keys), "--trusted-root", str(file))
    assert not bare.keys.exists()  # nothing is half made


def test_refuses_mode_sigstore_that_names_no_workflow(bare: Holders) -> None:
    settings = SIGSTORE.partition(b"[trust.sigstore]")[0]
    (bare.repo / "mcpreg.toml").write_bytes(settings)
    with pytest.raises(UsageError, match="whose signatures count"):
        bare.run("init", "--keys", str(bare.keys))


# --- rotate and sign --------------------------------------------------------------------------


def test_holders_on_their_own_machines_finish_a_rotation(holders: Holders, tmp_path: Path) -> None:
    """Each machine has a clone of the repository and one key; git carries the pending files."""
    CliRunner().invoke(command, ["new", str(tmp_path / "dora.pem")], catch_exceptions=False)
    add = f"dora=file:{tmp_path / 'dora.pem.pub'}"
    before = holders.files()
    _, drafted = holders.run("rotate", "--role", "offline", "--add", add, "--remove", "offline-3")
    assert [item["missing"] for item in drafted["signatures"]] == [2, 2, 2]
    assert any(change.startswith("adds holder dora ") for change in drafted["changes"])
    assert {name: holders.files()[name] for name in before} == before

    here = holders
    for number in (1, 3):
        there = Holders(tmp_path / f"machine-{number}", holders.keys)
        shutil.copytree(here.repo, there.repo)
        here, said = there, there.sign(f"offline-{number}")
        assert said["complete"] is False
    # The old root has its two; of the new holders only one has signed.
    assert [item["missing"] for item in said["signatures"]] == [0, 1, 1]
    last = Holders(tmp_path / "machine-4", tmp_path)
    shutil.copytree(here.repo, last.repo)
    assert last.sign("dora")["complete"] is True
    assert sorted(last.files()) == [
        "1.root.json",
        "1.targets.json",
        "2.root.json",
        "2.targets.json",
        "policy.json",
    ]
    assert {name: last.files()[name] for name in before} == before
    assert load_offline(last.files()).root.version == 2


def test_a_stranger_cannot_sign_and_the_draft_stays(holders: Holders, tmp_path: Path) -> None:
    holders.run("rotate", "--renew")
    before = holders.files()
    CliRunner().invoke(command, ["new", str(tmp_path / "eve.pem")], catch_exceptions=False)
    for stranger in (tmp_path / "eve.pem", holders.keys / "online.pem"):
        with pytest.raises(UsageError, match="not a key that this registry's root names"):
            holders.run("sign", "--key", f"file:{stranger}", "--yes")
    assert holders.files() == before


def test_nothing_is_signed_unseen(holders: Holders) -> None:
    holders.run("rotate", "--renew")
    before = holders.files()
    uri = f"file:{holders.keys / 'offline-1.pem'}"
    with pytest.raises(UsageError, match="nobody is there to agree"):
        holders.run("sign", "--key", uri)
    shown: list[str] = []

    def disagree(ceremony: keys_rotate.Ceremony) -> bool:
        shown.extend(ceremony.changes)
        return False

    with pytest.raises(PolicyError, match="nobody agreed"):
        keys_rotate.sign(holders.repo, uri, {}, disagree)
    assert shown
    assert holders.files() == before


def test_one_rotation_at_a_time(holders: Holders) -> None:
    holders.run("rotate", "--renew")
    before = holders.files()
    with pytest.raises(UsageError, match="pending already"):
        holders.run("rotate", "--renew")
    assert holders.files() == before


def test_there_must_be_something_to_sign(holders: Holders) -> None:
    with pytest.raises(NotFoundError, match="no rotation is pending"):
        holders.sign("offline-1")


def test_a_new_policy_is_new_targets_under_the_same_root(holders: Holders) -> None:
    assert holders.policy().mode == "key-only"
    (holders.repo / "mcpreg.toml").write_bytes(SIGSTORE)
    _, drafted = holders.run("rotate", "--policy")
    said = "\n".join(drafted["changes"])
    assert "acme/registry (id 123, owner 45) on refs/heads/main" in said
    assert holders.policy().mode == "key-only"  # until enough holders have signed
    assert holders.sign("offline-1")["complete"] is False
    assert holders.policy().mode == "key-only"
    assert holders.sign("offline-2")["complete"] is True
    assert holders.policy().mode == "sigstore"
    offline = load_offline(holders.files())
    assert (offline.root.version, offline.targets.version) == (1, 2)


def test_back_to_key_only_takes_the_trusted_root_away(bare: Holders, tmp_path: Path) -> None:
    (bare.repo / "mcpreg.toml").write_bytes(SIGSTORE)
    file = tmp_path / "root.json"
    file.write_bytes(shipped())
    bare.run("init", "--keys", str(bare.keys), "--trusted-root", str(file))
    (bare.repo / "mcpreg.toml").write_bytes(SETTINGS)
    bare.run("rotate", "--policy")
    bare.sign("offline-1")
    bare.sign("offline-3")
    assert "trusted_root.json" not in bare.files()
    assert set(load_offline(bare.files()).targets.targets) == {"policy.json"}


def test_a_completion_that_died_half_way_is_finished_by_the_next_signature(
    holders: Holders,
) -> None:
    holders.run("rotate", "--renew")
    holders.sign("offline-1")
    kept = {name: data for name, data in holders.files().items() if name.startswith("pending/")}
    holders.sign("offline-2")
    done = holders.files()
    # As if the power had failed between the first file and the second.
    (holders.repo / "trust/2.targets.json").unlink()
    for name, data in kept.items():
        path = holders.repo / "trust" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(done.get(path.name, data))
    with pytest.raises(VerificationError):
        load_offline(holders.files() | {"2.targets.json": b""})
    assert holders.sign("offline-2")["complete"] is True
    assert holders.files() == done


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--role", "online"], "go together"),
        (["--key", "env:X"], "go together"),
        (["--role", "offline"], "goes with"),
        (["--threshold", "3"], "goes with"),
        (["--role", "offline", "--remove", "nobody"], "names no holder"),
        (["--policy"], "nothing changes"),
        ([], "nothing changes"),
    ],
)
def test_refuses_requests_that_make_no_sense(
    holders: Holders, arguments: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        holders.run("rotate", *arguments)
    assert not (holders.repo / "trust/pending").exists()


# --- status -----------------------------------------------------------------------------------


def test_status_shows_every_role_of_every_place(
    tiny_registry: TinyRegistry, serve: Callable[[Path], str]
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    url = serve(tiny_registry.site)
    found = status(tiny_registry.repo, tiny_registry.clock, url=url)
    assert [(row.place, row.role) for row in found.roles] == [
        ("trust/", "root"),
        ("trust/", "targets"),
        *(
            (place, role)
            for place in ("published", url)
            for role in ("root", "targets", "snapshot", "timestamp", "bins-0")
        ),
    ]
    assert found.warnings == ()
    assert found.roles[0].threshold == 2
    assert [key.partition(" ")[0] for key in found.roles[0].keys] == [
        "offline-1",
        "offline-2",
        "offline-3",
    ]


@pytest.mark.parametrize(
    ("later", "role", "todo"),
    [
        (timedelta(days=2, hours=1), "timestamp", "mcpreg ci publish"),
        (timedelta(days=10), "snapshot", "mcpreg ci publish"),
        (timedelta(days=10), "bins-0", "mcpreg ci publish"),
        (timedelta(days=310), "root", "keys rotate --renew"),
        (timedelta(days=310), "targets", "keys rotate --renew"),
        (timedelta(days=400), "root", "expired"),
    ],
)
def test_status_warns_in_time_and_says_what_to_do(
    tiny_registry: TinyRegistry, later: timedelta, role: str, todo: str
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    found = status(tiny_registry.repo, tiny_registry.clock + later)
    assert any(line.startswith(f"{role} of ") and todo in line for line in found.warnings)


def test_status_exits_with_1_when_something_expires(bare: Holders) -> None:
    today = datetime.now(UTC).replace(microsecond=0)
    init_keys(bare.repo, bare.keys, today - timedelta(days=300))
    code, data = bare.run("status")
    assert code == 0
    shutil.rmtree(bare.repo / "trust")
    init_keys(bare.repo, bare.keys.with_name("old"), today - timedelta(days=330))
    code, data = bare.run("status")
    assert code == 1
    assert len(data["warnings"]) == 2
    assert data["roles"][0]["secondsLeft"] < 36 * 86_400


def test_status_shows_what_waits_and_what_is_not_published_yet(
    tiny_registry: TinyRegistry,
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    keys_rotate.rotate(tiny_registry.repo, Request(renew=True), {}, NOW)
    found = status(tiny_registry.repo, tiny_registry.clock)
    assert found.pending is not None
    assert [quorum.missing for quorum in found.pending.quorums] == [2, 2, 2]
    for number in (1, 2):
        uri = f"file:{tiny_registry.keys.folder / f'offline-{number}.pem'}"
        keys_rotate.sign(tiny_registry.repo, uri, {}, lambda _: True)
    found = status(tiny_registry.repo, tiny_registry.clock)
    assert found.pending is None
    assert found.warnings == (
        "published has root 1, trust/ has 2: commit trust/ and publish: mcpreg ci publish",
    )


def test_status_refuses_a_host_with_another_registrys_metadata(
    tiny_registry: TinyRegistry, holders: Holders, serve: Callable[[Path], str]
) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    url = serve(tiny_registry.site)
    assert status(tiny_registry.repo, tiny_registry.clock, url=url).roles
    with pytest.raises(VerificationError, match="timestamp was signed by 0/1 keys"):
        status(holders.repo, tiny_registry.clock, url=url)


def test_status_of_a_registry_without_keys_says_how_to_make_them(bare: Holders) -> None:
    with pytest.raises(McpregError) as refusal:
        bare.run("status")
    assert "keys init" in (refusal.value.hint or "")
