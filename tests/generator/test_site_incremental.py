"""A build that remembers gives the bytes of one that does not, and writes only what changed."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from mcpreg.store.tree import fingerprint
from mcpreg_site import looking
from mcpreg_site.building import Order, build
from mcpreg_site.publish import is_site
from mcpreg_site.templates import Templates
from site_orders import built_anew, published_order
from tiny_registry import TinyRegistry, make_manifest

KILLS = int(os.environ.get("MCPREG_KILLS", "8"))  # `make soak` asks for 50
SERVERS = 4
SCRIPT = "import sys; from mcpreg_site.cli.main import main; sys.argv[0] = 'mcpreg-site'; main()"


@pytest.fixture
def order(
    tiny_registry: TinyRegistry,
    templates: Templates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Order:
    return published_order(tiny_registry, templates, tmp_path, monkeypatch, servers=SERVERS)


def _version(tiny: TinyRegistry, name: str, version: str) -> None:
    tiny.submit(make_manifest(f"io.github.acme/{name}", version))
    tiny.publish(later=timedelta(minutes=1))


def _rewrite(tiny: TinyRegistry) -> None:
    readme = tiny.repo / "servers/io.github.acme/s1/1.0.0/README.md"
    readme.write_text("# Another\n\nREADME\n")
    tiny.commit("Say it better")
    tiny.publish(later=timedelta(minutes=1))


def _retitle(tiny: TinyRegistry) -> None:
    settings = tiny.repo / "mcpreg.toml"
    settings.write_text(settings.read_text().replace("[registry]", '[registry]\ntitle = "New"'))
    tiny.commit("Another title")
    tiny.publish(later=timedelta(minutes=1))


def _retire(tiny: TinyRegistry) -> None:
    mark = tiny.repo / "servers/io.github.acme/s2/1.0.0/status.json"
    mark.write_text('{"status": "deleted", "changedAt": "2026-11-02T00:00:00Z"}')
    tiny.commit("Delete it")
    tiny.publish(later=timedelta(minutes=1))


def test_a_remembering_build_gives_the_same_bytes_after_every_kind_of_change(
    order: Order, tiny_registry: TinyRegistry
) -> None:
    first = tiny_registry.git("rev-parse", "published")
    build(order)
    before = fingerprint(order.output)
    assert before == built_anew(order)
    changes: list[Callable[[TinyRegistry], None]] = [
        lambda tiny: _version(tiny, "s3", "1.1.0"),
        lambda tiny: _version(tiny, "a-new-one", "1.0.0"),
        _rewrite,
        _retire,
        _retitle,
    ]
    for number, change in enumerate(changes):
        change(tiny_registry)
        build(order)
        assert fingerprint(order.output) == built_anew(order), f"after change {number}"
    build(replace(order, rev=first))
    assert fingerprint(order.output) == before, "going back"


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("few", [0, 10, 1000])
def test_however_much_is_made_where_it_is_found_the_bytes_are_the_same(
    order: Order,
    tiny_registry: TinyRegistry,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    jobs: int,
) -> None:
    monkeypatch.setattr(looking, "_FEW", few)
    order = replace(order, jobs=jobs)
    build(order)
    _version(tiny_registry, "s3", "1.1.0")
    _retire(tiny_registry)
    _version(tiny_registry, "a-new-one", "1.0.0")
    build(order)
    assert fingerprint(order.output) == built_anew(order)


def test_many_processes_give_the_bytes_of_one(order: Order, tiny_registry: TinyRegistry) -> None:
    for number in range(SERVERS, 60):
        tiny_registry.submit(make_manifest(f"io.github.acme/s{number}", "1.0.0"))
    tiny_registry.publish()
    assert built_anew(order, jobs=3) == built_anew(order, jobs=1)


@pytest.mark.parametrize("cached", [True, False])
def test_builds_without_end_leave_nothing_open(
    order: Order, tiny_registry: TinyRegistry, cached: bool
) -> None:
    order = replace(order, cached=cached)
    gc.collect()
    gc.disable()  # nothing is closed by chance
    try:
        build(order)
        before = _open_files()
        _version(tiny_registry, "s3", "1.1.0")
        between = _open_files()
        build(order)
        assert _open_files() - between == Counter(), before
    finally:
        gc.enable()


def _open_files() -> Counter[str]:
    """What this process has open, by name, but for numbers that tell two pipes apart."""
    found: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # of the listing itself
            found[str(entry.readlink()).partition(":")[0]] += 1
    return found


def test_what_did_not_change_is_not_written(order: Order, tiny_registry: TinyRegistry) -> None:
    first = build(order).published
    assert first.written == first.files
    again = build(order).published
    assert (again.made, again.written, again.removed) == (0, 0, 0)
    assert (again.files, again.size) == (first.files, first.size)
    page = order.output / "servers/io.github.acme/s1/index.html"
    inode = page.stat().st_ino
    for version in ("1.1.0", "1.2.0"):  # the second time there is a folder to take turns with
        _version(tiny_registry, "s3", version)
        done = build(order).published
        assert 0 < done.written < first.files * 2 / 3
        assert page.stat().st_ino == inode


def test_another_template_makes_the_pages_anew(
    order: Order, templates: Templates, tmp_path: Path
) -> None:
    mine = replace(order, templates=Templates(tmp_path / "mine"))
    shutil.copytree(templates.folder, tmp_path / "mine")
    build(mine)
    base = tmp_path / "mine/base.html"
    base.write_text(base.read_text().replace("Skip to the content", "Skip to the CONTENT"))
    build(mine)
    assert fingerprint(order.output) == built_anew(mine)
    assert "the CONTENT" in (order.output / "index.html").read_text()


def _flip_bytes(file: Path) -> None:
    data = bytearray(file.read_bytes())
    chance = random.Random(5)
    for _ in range(max(40, len(data) // 400)):
        data[chance.randrange(100, len(data))] ^= 0x55
    file.write_bytes(bytes(data))


def _halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _replace_with_text(file: Path) -> None:
    file.write_text("not a database at all " * 1000)


def _lie(file: Path) -> None:
    """Well-formed rows that are not what was written."""
    _execute(
        file,
        "UPDATE memo SET value = CAST(replace(CAST(value AS TEXT), 'acme', 'evil') AS BLOB)",
        "UPDATE part SET files = replace(files, 'html', 'htmx')",
    )


def _lie_about_keys(file: Path) -> None:
    _execute(file, "UPDATE part SET key = (SELECT key FROM part WHERE key != '' LIMIT 1)")


def _age(file: Path) -> None:
    _execute(file, "PRAGMA user_version = 0")


def _execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            with suppress(sqlite3.OperationalError):  # the other of the two files has this table
                connection.execute(statement)


@pytest.mark.parametrize(
    "harm", [_flip_bytes, _halve, _replace_with_text, _lie, _lie_about_keys, _age]
)
def test_a_broken_memory_is_never_believed(
    order: Order, tiny_registry: TinyRegistry, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    build(order)
    files = list((tmp_path / "cache").rglob("*.sqlite"))
    assert len(files) == 2
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        harm(file)
    for version in ("1.1.0", "1.2.0"):  # and whatever took the broken file's place works
        _version(tiny_registry, "s3", version)
        build(order)
        assert fingerprint(order.output) == built_anew(order)


def test_a_folder_that_was_replaced_behind_our_back_is_built_anew(
    order: Order, tmp_path: Path
) -> None:
    build(order)
    other = Path(shutil.copytree(order.output, tmp_path / "other"))
    (other / "servers/io.github.acme/s1/index.html").write_text("not what we built")
    shutil.rmtree(order.output)
    other.rename(order.output)
    build(order)
    assert fingerprint(order.output) == built_anew(order)


def test_a_spare_folder_that_is_not_ours_is_not_used(
    order: Order, tiny_registry: TinyRegistry
) -> None:
    build(order)
    _version(tiny_registry, "s3", "1.1.0")
    build(order)
    spare = order.output.with_name(f".{order.output.name}.before")
    assert is_site(spare)
    shutil.rmtree(spare)
    (spare / "servers").mkdir(parents=True)
    (spare / "servers/stray.html").write_text("stray")
    _version(tiny_registry, "s3", "1.2.0")
    build(order)
    assert fingerprint(order.output) == built_anew(order)


def test_statuses_live_on_through_folders_that_take_turns(
    order: Order, tiny_registry: TinyRegistry
) -> None:
    build(order)
    status = order.output / "status/upstream.json"
    status.parent.mkdir()
    for number in range(3):
        status.write_text(str(number))
        _version(tiny_registry, "s3", f"1.{number + 1}.0")
        build(order)
        assert status.read_text() == str(number)
    status.unlink()
    _version(tiny_registry, "s3", "2.0.0")
    build(order)
    assert not status.exists()


def test_two_builds_at_once_leave_one_whole_site(order: Order) -> None:
    command = [sys.executable, "-c", SCRIPT, "build", "--repo", str(order.repo)]
    running = [
        subprocess.Popen([*command, "--output", str(order.output)], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    assert fingerprint(order.output) == built_anew(order)


def _build_forever(order: Order, commits: list[str], ready: Event) -> None:
    ready.set()
    while True:
        for commit in commits:
            build(replace(order, rev=commit))


def test_a_kill_leaves_a_whole_tree_and_a_memory_that_is_no_lie(
    order: Order, tiny_registry: TinyRegistry
) -> None:
    commits = [tiny_registry.git("rev-parse", "published")]
    _version(tiny_registry, "s1", "1.1.0")
    commits.append(tiny_registry.git("rev-parse", "published"))
    whole = []
    seconds = 0.0
    for commit in commits:
        whole.append(built_anew(replace(order, rev=commit)))
        started = time.monotonic()
        build(replace(order, rev=commit))
        seconds = time.monotonic() - started
    forked = multiprocessing.get_context("fork")
    chance = random.Random(11)
    for round_number in range(KILLS):
        ready = forked.Event()
        process = forked.Process(target=_build_forever, args=(order, commits, ready), daemon=True)
        process.start()
        assert ready.wait(30)
        time.sleep(chance.uniform(0, 3 * seconds))
        process.kill()
        process.join()
        assert is_site(order.output)
        assert fingerprint(order.output) in whole, "a tree of two builds"
        if round_number % 2:  # and the next build believes nothing that is not so
            chosen = chance.randrange(len(commits))
            build(replace(order, rev=commits[chosen]))
            assert fingerprint(order.output) == whole[chosen]
