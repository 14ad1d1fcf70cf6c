"""Each check of `mcpreg doctor` in a state where it fails and in one where it passes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uv

from installed_machine import CLOCK, installed_machine
from mcpreg.audit import AuditLog
from mcpreg.core import canonical
from mcpreg.doctor import CHECKS
from mcpreg.doctor.interface import Finding, System, version_in
from mcpreg.store.places import Places
from mcpreg.trust.pins import Pin, Pins, cache_of

NOW = datetime(2026, 11, 21, tzinfo=UTC)
GIB = 1 << 30
SECCOMP = "kill_process kill_thread trap errno user_notif trace log allow\n"

FILES = {
    "proc/sys/kernel/seccomp/actions_avail": SECCOMP,
    "proc/sys/kernel/osrelease": "6.1.0\n",
    "proc/self/ns/user": "",
    "proc/sys/user/max_user_namespaces": "15000\n",
    "proc/self/cgroup": "0::/user.slice/session.scope\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
    "sys/fs/cgroup/user.slice/cgroup.subtree_control": "memory pids\n",
}


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A machine where everything is as it should be, programs apart."""
    root = tmp_path / "root"
    for name, text in FILES.items():
        write(root / name, text)
    for name in ("usr/bin", "bin"):
        (root / name).mkdir(parents=True)
    kinds = ("config", "data", "cache", "state")
    places = Places(**{kind: tmp_path / kind for kind in kinds})
    return System(
        places=places,
        path=str(root / "bin"),
        root=root,
        kind="linux",
        machine="x86_64",
        uid=os.geteuid(),
        now=NOW,
        free=lambda _: 10 * GIB,
    )


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def program(system: System, path: str, script: str) -> Path:
    """A program that answers as told, startable by anybody."""
    file = system.file(path)
    write(file, f"#!/bin/sh\n{script}\n", 0o755)
    for folder in file.parents:
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    return file


def bwrap(system: System, version: str, *, works: bool = True) -> Path:
    answer = f'[ "$1" = --version ] && echo "bubblewrap {version}" && exit 0'
    end = "exit 0" if works else "echo bwrap: No permissions to create a new namespace; exit 1"
    return program(system, "usr/bin/bwrap", f"{answer}\n{end}")


def findings(name: str, system: System) -> list[Finding]:
    return list(CHECKS[name](system))


def level(name: str, system: System) -> str:
    """The worst of a check's findings."""
    order = ("ok", "warn", "fail")
    return max((finding.level for finding in findings(name, system)), key=order.index)


def text(name: str, system: System) -> str:
    return "\n".join(f"{finding.message}\n{finding.fix}" for finding in findings(name, system))


def test_kernel(system: System) -> None:
    assert level("kernel", system) == "ok"
    assert level("kernel", replace(system, kind="darwin")) == "fail"
    assert level("kernel", replace(system, machine="sparc")) == "fail"
    write(system.file("/proc/sys/kernel/seccomp/actions_avail"), "kill trap\n")
    assert "kill_process" in text("kernel", system)
    system.file("/proc/sys/kernel/seccomp/actions_avail").unlink()
    assert level("kernel", system) == "fail"


@pytest.mark.parametrize(
    ("file", "fix"),
    [
        ("/proc/sys/user/max_user_namespaces", "sysctl -w user.max_user_namespaces=15000"),
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
    ],
)
def test_user_namespaces(system: System, file: str, fix: str) -> None:
    assert level("user-namespaces", system) == "ok"
    write(system.file(file), "0\n")
    assert level("user-namespaces", system) == "fail"
    assert fix in text("user-namespaces", system)


def test_a_kernel_without_user_namespaces(system: System) -> None:
    system.file("/proc/self/ns/user").unlink()
    assert level("user-namespaces", system) == "fail"


