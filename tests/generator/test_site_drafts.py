"""`mcpreg-site build --work-tree --watch`: what an author types is what the author sees."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from mcpreg import gitrepo
from mcpreg_site import building
from mcpreg_site.building import Order, build, follow
from mcpreg_site.templates import Templates
from tiny_registry import TinyRegistry, make_manifest

NAME = "io.github.acme/clock"
FOLDER = f"servers/{NAME}/1.0.0"
PAGE = f"servers/{NAME}/index.html"


@pytest.fixture
def order(
    tiny_registry: TinyRegistry,
    templates: Templates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Order:
    """One committed server, built from the work tree, with templates of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(building, "LOOK", 0.05)
    tiny_registry.submit(make_manifest(NAME, "1.0.0"))
    copy = Templates(tmp_path / "templates")
    shutil.copytree(templates.folder, copy.folder)
    return Order(
        tiny_registry.repo,
        None,
        tmp_path / "public",
        copy,
        jobs=1,
        drafts=tmp_path / "index",
    )


def _readme(order: Order) -> Path:
    return order.repo / FOLDER / "README.md"


def test_shows_what_is_saved_in_a_readme_and_in_a_template(order: Order) -> None:
    _readme(order).write_text("# Clock\n\nTells the draft hour.\n")
    server = order.templates.folder / "server.html"
    server.write_text(server.read_text().replace("README</h2>", "Read me</h2>"))
    done = build(order)
    assert done.rev == "the work tree"
    assert not done.signed
    page = (order.output / PAGE).read_text()
    assert "Tells the draft hour." in page
    assert "Read me</h2>" in page


def test_builds_again_whenever_a_file_is_saved(order: Order) -> None:
    builds = follow(order)
    next(builds)
    enough = threading.Event()

    def type_on() -> None:
        for number in count():
            _readme(order).write_text(f"# Clock\n\nDraft {number}.\n")
            if enough.wait(1):
                return

    author = threading.Thread(target=type_on)
    author.start()
    try:
        next(builds)
    finally:
        enough.set()
        author.join()
    assert "<p>Draft " in (order.output / PAGE).read_text()


def test_builds_what_is_saved_while_the_first_build_runs(order: Order) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        if text.endswith("servers"):  # it has read what it builds
            _readme(order).write_text("# Clock\n\nTells a later hour.\n")
        said.append(text)

    builds = follow(replace(order, say=say))
    next(builds)
    assert said
    assert "Tells a later hour." not in (order.output / PAGE).read_text()
    too_late = threading.Timer(8, _readme(order).write_text, ["# Clock\n\nToo late.\n"])
    too_late.start()
    next(builds)
    too_late.cancel()
    assert "Tells a later hour." in (order.output / PAGE).read_text()


def test_says_what_it_cannot_build_whoever_looks_on(order: Order) -> None:
    """A service has no terminal, where progress goes; its site would just never change."""
    settings = order.repo / "mcpreg.toml"
    sound = settings.read_text() + "\n"
    noted: list[str] = []

    def note(text: str) -> None:
        noted.append(text)
        settings.write_text(sound)

    builds = follow(replace(order, note=note))
    next(builds)
    settings.write_text("[registry\n")
    unheard = threading.Timer(8, settings.write_text, [sound])
    unheard.start()
    next(builds)
    unheard.cancel()
    assert [text[:22] for text in noted] == ["not built: mcpreg.toml"]


def test_a_new_version_and_a_removed_one_are_part_of_it(order: Order) -> None:
    build(order)
    shutil.copytree(order.repo / FOLDER, order.repo / f"servers/{NAME}/2.0.0")
    manifest = order.repo / f"servers/{NAME}/2.0.0/mcps.json"
    manifest.write_text(manifest.read_text().replace("1.0.0", "2.0.0"))
    (order.repo / f"servers/{NAME}/2.0.0/mcps-lock.json").unlink()
    build(order)
    assert (order.output / f"servers/{NAME}/versions/2.0.0/index.html").is_file()
    shutil.rmtree(order.repo / f"servers/{NAME}/2.0.0")
    build(order)
    assert not (order.output / f"servers/{NAME}/versions/2.0.0").exists()


def test_leaves_index_branches_and_other_files_alone(order: Order) -> None:
    repo = gitrepo.open_repository(order.repo)
    before = (repo.git.status("--porcelain"), repo.git.for_each_ref(), repo.head.commit.hexsha)
    site = order.repo / "public"
    build(replace(order, output=site))
    (order.repo / "notes.txt").write_text("not data")
    _readme(order).write_text("another")
    commit = gitrepo.draft(order.repo, order.repo.parent / "index")
    assert commit == gitrepo.draft(order.repo, order.repo.parent / "fresh")
    names = repo.git.ls_tree("-r", "--name-only", commit).splitlines()
    assert f"{FOLDER}/README.md" in names
    assert not [name for name in names if name.startswith(("public/", "notes"))]
    _readme(order).write_bytes(repo.git.show(f"HEAD:{FOLDER}/README.md").encode() + b"\n")
    shutil.rmtree(site)
    for scrap in (order.repo / "notes.txt", *order.repo.glob(".public*")):
        shutil.rmtree(scrap) if scrap.is_dir() else scrap.unlink()
    after = (repo.git.status("--porcelain"), repo.git.for_each_ref(), repo.head.commit.hexsha)
    assert after == before


def test_without_a_difference_it_is_the_commit_itself(order: Order, tmp_path: Path) -> None:
    head = gitrepo.open_repository(order.repo).head.commit.hexsha
    assert gitrepo.draft(order.repo, tmp_path / "other") == head
