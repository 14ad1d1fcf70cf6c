"""Another registry's entries, from its document to a listed entry that no one can install."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tiny_registry import TinyRegistry, make_manifest
from warm_start import started

CLOCK = "io.github.acme/clock"
FAR = "com.example/far"
PACKAGE = {
    "registryType": "pypi",
    "identifier": "far",
    "version": "1.0.0",
    "transport": {"type": "stdio"},
}
KILLS = int(os.environ.get("MCPREG_KILLS", "4"))  # `make soak` asks for 50


class Mirror:
    """A registry that mirrors one document."""

    def __init__(self, registry: TinyRegistry, folder: Path) -> None:
        self.registry = registry
        self.site = folder / "public"
        self.document = folder / "upstream.json"

    def declare(self, name: str = "far") -> None:
        sources = self.registry.repo / "sources"
        sources.mkdir(exist_ok=True)
        config = f"sources: [{{name: {name}, file: {{path: {self.document}}}}}]\n"
        (sources / f"{name}.yaml").write_text(config)
        self.registry.commit(f"Mirror {name}")

    def offer(self, *servers: dict[str, Any]) -> None:
        body = {"servers": [{"server": server} for server in servers], "metadata": {}}
        self.document.write_text(json.dumps(body))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mcpreg_site", *self.words(*arguments)]

    def words(self, *arguments: str) -> list[str]:
        return [*arguments, "--repo", str(self.registry.repo), "--output", str(self.site)]

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*started("mcpreg_site"), *self.words(*arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def sync(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = self.run("sync", "--json", *arguments, code=code)
        (report,) = json.loads(done.stdout)["data"]
        return dict(report)

    def status(self, name: str = "far") -> dict[str, Any]:
        document = json.loads((self.site / "status" / f"{name}.json").read_bytes())
        return dict(document["status"])

    def head(self) -> str:
        return self.registry.git("rev-parse", "main")


def server(name: str = FAR, version: str = "1.0.0", **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    document = {
        "name": name,
        "description": "Somewhere else",
        "version": version,
        "remotes": [{"type": "streamable-http", "url": "https://far.example.com/mcp"}],
    }
    return document | changes


@pytest.fixture
def mirror(tiny_registry: TinyRegistry, tmp_path: Path) -> Mirror:
    made = Mirror(tiny_registry, tmp_path)
    made.declare()
    return made


@pytest.mark.cold
def test_an_entry_arrives_in_one_commit_and_is_listed_signed_and_not_installable(
    mirror: Mirror,
) -> None:
    mirror.offer(server(), server(version="1.1.0"))
    before = mirror.head()
    report = mirror.sync()
    assert report["added"] == [f"{FAR}@1.0.0", f"{FAR}@1.1.0"]
    assert mirror.registry.git("rev-parse", "main^") == before
    assert (mirror.registry.repo / "servers" / FAR / "1.1.0" / "mcps.json").exists()
    assert mirror.registry.git("status", "--porcelain") == ""

    mirror.registry.publish()
    record = mirror.registry.git("show", f"published:records/{FAR}/1.1.0.json")
    outcomes = {item["id"]: item for item in json.loads(record)["report"]}
    assert outcomes["every-other-check"]["result"] == "not-run"
    assert "mirrored from far" in outcomes["every-other-check"]["evidence"]

    mirror.run("build")
    listed = json.loads((mirror.site / "api/v0.1/latest/first.json").read_bytes())["servers"]
    (entry,) = [item for item in listed if item["server"]["name"] == FAR]
    ours = entry["_meta"]["dev.mcpreg/entry"]
    assert (entry["server"]["version"], ours["state"]) == ("1.1.0", "listed")
    assert ours["source"] == "far"
    assert "safety" not in ours


def test_a_second_sync_of_the_same_commits_nothing(mirror: Mirror) -> None:
    mirror.offer(server())
    mirror.sync()
    head = mirror.head()
    report = mirror.sync()
    assert (report["changed"], mirror.head()) == (False, head)
    assert mirror.status()["phase"] == "Ready"
    assert mirror.status()["serverCount"] == 1


def test_a_changed_filter_applies_although_the_source_did_not_change(mirror: Mirror) -> None:
    mirror.offer(server(), server("com.example/near"))
    mirror.sync()
    path = mirror.registry.repo / "sources" / "far.yaml"
    path.write_text(
        f"sources: [{{name: far, file: {{path: {mirror.document}}}, "
        "filter: {names: {exclude: ['*/near']}}}]\n"
    )
    mirror.registry.commit("Filter")
    assert mirror.sync()["retired"] == ["com.example/near@1.0.0"]
    assert mirror.status()["serverCount"] == 1


def test_a_vanished_entry_leaves_the_lists_and_its_address_says_deleted(mirror: Mirror) -> None:
    mirror.offer(server(), server("com.example/near"))
    mirror.sync()
    mirror.registry.publish()
    mirror.offer(server("com.example/near"))
    mirror.sync()
    mirror.registry.publish()
    mirror.run("build")
    listed = json.loads((mirror.site / "api/v0.1/all/first.json").read_bytes())["servers"]
    assert [item["server"]["name"] for item in listed] == ["com.example/near"]
    tombstone = json.loads(
        (mirror.site / f"api/v0.1/servers/{FAR}/versions/1.0.0.json").read_bytes()
    )
    official = tombstone["_meta"]["io.modelcontextprotocol.registry/official"]
    assert official["status"] == "deleted"
    assert "no longer in source far" in official["statusMessage"]


def test_a_listed_entry_is_found_and_never_run(
    mirror: Mirror, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    mirror.offer(server(packages=[PACKAGE]))
    mirror.sync()
    mirror.registry.clock = datetime.now(UTC).replace(microsecond=0)
    mirror.registry.publish(later=timedelta(0))
    url = serve(mirror.registry.site)
    environment = os.environ | {
        f"XDG_{kind}_HOME": str(tmp_path / kind.lower())
        for kind in ("CONFIG", "DATA", "CACHE", "STATE")
    }

    def mcpreg(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*started("mcpreg"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert (
        mcpreg("registry", "add", url, "--root-sha256", mirror.registry.keys.root).returncode == 0
    )
    assert "listed, not locked" in mcpreg("search", "somewhere").stdout
    said = mcpreg("info", FAR).stdout
    assert "not stated" in said
    assert "mirrored from far" in said
    assert "cannot" not in said.partition("What it can touch")[2]
    refused = mcpreg("run", FAR)
    assert refused.returncode == 5
    assert "listed, not locked" in refused.stderr


def test_a_source_that_fails_leaves_everything_and_its_status_says_why(mirror: Mirror) -> None:
    mirror.offer(server())
    mirror.sync()
    head = mirror.head()
    mirror.document.write_text('{"servers": [')
    mirror.sync(code=1)
    status = mirror.status()
    assert (mirror.head(), status["phase"], status["syncAttempts"]) == (head, "Failed", 1)
    conditions = {item["type"]: item["status"] for item in status["conditions"]}
    assert conditions == {
        "SourceAvailable": "True",
        "DataValid": "False",
        "SyncSuccessful": "False",
    }
    mirror.document.unlink()
    mirror.sync(code=7)
    assert mirror.status()["syncAttempts"] == 2
    assert mirror.status()["serverCount"] == 1
    shown = mirror.run("sync", "--status").stdout
    assert "Failed" in shown
    assert "SourceAvailable=False" in shown


def test_a_name_submitted_by_hand_is_listed_as_a_conflict(mirror: Mirror) -> None:
    mirror.registry.submit(make_manifest(CLOCK, "1.0.0"))
    mirror.offer(server(CLOCK, "2.0.0"), server())
    report = mirror.sync()
    assert report["added"] == [f"{FAR}@1.0.0"]
    assert report["conflicts"][0]["name"] == CLOCK


def test_a_source_that_empties_itself_is_refused_until_a_person_agrees(mirror: Mirror) -> None:
    mirror.offer(*(server(f"com.example/far{number}") for number in range(12)))
    mirror.sync()
    head = mirror.head()
    mirror.offer(server("com.example/far1"))
    mirror.sync(code=1)
    assert mirror.head() == head
    assert "would retire 11 of its 12" in mirror.status()["message"]
    assert len(mirror.sync("--allow-many")["retired"]) == 11


def test_a_mark_that_no_sync_made_keeps_a_submission_out(mirror: Mirror) -> None:
    manifest = make_manifest(CLOCK, "1.0.0", license="no licence at all")
    mirror.registry.submit(manifest, locked=False)
    folder = mirror.registry.repo / "servers" / CLOCK / "1.0.0"
    mark = {"source": "invented", "format": "mcps", "document": manifest.digest()}
    (folder / "source.json").write_text(json.dumps(mark))
    mirror.registry.commit("Sneak in")
    done = mirror.registry.publish(partly=True)
    assert done.new == ()
    assert "never synced" in done.left_out[0].reason


def test_explain_says_what_happens_to_every_entry_and_changes_nothing(mirror: Mirror) -> None:
    mirror.offer(server(), server("com.example/odd", version="^1.0"))
    head = mirror.head()
    done = mirror.run("sync", "--explain")
    assert f"takes   {FAR}@1.0.0" in done.stdout
    assert "[one-version]" in done.stderr
    assert mirror.head() == head
    assert not (mirror.site / "status").exists()


def test_watch_syncs_again_and_ends_cleanly_on_a_signal(mirror: Mirror) -> None:
    config = f"sources: [{{name: far, file: {{path: {mirror.document}}}, "
    path = mirror.registry.repo / "sources" / "far.yaml"
    path.write_text(config + "syncPolicy: {interval: 200ms}}]\n")
    mirror.registry.commit("Often")
    mirror.offer(server())
    process = subprocess.Popen(
        mirror.command("sync", "--watch"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_for((mirror.registry.repo / "servers" / FAR / "1.0.0").exists)
        mirror.offer(server(), server(version="1.1.0"))
        wait_for((mirror.registry.repo / "servers" / FAR / "1.1.0").exists)
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert mirror.registry.git("status", "--porcelain") == ""


def test_a_signal_ends_the_wait_before_the_next_attempt(mirror: Mirror) -> None:
    retry = "retryPolicy: {maxAttempts: 5, backoffInterval: 60s}"
    path = mirror.registry.repo / "sources" / "far.yaml"
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(60)
        path.write_text(
            f"sources: [{{name: far, url: {{url: 'http://127.0.0.1:{host.getsockname()[1]}/'}}, "
            f"syncPolicy: {{interval: 1h, {retry}}}}}]\n"
        )
        mirror.registry.commit("Somebody hangs up there")
        process = subprocess.Popen(
            mirror.command("sync", "--watch"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            host.accept()[0].close()
            host.close()  # whoever asks again is refused
            time.sleep(2)  # to see that it failed, and begin to wait
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert mirror.status()["phase"] == "Failed"


@dataclass
class Staller:
    """A host that keeps whoever asks waiting, after so much of an answer."""

    host: socket.socket
    answer: bytes

    def is_reached(self) -> socket.socket:
        """The connection of whoever asks, who has asked and waits."""
        connection = self.host.accept()[0]
        connection.settimeout(20)
        assert connection.recv(1 << 16)
        connection.sendall(self.answer)
        return connection


STALLING = {
    "silent": ("url: {{url: '{address}'}}", b""),
    "within its answer": (
        "url: {{url: '{address}'}}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    ),
    "git": ("git: {{repository: '{address}x.git'}}", b""),
}


@pytest.fixture(params=STALLING)
def staller(request: pytest.FixtureRequest, mirror: Mirror) -> Iterator[Staller]:
    place, answer = STALLING[request.param]
    with socket.create_server(("127.0.0.1", 0)) as host:
        host.settimeout(60)
        place = place.format(address=f"http://127.0.0.1:{host.getsockname()[1]}/")
        document = f"sources: [{{name: far, {place}, syncPolicy: {{interval: 1h}}}}]\n"
        (mirror.registry.repo / "sources" / "far.yaml").write_text(document)
        mirror.registry.commit("Somebody stalls there")
        yield Staller(host, answer)


@pytest.mark.parametrize(("options", "code"), [((), 128 + signal.SIGTERM), (("--watch",), 0)])
def test_a_signal_ends_a_fetch_that_stalls_at_once(
    mirror: Mirror, staller: Staller, tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    head = mirror.head()
    (folder := tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        mirror.command("sync", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    try:
        with staller.is_reached() as connection:
            time.sleep(0.5)
            assert process.poll() is None  # nobody else ends it
            asked = time.monotonic()
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
            assert time.monotonic() - asked < 5  # a fetch may take minutes
            assert connection.recv(1) == b""  # closed, by git's helpers too
    finally:
        process.kill()
    assert process.returncode == code, output
    assert mirror.head() == head
    assert mirror.registry.git("status", "--porcelain") == ""
    assert not (mirror.site / "status" / "far.json").exists()
    assert list(folder.iterdir()) == []


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "nothing happened within 20 seconds"
        time.sleep(0.05)


@pytest.mark.parametrize("round_", range(KILLS))
def test_a_killed_sync_leaves_the_old_state_or_the_new_one(mirror: Mirror, round_: int) -> None:
    mirror.offer(*(server(f"com.example/far{number}") for number in range(50)))
    before = mirror.head()
    process = subprocess.Popen(mirror.command("sync"), stdout=subprocess.DEVNULL)
    time.sleep(random.Random(round_).uniform(0.05, 1.2))
    process.kill()
    process.wait()
    files = mirror.registry.git("ls-tree", "-r", "--name-only", "main", "servers").splitlines()
    assert (mirror.head() == before and files == []) or len(files) == 100
    mirror.registry.git("reset", "-q", "--hard")
    mirror.run("sync")
    files = mirror.registry.git("ls-tree", "-r", "--name-only", "main", "servers").splitlines()
    assert len(files) == 100
