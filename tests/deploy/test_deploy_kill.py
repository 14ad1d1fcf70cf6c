"""Kill -9 the deploy at a request, or look in the middle of one: readers are never led astray.

A few requests are sampled here; `make soak` takes every one of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy_places import Place, request_for
from mcpreg.core.search.shards import Pointer, read_documents
from mcpreg.errors import McpregError
from mcpreg_site.deploy import s3
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.source import HOST_FILES
from s3_proxy import Answer, Asked, HangUp, S3Proxy, s3_proxy
from site_generations import Generations
from site_reader import BrokenReference

Put = Callable[..., s3.Deployed]
Front = Callable[[Place], str]
SOAK = "MCPREG_KILLS" in os.environ
PARTS = 8
CLOCK_1, ALMANAC = "io.github.acme/clock@1.0.0", "io.github.acme/almanac@1.0.0"


class Killer:
    """Kills `pid` at request `number`, before the host hears of it or after it has done it."""

    def __init__(self, number: int, *, heard: bool) -> None:
        self.number, self.heard = number, heard
        self.pid: int | None = None
        self._started = threading.Event()

    def __call__(self, asked: Asked, forward: Callable[[], Answer]) -> Answer:
        self._started.wait(30)
        if asked.number < self.number:
            return forward()
        if asked.number == self.number:
            if self.heard:
                forward()
            assert self.pid is not None
            os.kill(self.pid, signal.SIGKILL)
        raise HangUp

    def run(self, place: Place, proxy: S3Proxy, site: Path) -> int:
        """Start the real command and kill it; its exit code."""
        proxy.asked.clear()
        proxy.deed = self
        command = [sys.executable, "-m", "mcpreg_site", "deploy", place.address]
        process = subprocess.Popen(
            [*command, "--site", str(site), "--jobs", "4", "--wait", "0", "--json"],
            env={**os.environ, **place.host.through(proxy.url).environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self.pid = process.pid
        self._started.set()
        _, errors = process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode


class Readers:
    """Everybody who reads: API, pages, and clients that remember what they have seen."""

    def __init__(self, place: Place, generations: Generations, front: Front, home: Path) -> None:
        self._place, self._generations, self._home = place, generations, home
        self._url = front(place)
        self._count = 0

    def read(self) -> set[str]:
        """What the list shows. Raises when anybody is led to what is not there or not signed."""
        reader = self._place.reader()
        found = reader.read_api()
        reader.read_pages()
        if self._place.get("tuf/timestamp.json") is not None:
            self._count += 1
            for name in ("old", f"new-{self._count}"):
                self._read_signed(self._home / name)
        return found

    def _read_signed(self, cache: Path) -> None:
        client = self._generations.client(self._url, cache)
        pointer = Pointer(client.search_pointer())
        for digest in pointer.term_shards:
            client.shard(digest)
        shown = [read_documents(client.shard(digest)) for digest in pointer.document_shards]
        for line in (document for shard in shown for document in shard.values()):
            for version in client.server(line.name).versions:
                for file in (version.manifest, version.lock, version.record, version.readme):
                    if file is not None:
                        client.blob(file)


@pytest.fixture
def readers(place: Place, generations: Generations, front: Front, tmp_path: Path) -> Readers:
    return Readers(place, generations, front, tmp_path / "readers")


_counted: list[int] = []


@pytest.fixture
def requests_of_a_deploy(place: Place, generations: Generations) -> int:
    """How many requests it takes to bring the second site over the first; counted once."""
    if not _counted:
        _counted.append(_count(place, generations))
    return _counted[0]


def _count(place: Place, generations: Generations) -> int:
    other = Place(place.host, place.bucket, "counted/")
    with s3_proxy(place.host.url) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", proxy.url)
        for site in generations.sites[:2]:
            proxy.asked.clear()
            s3.deploy(Bucket(other.address, 4), request_for(site))
        return len(proxy.asked)


def _is_deployed(place: Place, site: Path) -> bool:
    files = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    return all(place.get(path) == (site / path).read_bytes() for path in files - HOST_FILES)


def _kill_and_go_on(
    killer: Killer, place: Place, put: Put, generations: Generations, readers: Readers
) -> None:
    """First site there; the second is killed; then the second again, or the third over it."""
    put(generations.sites[0])
    readers.read()
    with s3_proxy(place.host.url) as proxy:
        killer.run(place, proxy, generations.sites[1])
    assert {CLOCK_1, ALMANAC} <= readers.read()
    after = generations.sites[1 + killer.number % 2]
    put(after)
    assert _is_deployed(place, after)
    readers.read()


@pytest.mark.parametrize("heard", [False, True], ids=["unheard", "heard"])
@pytest.mark.parametrize("part", range(PARTS) if SOAK else (0.15, 0.5, 0.97))
def test_after_a_kill_readers_are_led_to_an_end_and_the_next_deploy_finishes(
    part: float,
    heard: bool,
    place: Place,
    put: Put,
    generations: Generations,
    readers: Readers,
    front: Front,
    requests_of_a_deploy: int,
    tmp_path: Path,
) -> None:
    total = requests_of_a_deploy
    assert total > 40
    if not SOAK:
        killer = Killer(max(1, int(total * part)), heard=heard)
        _kill_and_go_on(killer, place, put, generations, readers)
        return
    for number in range(1 + int(part), total + 1, PARTS):
        here = Place(place.host, place.bucket, f"{part}-{number}-{heard}/")
        fresh = Readers(here, generations, front, tmp_path / f"{number}")
        _kill_and_go_on(Killer(number, heard=heard), here, _putter(here), generations, fresh)


def _putter(place: Place) -> Put:
    return lambda site: s3.deploy(Bucket(place.address, 4), request_for(site))


def test_a_kill_in_the_first_deploy_leaves_no_half_site(
    place: Place, put: Put, generations: Generations, readers: Readers
) -> None:
    with s3_proxy(place.host.url) as proxy:
        Killer(60, heard=True).run(place, proxy, generations.sites[0])
    assert len(place.paths()) > 0
    readers.read()
    put(generations.sites[0])
    assert _is_deployed(place, generations.sites[0])
    assert readers.read() == {CLOCK_1, ALMANAC}


def test_a_kill_in_a_rollback_leaves_both_whole(
    place: Place, put: Put, generations: Generations, readers: Readers
) -> None:
    for site in generations.sites[:2]:
        put(site)
    readers.read()
    with s3_proxy(place.host.url) as proxy:
        proxy.deed = killer = Killer(45, heard=True)
        command = [sys.executable, "-m", "mcpreg_site", "deploy", place.address, "--rollback"]
        process = subprocess.Popen(
            [*command, "--jobs", "4"],
            env={**os.environ, **place.host.through(proxy.url).environment},
        )
        killer.pid = process.pid
        killer._started.set()
        assert process.wait(120) == -signal.SIGKILL
    readers.read()
    put(generations.sites[2])
    assert _is_deployed(place, generations.sites[2])
    readers.read()


def test_a_reader_in_the_middle_of_a_deploy_is_led_to_an_end(
    place: Place,
    put: Put,
    generations: Generations,
    readers: Readers,
    requests_of_a_deploy: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(generations.sites[0])
    every = 1 if SOAK else requests_of_a_deploy // 6
    one_at_a_time = threading.Lock()
    seen: list[set[str]] = []

    def look(asked: Asked, forward: Callable[[], Answer]) -> Answer:
        with one_at_a_time:
            if asked.number % every == 0:
                seen.append(readers.read())
            return forward()

    with s3_proxy(place.host.url) as proxy:
        proxy.deed = look
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        put(generations.sites[1])
    assert len(seen) >= 5
    assert {len(found) for found in seen} <= {2, 3}
    assert len(readers.read()) == 3


def test_the_readers_here_notice_when_the_order_is_wrong(
    place: Place, generations: Generations, put: Put, readers: Readers
) -> None:
    """Without the order: what leads to others is written first. The deed that the rest prevents."""
    put(generations.sites[0])
    first, second = generations.sites[:2]

    def write(path: str, site: Path) -> None:
        body = (site / path).read_bytes()
        place.client.put_object(Bucket=place.bucket, Key=place.prefix + path, Body=body)

    write("api/v0.1/latest/first.json", second)
    with pytest.raises(BrokenReference, match=r"clock@1\.1\.0, its versions do not"):
        readers.read()
    write("api/v0.1/latest/first.json", first)
    readers.read()
    write("tuf/timestamp.json", second)
    with pytest.raises(McpregError):
        readers.read()
