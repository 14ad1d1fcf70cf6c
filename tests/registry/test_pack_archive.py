"""The `.mcp` archive: one content, one archive, and no other is read."""

from __future__ import annotations

import io
import json
import os
import random
import stat
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.core import canonical
from mcpreg.formats import mcp_archive
from mcpreg.formats.archive import read_archive
from mcpreg.formats.interface import FormatError
from tiny_registry import make_lock, make_manifest
from warm_start import started

MANIFEST = make_manifest("io.github.acme/clock", "1.0.0")
BASE = {
    "mcps.json": canonical.pretty(MANIFEST.document()),
    "mcps-lock.json": make_lock(MANIFEST, "a" * 64).canonical(),
}

_part = st.text("abcxyz019_-é", min_size=1, max_size=8)
_paths = st.builds(
    lambda top, parts: "/".join((top, *parts)),
    st.sampled_from(("dist", "src")),
    st.lists(_part, min_size=1, max_size=3),
)


def _consistent(files: dict[str, bytes]) -> bool:
    return not any(other.startswith(f"{one}/") for one in files for other in files)


_contents = (
    st.dictionaries(_paths, st.binary(max_size=200), max_size=6)
    .filter(_consistent)
    .map(lambda extra: BASE | extra)
)


def test_the_order_of_the_input_makes_no_difference() -> None:
    files = BASE | {"dist/b.whl": b"2", "dist/a.whl": b"1", "LICENSE": b"MIT", "README.md": b"# x"}
    shuffled = list(files.items())
    random.Random(7).shuffle(shuffled)
    assert mcp_archive.write(dict(shuffled)) == mcp_archive.write(files)


@given(_contents)
def test_reading_gives_back_what_was_written(files: dict[str, bytes]) -> None:
    assert mcp_archive.read(mcp_archive.write(files), file="x.mcp") == files


@given(_contents, st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_order_times_modes_and_umask_of_a_folder_make_no_difference(
    files: dict[str, bytes], chance: random.Random
) -> None:
    from mcpreg.usecases.pack import pack

    with tempfile.TemporaryDirectory() as scratch:
        packed = []
        for number in range(2):
            folder = Path(scratch, f"folder{number}")
            before = os.umask(chance.choice((0o022, 0o077, 0o002)))
            try:
                _lay_out(folder, files, chance)
            finally:
                os.umask(before)
            pack(folder, Path(scratch, "out.mcp"), source=True)
            packed.append(Path(scratch, "out.mcp").read_bytes())
        assert packed[0] == packed[1]


def _lay_out(folder: Path, files: dict[str, bytes], chance: random.Random) -> None:
    items = list(files.items())
    chance.shuffle(items)
    for path, data in items:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(chance.choice((0o600, 0o644, 0o755)))
        moment = chance.randrange(0, 2_000_000_000)
        os.utime(file, (moment, moment))


def test_it_holds_stored_members_of_one_time_and_mode_in_a_fixed_order() -> None:
    data = mcp_archive.write(BASE | {"dist/a.whl": b"1", "README.md": b"# x", "LICENSE": b"MIT"})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == [
        "mcps.json",
        "mcps-lock.json",
        "README.md",
        "LICENSE",
        "dist/a.whl",
    ]
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos} == {stat.S_IFREG | 0o644}


def _zip(members: list[tuple[str, bytes]], **header: object) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            for key, value in header.items():
                setattr(info, key, value)
            archive.writestr(info, data)
    return packed.getvalue()


def _members(**extra: bytes) -> list[tuple[str, bytes]]:
    return [*BASE.items(), *extra.items()]


GOOD = mcp_archive.write(BASE)
FORGED = {
    "deflated": _zip(_members(), compress_type=zipfile.ZIP_DEFLATED),
    "another time": _zip(_members(), date_time=(2026, 1, 1, 0, 0, 0)),
    "another mode": _zip(_members(), external_attr=(stat.S_IFREG | 0o755) << 16),
    "a comment": _zip(_members(), comment=b"hello"),
    "an extra field": _zip(_members(), extra=b"\x55\x54\x05\x00\x01abcd"),
    "another order": _zip(list(reversed(_members()))),
    "a link": _zip(_members(), external_attr=(stat.S_IFLNK | 0o777) << 16),
    "a climbing path": _zip([*BASE.items(), ("../evil", b"x")]),
    "an absolute path": _zip([*BASE.items(), ("/etc/cron.d/evil", b"x")]),
    "a path that climbs inside": _zip([*BASE.items(), ("dist/../../evil", b"x")]),
    "a backslash": _zip([*BASE.items(), ("dist\\evil", b"x")]),
    "a foreign file": _zip([*BASE.items(), ("install.sh", b"x")]),
    "two names that differ in case": _zip([*BASE.items(), ("dist/A", b"1"), ("dist/a", b"2")]),
    "the same name in another case": _zip([*BASE.items(), ("MCPS.JSON", b"{}")]),
    "the same name twice": _zip([*BASE.items(), ("mcps.jsoN", b"{}")]).replace(
        b"mcps.jsoN", b"mcps.json"
    ),
    "bytes before it": b"#!/bin/sh\n" + GOOD,
    "bytes after it": GOOD + b"x",
    "no manifest": _zip([("mcps-lock.json", BASE["mcps-lock.json"])]),
    "no lock": _zip([("mcps.json", BASE["mcps.json"])]),
    "a cut": GOOD[:-10],
    "a tar": b"mcps.json".ljust(257, b"\0") + b"ustar\0" + bytes(500),
    "nothing": b"",
}


