from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from mcpreg.cli.failing import told
from mcpreg.errors import UsageError
from mcpreg.store.tree import fingerprint
from mcpreg_site import publish as module
from mcpreg_site.publish import Means, locked_folder, publish
from mcpreg_site.tree import MARKER, Tree
from mcpreg_site.workers import LOT
from waiting import wait_until

KILLS = int(os.environ.get("MCPREG_KILLS", "20"))  # `make soak` asks for 50
FILES = 120


def _tree(mark: str, files: int = FILES) -> Tree:
    contents: dict[str, bytes] = {MARKER: b'{"mcpregSite": 1}'}
    contents |= {f"d{number % 20}/{number}.txt": mark.encode() for number in range(files)}
    return Tree(contents)


def test_replaces_the_whole_tree(tmp_path: Path) -> None:
    output = tmp_path / "a" / "site"
    publish(_tree("old"), output)
    publish(_tree("new", 3), output)
    assert len(fingerprint(output)) == 4
    assert (output / "d0/0.txt").read_bytes() == b"new"
    assert [path.name for path in output.parent.iterdir()] == ["site"]
    assert output.stat().st_mode & 0o777 == 0o755


def test_fills_an_empty_folder(tmp_path: Path) -> None:
    publish(_tree("new", 1), tmp_path)
    assert (tmp_path / MARKER).exists()


def test_everybody_may_read_a_site_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        publish(_tree("new"), tmp_path / "site")
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "site").rglob("*")}
    assert modes == {0o755, 0o644}


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_refuses_to_replace_what_is_no_site(tmp_path: Path, kind: str) -> None:
    output, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.txt").write_text("precious")
    if kind == "folder":
        elsewhere.rename(output)
        elsewhere = output
    elif kind == "file":
        output.write_text("precious")
    else:
        output.symlink_to(elsewhere)
    with pytest.raises(UsageError, match="not a site"):
        publish(_tree("new"), output)
    assert (elsewhere / "thesis.txt").read_text() == "precious"


def _status(site: Path, name: str, text: str) -> Path:
    file = site / "status" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_statuses_survive_a_new_build(tmp_path: Path) -> None:
    output = tmp_path / "site"
    publish(_tree("old", 1), output)
    _status(output, "upstream.json", '{"phase": "Ready"}')
    _status(output, ".upstream.json.x1", "half written")
    publish(_tree("new", 1), output)
    assert (output / "d0/0.txt").read_bytes() == b"new"
    kept = [(file.name, file.read_text()) for file in (output / "status").iterdir()]
    assert kept == [("upstream.json", '{"phase": "Ready"}')]


def test_a_status_written_at_the_last_moment_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "site"
    publish(_tree("old", 1), output)
    _status(output, "upstream.json", "before")
    exchange = module._exchange

    def exchange_after_a_sync(fresh: Path, site: Path, prefix: str) -> None:
        later = _status(site, "upstream.json", "meanwhile")
        os.utime(later, ns=(time.time_ns(), time.time_ns() + 10**9))
        exchange(fresh, site, prefix)

    monkeypatch.setattr(module, "_exchange", exchange_after_a_sync)
    publish(_tree("new", 1), output)
    assert (output / "d0/0.txt").read_bytes() == b"new"
    assert (output / "status/upstream.json").read_text() == "meanwhile"


def test_a_folder_with_nothing_but_statuses_becomes_a_site(tmp_path: Path) -> None:
    output = tmp_path / "site"
    _status(output, "index.json", "{}")
    publish(_tree("new", 1), output)
    assert (output / "status/index.json").read_text() == "{}"
    assert (output / MARKER).exists()


def test_statuses_beside_something_else_are_no_site(tmp_path: Path) -> None:
    output = tmp_path / "mine"
    _status(output, "index.json", "{}")
    (output / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="not a site"):
        publish(_tree("new"), output)


