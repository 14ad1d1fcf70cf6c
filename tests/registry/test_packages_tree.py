"""What a client put on disk is plain, stays inside its folder, and can be read by everybody."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcpreg.errors import VerificationError
from mcpreg.packages import tree_check
from mcpreg.packages.tree_check import check_tree


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "code.py").write_text("pass\n")
    return folder


def test_accepts_links_that_stay_inside(app: Path) -> None:
    (app / "bin").mkdir()
    (app / "bin" / "code").symlink_to("../lib/code.py")
    check_tree(app)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "lib/../../outside", "/"])
def test_refuses_links_that_lead_out(target: str, app: Path) -> None:
    (app.parent / "outside").touch()
    (app / "leak").symlink_to(target)
    with pytest.raises(VerificationError, match="leak is a link out of the package"):
        check_tree(app)


def test_refuses_an_absolute_link_even_to_a_place_inside(app: Path) -> None:
    (app / "leak").symlink_to(app / "lib" / "code.py")
    with pytest.raises(VerificationError, match="link out of the package"):
        check_tree(app)


def test_refuses_a_link_that_leads_out_by_way_of_another(app: Path) -> None:
    (app / "lib" / "up").symlink_to("..")
    (app / "leak").symlink_to("lib/up/../outside")
    with pytest.raises(VerificationError, match="leak is a link out"):
        check_tree(app)


@pytest.mark.parametrize("bit", [stat.S_ISUID, stat.S_ISGID])
def test_refuses_set_id_bits(bit: int, app: Path) -> None:
    (app / "lib" / "code.py").chmod(0o755 | bit)
    if not (app / "lib" / "code.py").stat().st_mode & bit:
        pytest.skip("this file system drops set-id bits")
    with pytest.raises(VerificationError, match="set-id"):
        check_tree(app)


def test_refuses_what_is_not_a_plain_file(app: Path) -> None:
    os.mkfifo(app / "pipe")
    with pytest.raises(VerificationError, match="pipe is not a plain file"):
        check_tree(app)


def test_makes_everything_readable_and_keeps_what_is_executable(app: Path) -> None:
    (app / "lib" / "code.py").chmod(0o600)
    (app / "lib" / "tool").touch(0o700)
    check_tree(app)
    assert stat.S_IMODE((app / "lib" / "code.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((app / "lib" / "tool").stat().st_mode) == 0o755


def test_refuses_a_tree_that_is_too_large(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_tree(app)
    monkeypatch.setattr(tree_check, "MAX_FILES", 1)
    with pytest.raises(VerificationError, match="unpacks to more than 1 files"):
        check_tree(app)
