"""A folder is replaced in one step, and leaves of earlier sites stay for the grace."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mcpreg.errors import McpregError, UnreachableError, UsageError, VerificationError
from mcpreg_site.cli.main import cli
from mcpreg_site.deploy.folder import FolderPlan, plan_folder
from mcpreg_site.deploy.order import is_leaf
from mcpreg_site.deploy.previous import RECORD, previous_at
from mcpreg_site.deploy.source import scan
from site_generations import Generations


def _deploy(target: Path, site: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["deploy", str(target), "--site", str(site), *more])


def _paths(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_folder_becomes_the_site_and_old_leaves_stay(
    tmp_path: Path, generations: Generations
) -> None:
    target = tmp_path / "www"
    assert _deploy(target, generations.sites[0]).exit_code == 0
    assert _paths(target) == _paths(generations.sites[0]) | {RECORD}
    done = _deploy(target, generations.sites[1], "--json")
    old = {path for path in _paths(generations.sites[0]) if is_leaf(path)}
    dropped = old - _paths(generations.sites[1])
    assert dropped
    assert set(json.loads(done.stdout)["data"]["kept"]) == dropped
    assert _paths(target) == _paths(generations.sites[1]) | dropped | {RECORD}


def test_leaves_go_when_their_grace_is_over(tmp_path: Path, generations: Generations) -> None:
    target = tmp_path / "www"
    _deploy(target, generations.sites[0])
    _deploy(target, generations.sites[1])

    def after(days: float) -> FolderPlan:
        now = datetime.now(UTC) + timedelta(days=days)
        return plan_folder(scan(generations.sites[2]), previous_at(str(target)), now, timedelta(7))

    first, second, third = map(_paths, generations.sites)
    gone = {path for path in first - second - third if is_leaf(path)}
    assert gone <= after(6.9).kept.keys()
    assert gone <= set(after(7.1).dropped)
    # What only now left the site begins its grace now.
    assert {path for path in second - third if is_leaf(path)} <= after(7.1).kept.keys()


def test_the_host_itself_says_what_to_keep(
    tmp_path: Path, generations: Generations, serve: Callable[[Path], str]
) -> None:
    live = tmp_path / "live"
    _deploy(live, generations.sites[0])
    out = tmp_path / "out"
    done = _deploy(out, generations.sites[1], "--keep-from", serve(live))
    assert done.exit_code == 0, done.output
    missing = {path for path in _paths(live) if is_leaf(path)} - _paths(out)
    assert missing == set()


def test_a_host_with_no_site_yet_is_no_obstacle_and_a_dead_one_is(
    tmp_path: Path, generations: Generations, serve: Callable[[Path], str]
) -> None:
    (tmp_path / "empty").mkdir()
    address = serve(tmp_path / "empty")
    assert _deploy(tmp_path / "a", generations.sites[0], "--keep-from", address).exit_code == 0
    dead = _deploy(tmp_path / "b", generations.sites[0], "--keep-from", "http://127.0.0.1:1")
    assert isinstance(dead.exception, UnreachableError)
    assert not (tmp_path / "b").exists()


def test_what_a_host_alters_is_not_carried_on(
    tmp_path: Path, generations: Generations, serve: Callable[[Path], str]
) -> None:
    live = tmp_path / "live"
    _deploy(live, generations.sites[0])
    for style in (live / "assets").glob("site-*.css"):
        style.write_text("body { display: none }")
    record = json.loads((live / RECORD).read_bytes())
    record["leaves"]["index.html"] = "0" * 64  # no leaf, so never asked for
    (live / RECORD).write_text(json.dumps(record))
    done = _deploy(tmp_path / "out", generations.sites[1], "--keep-from", serve(live))
    assert isinstance(done.exception, VerificationError)
    assert "is not what its deployed.json says" in str(done.exception)


def test_tuf_does_not_go_back_in_a_folder_either(tmp_path: Path, generations: Generations) -> None:
    target = tmp_path / "www"
    _deploy(target, generations.sites[1])
    before = _paths(target)
    done = _deploy(target, generations.sites[0])
    assert isinstance(done.exception, VerificationError)
    assert _paths(target) == before


def test_refuses_to_replace_what_is_no_site(tmp_path: Path, generations: Generations) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    done = _deploy(tmp_path, generations.sites[0])
    assert isinstance(done.exception, UsageError)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("damage", ["link", "address", "no site", "state"])
def test_a_tree_that_no_build_makes_is_not_deployed(
    tmp_path: Path, generations: Generations, damage: str
) -> None:
    site = Path(shutil.copytree(generations.sites[0], tmp_path / "site"))
    if damage == "link":
        (site / "assets" / "passwd").symlink_to("/etc/passwd")
    elif damage == "address":
        next((site / "targets" / "sha256").iterdir()).write_bytes(b"other")
    elif damage == "no site":
        (site / "build.json").unlink()
    else:
        (site / ".mcpreg").mkdir()
        (site / ".mcpreg" / "head.json").write_text("{}")
    done = _deploy(tmp_path / "www", site)
    assert isinstance(done.exception, McpregError)
    assert not (tmp_path / "www").exists()


def test_options_for_buckets_are_refused_for_folders_and_the_other_way_round(
    tmp_path: Path, generations: Generations
) -> None:
    for more in (["--list"], ["--rollback"], ["--cloudfront-distribution", "E1"]):
        assert isinstance(
            _deploy(tmp_path / "x", generations.sites[0], *more).exception, UsageError
        )
    nowhere = CliRunner().invoke(cli, ["deploy"])
    assert isinstance(nowhere.exception, UsageError)


def test_the_files_for_cloudfront_are_written(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["deploy", "--cloudfront-files", str(tmp_path / "edge")])
    assert done.exit_code == 0, done.output
    assert _paths(tmp_path / "edge") == {"rewrite.js", "response-headers-policy.json"}