def test_a_link_in_place_of_statuses_is_not_followed(tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.json").write_text("secret")
    publish(_tree("old", 1), output)
    (output / "status").symlink_to(elsewhere)
    publish(_tree("new", 1), output)
    assert not (output / "status").exists()
    _status(output, "index.json", "{}")
    (output / "status/secret.json").symlink_to(elsewhere / "secret.json")
    publish(_tree("new", 1), output)
    assert [file.name for file in (output / "status").iterdir()] == ["index.json"]


def test_a_failing_page_leaves_the_old_tree(tmp_path: Path) -> None:
    publish(_tree("old"), tmp_path / "site")

    def broken() -> bytes:
        raise RuntimeError("no page")

    with pytest.raises(RuntimeError):
        publish(_tree("new") | Tree({"z.html": broken}), tmp_path / "site")
    assert (tmp_path / "site" / "d0/0.txt").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def _publish_forever(output: Path, mark: str, ready: Event) -> None:
    ready.set()
    while True:
        publish(_tree(mark), output)


def test_a_kill_leaves_the_old_tree_or_the_new(tmp_path: Path) -> None:
    output = tmp_path / "site"
    publish(_tree("0"), output)
    started = time.monotonic()
    publish(_tree("0"), output)
    one_build = time.monotonic() - started
    forked = multiprocessing.get_context("fork")
    chance = random.Random(7)
    leftovers = 0
    seen = set()
    for round_number in range(1, KILLS + 1):
        ready = forked.Event()
        arguments = (output, str(round_number), ready)
        process = forked.Process(target=_publish_forever, args=arguments, daemon=True)
        process.start()
        assert ready.wait(10)
        time.sleep(chance.uniform(0, 3 * one_build))
        process.kill()
        process.join()
        texts = {file.read_bytes() for file in output.glob("d*/*.txt")}
        assert len(texts) == 1, "a tree of two builds"
        assert len(list(output.glob("d*/*.txt"))) == FILES
        assert (output / MARKER).exists()
        seen |= texts
        leftovers += len(list(tmp_path.glob(".site.build-*"))) > 0
    # The kills did hit: some landed while a tree was being written, some after it was in place.
    assert leftovers > 0
    assert len(seen) > 1
    publish(_tree("last"), output)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    assert (output / "d0/0.txt").read_bytes() == b"last"


def _publish_slowly(output: Path, seen: Path) -> None:
    def page() -> bytes:
        (seen / str(os.getpid())).touch()
        time.sleep(0.2)
        return b""

    pages: dict[str, Callable[[], bytes]] = {f"{number}.html": page for number in range(3 * LOT)}
    publish(_tree("slow") | Tree(pages), output, Means(jobs=2))


def test_processes_of_a_killed_build_end_with_it_and_free_the_folder(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    forked = multiprocessing.get_context("fork")
    process = forked.Process(target=_publish_slowly, args=(tmp_path / "here" / "site", seen))
    process.start()
    try:
        assert wait_until(lambda: len(list(seen.iterdir())) == 2, 30)
        workers = [Path("/proc", file.name) for file in seen.iterdir()]
        assert process.pid not in {int(worker.name) for worker in workers}
    finally:
        process.kill()
        process.join()
    assert wait_until(lambda: not any(map(_lives, workers)), 5)
    publish(_tree("next"), tmp_path / "here" / "site", Means(wait=_nobody_waits))
    assert (tmp_path / "here" / "site" / "d0/0.txt").read_bytes() == b"next"


def _publish_for_a_person(output: Path, seen: Path) -> None:
    """As a shell starts it: a group of its own, errors in words."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stderr = (seen / "said").open("w", buffering=1)

    def slow() -> bytes:
        (seen / "slow").touch()
        time.sleep(60)
        return b""

    def last() -> bytes:
        (seen / "last").touch()
        return b""

    pages: dict[str, bytes | Callable[[], bytes]] = {f"{n:03}.html": b"" for n in range(3 * LOT)}
    tree = _tree("slow") | Tree({**pages, "000.html": slow, "~.html": last})

    def call() -> int:
        publish(tree, output, Means(jobs=4))
        return 0

    sys.exit(told(call))


def test_ctrl_c_ends_a_build_at_once_in_words(tmp_path: Path) -> None:
    publish(_tree("old"), tmp_path / "here" / "site")
    forked = multiprocessing.get_context("fork")
    arguments = (tmp_path / "here" / "site", tmp_path)
    process = forked.Process(target=_publish_for_a_person, args=arguments)
    process.start()
    try:
        assert wait_until(lambda: (tmp_path / "slow").exists() and (tmp_path / "last").exists(), 30)
        time.sleep(0.3)  # those that are done wait for more
        os.killpg(process.pid or 0, signal.SIGINT)
        process.join(20)
        assert process.exitcode == 130
    finally:
        process.kill()
        process.join()
    assert (tmp_path / "said").read_text() == "stopped\n"
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["site"]
    assert (tmp_path / "here" / "site" / "d0/0.txt").read_bytes() == b"old"


def _lives(process: Path) -> bool:
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def _nobody_waits() -> None:
    raise AssertionError("the folder is still held")


def test_says_that_it_waits_for_another_build(tmp_path: Path) -> None:
    waits = threading.Event()
    means = Means(wait=waits.set)
    with ThreadPoolExecutor(1) as pool:
        with locked_folder(tmp_path):
            second = pool.submit(publish, _tree("second"), tmp_path / "site", means)
            assert waits.wait(10)
            assert not second.done()
        second.result(30)
    assert (tmp_path / "site" / "d0/0.txt").read_bytes() == b"second"
