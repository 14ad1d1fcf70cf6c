"""`mcpreg search`: what was verified is searched, online and off, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcpreg.core.index import SEARCH_TARGET
from mcpreg.errors import UnreachableError, VerificationError
from mcpreg.store.places import Places
from mcpreg.usecases import registries
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.search import FRESH, Wanted, download, search
from tiny_registry import SETTINGS, TinyRegistry, make_manifest

CLOCK, MAPS = "io.github.acme/clock", "io.github.acme/maps"
HEAVY = ("pydantic", "tuf", "sigstore", "mcp", "cryptography", "git", "asyncio", "rich")
MAIN = "import sys; from mcpreg.cli.main import main; sys.argv[0] = 'mcpreg'; main()"


@dataclass
class Desk:
    """A registry that is served, a machine that trusts it, and what the search remarked."""

    registry: TinyRegistry
    home: Places
    notes: list[str] = field(default_factory=list)

    def names(self, text: str, *, refresh: bool = False, **changes: object) -> list[str]:
        wanted = Wanted(text, **changes)  # type: ignore[arg-type]  # a test's own keywords
        found = search(self.home, wanted, refresh=refresh, note=self.notes.append)
        return [hit.document.name for hit in found.hits]

    def age(self, seconds: float) -> None:
        """As if the kept pointer had been fetched so long ago."""
        (kept,) = (self.home.cache / "search").iterdir()
        data = json.loads(kept.read_bytes())
        kept.write_text(json.dumps({**data, "fetched": data["fetched"] - seconds}))

    def shards(self) -> list[Path]:
        return sorted(self.registry.site.glob("search/shards/*"))


@pytest.fixture
def desk(tmp_path: Path, serve: Callable[[Path], str]) -> Desk:
    repo = tmp_path / "registry"
    repo.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
    for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    (repo / "mcpreg.toml").write_bytes(SETTINGS)
    now = datetime.now(UTC).replace(microsecond=0)
    keys = init_keys(repo, tmp_path / "keys", now - timedelta(days=1))
    tiny = TinyRegistry(repo, tmp_path / "site", keys, clock=now)
    tiny.commit("Begin")
    tiny.submit(make_manifest(CLOCK, "1.0.0"))
    tiny.submit(make_manifest(MAPS, "1.0.0", description="Finds places", tags=["geo"]))
    tiny.publish()
    home = Places(*(tmp_path / kind / "mcpreg" for kind in ("config", "data", "cache", "state")))
    url = serve(tiny.site)
    registries.add(home, url, name="tiny", root_sha256=keys.root, confirm=None)
    return Desk(tiny, home)


def test_finds_by_name_tool_tag_and_publisher(desk: Desk) -> None:
    assert desk.names("clock")[0] == CLOCK
    assert desk.names("zones") == [CLOCK, MAPS]
    assert desk.names("geo") == [MAPS]
    assert sorted(desk.names("acme")) == [CLOCK, MAPS]
    assert desk.names("nothing-like-it") == []


def test_filters_and_limit(desk: Desk) -> None:
    assert desk.names("acme", tag="geo") == [MAPS]
    assert desk.names("", tag="time") == [CLOCK]
    assert desk.names("acme", limit=1) == [CLOCK]
    assert sorted(desk.names("acme", locked=True)) == [CLOCK, MAPS]
    assert desk.names("acme", tier="certified") == []
    assert desk.names("") == [MAPS, CLOCK], "the newest first"


def test_a_fresh_copy_needs_no_host(desk: Desk) -> None:
    assert desk.names("clock")[0] == CLOCK
    shutil.rmtree(desk.registry.site)
    assert desk.names("clock")[0] == CLOCK
    assert desk.notes == []


def test_an_old_copy_is_used_with_a_note_when_the_host_is_gone(desk: Desk) -> None:
    desk.names("clock")
    shutil.rmtree(desk.registry.site)
    desk.age(30 * 24 * FRESH)
    assert desk.names("clock")[0] == CLOCK
    (note,) = desk.notes
    assert "using what was verified on 2" in note


def test_an_old_copy_is_renewed(desk: Desk) -> None:
    desk.names("clock")
    desk.registry.submit(make_manifest(CLOCK, "1.1.0", description="Wakes people"))
    desk.registry.publish(later=timedelta(seconds=1))
    assert desk.names("wakes") == []
    desk.age(FRESH)
    assert desk.names("wakes") == [CLOCK]


def test_shards_that_the_host_let_go_of_are_found_by_a_new_pointer(desk: Desk) -> None:
    desk.names("clock")
    old = desk.shards()
    desk.registry.submit(make_manifest(CLOCK, "1.1.0", description="Wakes people"))
    desk.registry.publish(later=timedelta(seconds=1))
    for path in old:
        path.unlink()
    desk.registry.deploy()
    shutil.rmtree(next((desk.home.cache / "registries").iterdir()) / "shards")
    assert desk.names("wakes") == [CLOCK]


def test_what_was_never_here_cannot_be_searched_offline(desk: Desk) -> None:
    desk.names("clock")
    shutil.rmtree(desk.registry.site)
    shutil.rmtree(next((desk.home.cache / "registries").iterdir()) / "shards")
    with pytest.raises(UnreachableError):
        desk.names("clock")


def test_a_downloaded_index_answers_everything_offline(desk: Desk) -> None:
    assert download(desk.home) == len(desk.shards())
    shutil.rmtree(desk.registry.site)
    assert desk.names("places") == [MAPS]


def test_refuses_shards_and_pointers_that_nobody_signed(desk: Desk) -> None:
    assert desk.names("clock")[0] == CLOCK
    shutil.rmtree(desk.home.cache)
    for path in desk.shards():
        path.write_bytes(path.read_bytes().replace(b"clock", b"cl0ck"))
    with pytest.raises(VerificationError, match="other bytes"):
        desk.names("clock")
    desk.registry.deploy()
    assert desk.names("clock")[0] == CLOCK
    shutil.rmtree(desk.home.cache)
    folder, _, name = SEARCH_TARGET.rpartition("/")
    for path in (desk.registry.site / "targets" / folder).glob(f"*.{name}"):
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(VerificationError):
        desk.names("clock")


def test_a_damaged_local_copy_is_fetched_again(desk: Desk) -> None:
    desk.names("clock")
    for path in (next((desk.home.cache / "registries").iterdir()) / "shards").iterdir():
        path.write_bytes(b"{")
    (kept,) = (desk.home.cache / "search").iterdir()
    kept.write_bytes(b'{"fetched": 1')
    assert desk.names("clock")[0] == CLOCK


def run(desk: Desk, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    homes = {
        f"XDG_{kind.upper()}_HOME": str(getattr(desk.home, kind).parent)
        for kind in ("config", "data", "cache", "state")
    }
    command = [sys.executable, "-c", code, "search", *arguments]
    return subprocess.run(
        command, env=os.environ | homes, capture_output=True, text=True, check=False
    )


def test_the_command_says_why_and_as_json(desk: Desk) -> None:
    done = run(desk, MAIN, "zones", "--limit", "1")
    assert f"{CLOCK} 1.0.0" in done.stdout
    assert "2 tools · tool zones · tiny" in done.stdout
    assert "and more" in done.stderr
    (first, *_) = json.loads(run(desk, MAIN, "geo", "--json").stdout)["data"]
    assert (first["name"], first["registry"], first["tags"]) == (MAPS, "tiny", ["geo"])
    assert run(desk, MAIN, "no-such-thing").returncode == 3
    assert run(desk, MAIN, "x", "--tier", "best").returncode == 2


def test_a_warm_search_imports_nothing_heavy(desk: Desk) -> None:
    assert run(desk, MAIN, "clock").returncode == 0
    code = MAIN.replace("; main()", "\ntry: main()\nfinally: print(*sorted(sys.modules))")
    done = run(desk, code, "clock")
    assert CLOCK in done.stdout
    assert set(done.stdout.splitlines()[-1].split()).isdisjoint(HEAVY)