def test_apparmor(system: System) -> None:
    assert level("apparmor", system) == "ok"
    write(system.file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"), "1\n")
    assert level("apparmor", system) == "fail"
    assert "apparmor_parser" in text("apparmor", system)
    write(system.file("/etc/apparmor.d/bwrap-userns-restrict"), "profile")
    assert level("apparmor", system) == "ok"


def test_bubblewrap_absent_and_present(system: System) -> None:
    assert level("bubblewrap", system) == "fail"
    assert "apt-get install bubblewrap" in text("bubblewrap", system)
    bwrap(system, "0.12.0")
    assert level("bubblewrap", system) == "ok", text("bubblewrap", system)


def test_a_bubblewrap_too_old_for_our_options(system: System) -> None:
    bwrap(system, "0.6.2")
    assert "0.6.2 is too old; 0.8.0 is needed" in text("bubblewrap", system)


def test_a_known_flaw_of_bubblewrap_is_named_with_why_it_does_not_reach_us(system: System) -> None:
    bwrap(system, "0.11.0")
    assert level("bubblewrap", system) == "warn"
    assert "CVE-2026-87766" in text("bubblewrap", system)


def test_a_bubblewrap_that_makes_no_sandbox(system: System) -> None:
    bwrap(system, "0.12.0", works=False)
    assert level("bubblewrap", system) == "fail"
    assert "No permissions to create a new namespace" in text("bubblewrap", system)


def test_a_bubblewrap_that_is_set_user_id(system: System) -> None:
    file = bwrap(system, "0.12.0")
    file.chmod(0o4755)
    assert "chmod u-s" in text("bubblewrap", system)


def test_a_bubblewrap_that_is_something_else(system: System) -> None:
    program(system, "usr/bin/bwrap", "echo no version; exit 0")
    assert level("bubblewrap", system) == "fail"


def test_the_real_bubblewrap_makes_a_sandbox(system: System) -> None:
    if not Path("/usr/bin/bwrap").is_file():
        pytest.skip("bubblewrap is not installed: apt-get install bubblewrap")
    here = replace(system, root=Path("/"), path=os.environ["PATH"])
    assert level("bubblewrap", here) in ("ok", "warn"), text("bubblewrap", here)


def test_cgroups_version_2(system: System) -> None:
    assert level("cgroups", system) == "ok"
    write(system.file("/sys/fs/cgroup/user.slice/cgroup.subtree_control"), "cpu\n")
    assert "without memory, pids" in text("cgroups", system)
    shutil.rmtree(system.file("/sys/fs/cgroup/user.slice"))
    assert "not delegated" in text("cgroups", system)


def test_cgroups_version_1(system: System) -> None:
    system.file("/sys/fs/cgroup/cgroup.controllers").unlink()
    write(system.file("/proc/self/cgroup"), "8:pids:/\n4:memory:/session\n0::/\n")
    assert level("cgroups", system) == "warn"
    system.file("/sys/fs/cgroup/pids").mkdir()
    system.file("/sys/fs/cgroup/memory/session").mkdir(parents=True)
    assert level("cgroups", system) == "ok"


def test_docker(system: System) -> None:
    assert "apt-get install docker.io" in text("docker", system)
    program(system, "bin/docker", "echo 'Cannot connect to the Docker daemon'; exit 1")
    assert level("docker", system) == "warn"
    assert "systemctl start docker" in text("docker", system)
    program(system, "bin/docker", "echo 27.1.0")
    assert level("docker", system) == "ok"


def test_uv(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    assert level("uv", system) == "ok"  # the one that came with this environment

    def missing() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(uv, "find_uv_bin", missing)
    assert level("uv", system) == "fail"
    program(system, "bin/uv", "echo uv 0.1.0")
    assert "0.1.0 is too old" in text("uv", system)
    program(system, "bin/uv", "echo uv 0.13.8")
    assert level("uv", system) == "ok"


def test_node(system: System) -> None:
    assert level("node", system) == "warn"
    program(system, "bin/node", "echo v18.19.0")
    assert "18.19.0 is too old; 20 is needed" in text("node", system)
    program(system, "usr/bin/node", "echo v22.1.0")
    assert level("node", system) == "ok"


def test_registries(system: System) -> None:
    assert "mcpreg registry add URL" in text("registries", system)
    root = b'{"signed": {}}'
    pin = Pin("tiny", "https://tiny.example", canonical.sha256(root))
    Pins(system.places.config).add(pin, root)
    assert "never read" in text("registries", system)
    metadata = cache_of(system.places.cache, pin) / "metadata"
    expires = {"root": NOW + timedelta(days=300), "timestamp": NOW + timedelta(days=2)}
    for role, when in expires.items():
        signed = {"signed": {"expires": f"{when:%Y-%m-%dT%H:%M:%SZ}"}}
        write(metadata / f"{role}.json", json.dumps(signed))
    assert level("registries", system) == "ok"
    assert "fresh until 2026-11-23" in text("registries", system)
    later = replace(system, now=NOW + timedelta(days=3))
    assert "the timestamp kept here expired on 2026-11-23" in text("registries", later)
    (system.places.config / "roots" / "tiny.root.json").write_bytes(b"another")
    assert level("registries", system) == "fail"
    (system.places.config / "registries.json").write_text("{")
    assert level("registries", system) == "fail"


def test_installed_servers() -> None:
    with installed_machine() as machine:
        machine.install()
        kinds = ("config", "data", "cache", "state")
        places = Places(**{kind: machine.folder / kind / "mcpreg" for kind in kinds})
        system = System(places, "")
        assert "1 server version" in text("installed", system)
        record = places.data / "records" / CLOCK / "1.0.0.json"
        record.write_text(record.read_text().replace("net:none", "net:loopback"))
        assert level("installed", system) == "fail"
        assert f"mcpreg install {CLOCK}@1.0.0" in text("installed", system)


def test_audit_index(system: System) -> None:
    with AuditLog.create(system.places.state, server=CLOCK, version="1.0.0"):
        pass
    assert level("audit", system) == "ok"
    index = system.places.state / "audit" / "index.jsonl"
    index.write_bytes(index.read_bytes().replace(b"clock", b"cl0ck"))
    assert level("audit", system) == "fail"


def test_folders(system: System) -> None:
    assert level("folders", system) == "ok"  # none is there yet
    system.places.data.mkdir(mode=0o755)
    assert level("folders", system) == "ok"
    system.places.data.chmod(0o777)
    assert f"chmod go-w {system.places.data}" in text("folders", system)
    system.places.data.chmod(0o755)
    assert "belongs to user" in text("folders", replace(system, uid=system.uid + 1))
    audit = system.places.state / "audit"
    audit.mkdir(parents=True, mode=0o755)
    assert level("folders", system) == "warn"
    audit.chmod(0o700)
    assert level("folders", system) == "ok"


@pytest.mark.parametrize(("free", "expected"), [(10 * GIB, "ok"), (GIB - 1, "warn"), (1, "fail")])
def test_disk(system: System, free: int, expected: str) -> None:
    assert level("disk", replace(system, free=lambda _: free)) == expected


def test_every_problem_comes_with_a_way_out(system: System) -> None:
    found = [finding for check in CHECKS.values() for finding in check(system)]
    assert {finding.check for finding in found} == set(CHECKS)
    assert all(finding.fix for finding in found if finding.level != "ok")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("bubblewrap 0.8.0", (0, 8, 0)),
        ("v20.20.2", (20, 20, 2)),
        ("uv 0.13.8 (abc 2026-11-01)", (0, 13, 8)),
        ("Docker version 27.1.0, build x", (27, 1, 0)),
        ("nothing", None),
    ],
)
def test_versions_are_found_in_words(said: str, expected: tuple[int, ...] | None) -> None:
    assert version_in(said) == expected


def test_a_program_that_hangs_is_given_up(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpreg.doctor.interface.SECONDS", 0.2)
    program(system, "bin/docker", "exec /bin/sleep 60")
    assert "did not end" in text("docker", system)


def test_the_command_says_it_in_words_and_in_json() -> None:
    with installed_machine() as machine:
        shown = machine.mcpreg("doctor")
        told = machine.mcpreg("doctor", "--json")
        rows = json.loads(told.stdout)["data"]
        failed = [row for row in rows if row["level"] == "fail"]
        assert shown.returncode == told.returncode == (1 if failed else 0)
        assert {row["check"] for row in rows} == set(CHECKS)
        machine.state.mkdir(parents=True)
        machine.state.chmod(0o777)
        broken = machine.mcpreg("doctor")
        assert broken.returncode == 1
        assert "chmod go-w" in broken.stdout