def test_the_helper_of_the_forgeries_makes_a_good_archive_unless_told_otherwise() -> None:
    assert _zip(_members()) == GOOD


@pytest.mark.parametrize("what", FORGED)
def test_refuses_an_archive_with(what: str) -> None:
    with pytest.raises(FormatError):
        mcp_archive.read(FORGED[what], file="x.mcp")


def test_refuses_content_that_only_the_first_of_two_directories_names() -> None:
    """A reader of the local headers would see `evil` where zipfile sees the real manifest."""
    evil = _zip([("mcps.json", b'{"name": "evil"}')])
    smuggled = evil + GOOD
    with zipfile.ZipFile(io.BytesIO(smuggled)) as archive:  # the deed works on a lenient reader
        assert archive.read("mcps.json") == BASE["mcps.json"]
    with pytest.raises(FormatError, match="not packed"):
        mcp_archive.read(smuggled, file="x.mcp")


def test_refuses_a_header_that_disagrees_with_the_directory() -> None:
    """Local and central header name the member differently; zip readers choose either."""
    forged = GOOD.replace(b"mcps-lock.json", b"mcps-lock.jsoN", 1)
    assert forged != GOOD
    with pytest.raises(FormatError):
        mcp_archive.read(forged, file="x.mcp")


def test_refuses_more_files_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_archive, "MAX_FILES", 2)
    with pytest.raises(FormatError, match="at most 2"):
        mcp_archive.write(BASE | {"LICENSE": b"MIT"})


def test_refuses_more_bytes_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_archive, "MAX_BYTES", 1000)
    with pytest.raises(FormatError, match="more than"):
        mcp_archive.write(BASE | {"LICENSE": bytes(2000)})


def test_the_lenient_reader_takes_the_names_that_this_one_refuses() -> None:
    """Not every refusal is the shared reader's: a foreign file passes there."""
    assert "install.sh" in read_archive(FORGED["a foreign file"], file="x.zip")


def _run(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*started("mcpreg"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "version"
    folder.mkdir()
    for name, data in BASE.items():
        (folder / name).write_bytes(data)
    (folder / "README.md").write_text("# Clock\n")
    return folder


@pytest.mark.cold
def test_the_command_packs_a_folder_and_says_what_is_in(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "src").mkdir()
    (folder / "src/main.py").write_text("x = 1\n")
    (folder / "src/.env").write_text("KEY=secret\n")
    said = json.loads(_run("pack", "version", "--source", "--json", cwd=tmp_path).stdout)["data"]
    assert said["files"] == ["mcps.json", "mcps-lock.json", "README.md", "src/main.py"]
    assert said["leftOut"] == ["src/.env"]
    data = (tmp_path / said["file"]).read_bytes()
    assert said["digest"] == canonical.sha256(data)
    assert b"secret" not in data


def test_the_command_leaves_the_source_out_unless_asked(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "src").mkdir()
    (folder / "src/main.py").write_text("x = 1\n")
    _run("pack", "version", "-o", "a.mcp", cwd=tmp_path)
    assert "src/main.py" not in mcp_archive.read((tmp_path / "a.mcp").read_bytes(), file="a")


def test_the_command_stops_at_errors_and_names_each(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "mcps-lock.json").write_bytes(
        make_lock(make_manifest("io.github.acme/clock", "2.0.0")).canonical()
    )
    done = _run("pack", "version", cwd=tmp_path, code=1)
    assert "lock-agrees" in done.stderr
    assert not list(tmp_path.glob("*.mcp"))


def test_the_command_refuses_a_link(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "LICENSE").symlink_to("/etc/passwd")
    assert "symbolic link" in _run("pack", "version", cwd=tmp_path, code=2).stderr


def test_the_command_says_how_to_get_what_is_missing(tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "mcps-lock.json").unlink()
    assert "mcpreg lock" in _run("pack", "version", cwd=tmp_path, code=2).stderr
