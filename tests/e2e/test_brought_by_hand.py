"""`.mcp` archives with their artifacts in `dist/`: installed with no index, and no network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcpreg.usecases.pack import pack
from offline_story import CLOCK, Completed, Story, offline_story
from tiny_package import SERVER, build_wheel, write_index

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed"),
]


@pytest.fixture
def story(serve: Callable[[Path], str]) -> Iterator[Story]:
    with offline_story(serve) as made:
        made.environment["UV_CACHE_DIR"] = str(made.folder / "uv-cache")
        made.offer("1.0.0")
        made.trust()
        # What the registry signed of it, and not one artifact.
        assert made.mcpreg("vet", CLOCK).returncode == 0
        yield made


def packed(story: Story, name: str, *dist: tuple[str, bytes]) -> Path:
    """The version on main as a `.mcp` file with these files in its `dist/`."""
    version = story.folder / name
    shutil.copytree(story.registry.repo / "servers" / CLOCK / "1.0.0", version)
    for file, data in dist:
        (version / "dist").mkdir(exist_ok=True)
        (version / "dist" / file).write_bytes(data)
    return pack(version, story.folder / f"{name}.mcp").path


def wheel(story: Story) -> bytes:
    return (story.wheels / "acme_clock-1.0.0-py3-none-any.whl").read_bytes()


def unplugged(story: Story, *arguments: str) -> Completed:
    """In a network namespace with nothing in it, not even loopback."""
    if os.geteuid() != 0:
        pytest.skip("unshare --net needs root")
    return subprocess.run(
        ["unshare", "--net", *story.command(*arguments)],
        env=story.environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_machine_without_a_network_installs_from_the_archive_alone(story: Story) -> None:
    bare = packed(story, "bare")
    # Under another name than its own: what counts is its hash.
    full = packed(story, "full", ("anything.bin", wheel(story)))
    refused = unplugged(story, "install", str(bare), "--offline")
    assert refused.returncode == 7, refused.stderr
    done = unplugged(story, "install", str(full), "--offline")
    assert done.returncode == 0, done.stderr
    assert story.ask(CLOCK, "--yes")[0] == "noon"
    assert story.mcpreg("verify", CLOCK).returncode == 0


def test_pack_fetches_what_the_lock_names(story: Story) -> None:
    version = story.registry.repo / "servers" / CLOCK / "1.0.0"
    path = story.folder / "made.mcp"
    done = story.mcpreg("pack", str(version), "--artifacts", "here", "-o", str(path))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(path) as archive:
        assert archive.read("dist/acme_clock-1.0.0-py3-none-any.whl") == wheel(story)
    again = story.folder / "again.mcp"
    assert (
        story.mcpreg("pack", str(version), "--artifacts", "all", "-o", str(again)).returncode == 0
    )
    assert again.read_bytes() == path.read_bytes()
    assert unplugged(story, "install", str(path), "--offline").returncode == 0
    assert story.ask(CLOCK, "--yes")[0] == "noon"


def test_pack_takes_nothing_with_another_hash_than_the_lock(story: Story) -> None:
    version = story.registry.repo / "servers" / CLOCK / "1.0.0"
    build_wheel(story.wheels, "1.0.0", SERVER.replace("noon", "midnight"))
    write_index(story.registry.site, story.wheels)
    path = story.folder / "made.mcp"
    done = story.mcpreg("pack", str(version), "--artifacts", "all", "-o", str(path))
    assert (done.returncode, path.exists()) == (4, False), done.stderr
    assert "with the locked hash" in done.stderr


def test_what_is_in_dist_is_taken_before_an_index_is_asked(story: Story) -> None:
    archive = packed(story, "clock", ("acme_clock-1.0.0-py3-none-any.whl", wheel(story)))
    shutil.rmtree(story.registry.site / "simple")
    assert story.mcpreg("install", CLOCK).returncode != 0
    done = story.mcpreg("install", str(archive))
    assert done.returncode == 0, done.stderr
    assert story.ask(CLOCK, "--yes")[0] == "noon"


def test_a_file_with_another_hash_than_the_lock_is_never_used(story: Story) -> None:
    forged = wheel(story).replace(b"noon", b"moon")
    assert forged != wheel(story)
    archive = packed(story, "clock", ("acme_clock-1.0.0-py3-none-any.whl", forged))
    done = story.mcpreg("install", str(archive))
    assert done.returncode == 0, done.stderr  # from the index, which has the right one
    assert story.ask(CLOCK, "--yes")[0] == "noon"
    kept = {path.name for path in (story.folder / "cache").rglob("archives/*")}
    assert hashlib.sha256(forged).hexdigest() not in kept
    assert kept == set()


def test_a_damaged_copy_of_what_was_brought_is_not_believed(story: Story) -> None:
    archive = packed(story, "clock", ("clock.whl", wheel(story)))
    assert story.mcpreg("install", str(archive)).returncode == 0
    (kept,) = (story.folder / "cache").rglob("archives/*")
    assert kept.name == hashlib.sha256(wheel(story)).hexdigest()
    kept.write_bytes(wheel(story).replace(b"noon", b"moon"))
    assert story.mcpreg("uninstall", CLOCK).returncode == 0
    done = story.mcpreg("install", CLOCK)
    assert done.returncode == 0, done.stderr
    assert story.ask(CLOCK, "--yes")[0] == "noon"
    assert not kept.exists()
