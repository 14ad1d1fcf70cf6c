"""Archives of strangers: read in memory, within caps, and never outside themselves."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from mcpreg.formats import archive
from mcpreg.formats.archive import is_archive, read_archive
from mcpreg.formats.interface import FormatError


def make_zip(*members: tuple[str, bytes], mode: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return buffer.getvalue()


def make_tar(
    *members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, mode: str = "w:gz"
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:  # type: ignore[call-overload]  # a mode of the test's
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_plain_files_are_read_whole(make: object) -> None:
    data = make(("a/b.txt", b"one"), ("c", b"x" * 100_000))  # type: ignore[operator]  # one of two makers
    assert is_archive(data)
    assert read_archive(data, file="x") == {"a/b.txt": b"one", "c": b"x" * 100_000}


@pytest.mark.parametrize("name", ["../up", "/etc/cron.d/x", "a/../../up", "C:\\x", "a\\b", "C:x"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_path_that_climbs_is_refused_where_unpacking_would_have_written_it(
    tmp_path: Path, name: str, kind: str
) -> None:
    data = (make_zip if kind == "zip" else make_tar)((name, b"owned"))
    if kind == "tar" and name == "../up":  # the deed, unprotected
        inside = tmp_path / "inside"
        inside.mkdir()
        with tarfile.open(fileobj=io.BytesIO(data)) as file:
            # As every Python before 3.14 does by itself; Debian's 3.11 knows no filter to ask for.
            file.extraction_filter = lambda member, _: member
            file.extractall(inside)  # the deed
        assert (tmp_path / "up").read_bytes() == b"owned"
    with pytest.raises(FormatError, match="leads out"):
        read_archive(data, file="x")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_of_a_tar_are_refused(kind: bytes) -> None:
    with pytest.raises(FormatError, match="link or a device"):
        read_archive(make_tar(("x", b""), kind=kind), file="x")


def test_a_link_of_a_zip_is_refused() -> None:
    with pytest.raises(FormatError, match="link or a device"):
        read_archive(make_zip(("x", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), file="x")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_bomb_ends_at_the_cap(make: object) -> None:
    data = make(("x", b"\0" * (8 << 20)))  # type: ignore[operator]  # one of two makers
    assert len(data) < 100_000
    with pytest.raises(FormatError, match="more than is read"):
        read_archive(data, file="x", max_bytes=1 << 20)


def test_a_size_that_lies_is_found_out() -> None:
    data = bytearray(make_zip(("x", b"\0" * (2 << 20))))
    at = data.index(b"PK\x01\x02") + 24  # the uncompressed size in the central directory
    data[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(FormatError):
        read_archive(bytes(data), file="x", max_bytes=1 << 20)


def test_the_same_name_in_another_case_is_refused() -> None:
    with pytest.raises(FormatError, match="twice"):
        read_archive(make_zip(("manifest.json", b"{}"), ("Manifest.JSON", b"[]")), file="x")


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(make_zip(("x", b"secret")))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    with pytest.raises(FormatError, match="encrypted"):
        read_archive(bytes(data), file="x")


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(FormatError, match="more than 3 files"):
        read_archive(make_zip(*((str(number), b"") for number in range(4))), file="x")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_broken_archive_is_an_error_in_words(cut: float, kind: str) -> None:
    data = (make_zip if kind == "zip" else make_tar)(
        ("x", bytes(range(256)) * 50), ("y", b"1" * 999)
    )
    with pytest.raises(FormatError):
        read_archive(data[: int(len(data) * cut)], file="x")
