"""Access logs are hostile and torn: reading them survives, and costs no more than its caps."""

from __future__ import annotations

import gzip
import importlib
import io
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.downloads import Downloads
from mcpreg.errors import NotFoundError, UnreachableError, UsageError
from mcpreg_site.stats import logs
from mcpreg_site.stats.count import count
from mcpreg_site.stats.logs import LogFile
from mcpreg_site.stats.request import Request, requests

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer
from access_logs import (
    DAY,
    FIELDS,
    LOCK,
    LOCKS,
    TODAY,
    blob,
    cloudfront,
    cloudfront_file,
    counted,
    in_memory,
    s3,
    total,
    written,
)


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        (s3(agent='" 200 - 1 1 1 1 "-" "x'), 0),  # whose name cannot be told has none
        (s3(agent='quoted "name" inside'), 1),
        (s3(uri=f'GET /x" 404 "y /{blob(LOCK)}'), 0),  # a path that pretends to be the end
        (s3(agent="\x1b[2J\u202e"), 1),
        (s3(client="not an address"), 0),
        (s3().replace("Nov", "Nix"), 0),
        (s3().replace("[01/", "[99/"), 0),
        (s3()[:80], 0),
        (f"{blob(LOCK)} {blob(LOCK)}", 0),
        ('"' * 5000 + blob(LOCK), 0),
        ("#Fields: nothing of use\n" + cloudfront(), 0),
        (cloudfront_file("\t".join([blob(LOCK)] * 3)), 0),
        (cloudfront_file(cloudfront(day=DAY).replace("2026-11-01", "2026-13-01")), 0),
    ],
)
def test_hostile_lines_do_no_harm(tmp_path: Path, line: str, counts: int) -> None:
    text = f"{line}\n#Version: 1.0\n#Fields: {FIELDS}\n{cloudfront(client='203.0.113.9')}\n"
    assert total(counted(written(tmp_path, log=text))) == counts + 1


@given(text=st.text(max_size=300))
def test_no_line_raises(text: str) -> None:
    for found in requests([text, f"{text}{blob(LOCK)}", s3(agent=text), cloudfront(agent=text)]):
        assert isinstance(found, Request)


def test_parsing_is_linear_in_a_hostile_line() -> None:
    def seconds(size: int) -> float:
        line = s3(uri='"' * size, agent='" "' * size)
        start = time.process_time()
        list(requests([line, line.replace(" 200 ", " "), " ".join(['"'] * size) + blob(LOCK)]))
        return time.process_time() - start

    seconds(1000)
    assert seconds(20_000) < 1.0


def test_too_long_lines_are_passed_over(tmp_path: Path) -> None:
    text = s3(agent="x" * (logs.MAX_LINE + 1)) + "\n" + s3(client="192.0.2.9") + "\n"
    assert total(counted(written(tmp_path, log=text))) == 1
    endless = "x" * (5 << 20) + blob(LOCK) + "\n" + s3()
    assert total(counted(written(tmp_path, log=endless))) == 1


def test_the_rest_of_a_too_long_line_is_no_line_of_its_own() -> None:
    class Pieces(io.BytesIO):
        """Hands out the long part first, as a bucket may."""

        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or -1, 100_000) if size and size > 2 else size)

    text = ("xx" + "x" * 100_000 + s3() + "\n" + s3(client="192.0.2.9")).encode()
    done = count([LogFile("log", lambda: Pieces(text))], LOCKS, Downloads(), TODAY)
    assert total(done) == 1


def test_bytes_that_are_no_text_are_survived(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(bytes(range(256)) * 10 + b"\n" + s3().encode() + b"\n\xff\xfe")
    assert total(counted(tmp_path)) == 1


def test_a_torn_archive_is_read_as_far_as_it_goes_and_named(tmp_path: Path) -> None:
    lines = "\n".join(s3(client=f"192.0.2.{n}") for n in range(1, 255))
    whole = gzip.compress(lines.encode())
    (tmp_path / "whole.gz").write_bytes(whole)
    assert total(counted(tmp_path)) == 254
    (tmp_path / "whole.gz").write_bytes(whole[: len(whole) // 2])
    done = counted(tmp_path)
    assert total(done) < 254
    assert "whole.gz is torn" in done.torn[0]
    (tmp_path / "whole.gz").write_bytes(b"\x1f\x8b" + b"\0" * 100)
    assert len(counted(tmp_path).torn) == 1


def test_an_archive_that_explodes_costs_its_cap_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_FILE", 4 << 20)
    bomb = gzip.compress(s3().encode() + b"\n" + b"x" * (64 << 20))
    (tmp_path / "bomb.gz").write_bytes(bomb)
    done = counted(tmp_path)
    assert total(done) == 1
    assert "is torn: holds more than" in done.torn[0]


def test_links_in_a_folder_of_logs_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(s3())
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    assert total(counted(folder)) == 0
    assert total(counted(outside)) == 1
    with pytest.raises(NotFoundError, match="no log file"):
        counted(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("logs/2026-11-01-00-17-28-3E57427F33A59F07", DAY),
        ("EMLARXS9EXAMPLE.2026-11-01-20.RT4KCN4S.gz", DAY),
        ("2026-11-01.log", None),
        ("2026-13-01-00-17-28-3E57427F33A59F07", None),
        ("access.log", None),
    ],
)
def test_the_services_own_names_say_how_new_a_file_is(name: str, day: date | None) -> None:
    assert in_memory(b"", name).newest == day


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 that speaks the real protocol, on this machine."""
    server = pytest.importorskip("moto.server", reason="moto, which plays S3, is not installed")
    pytest.importorskip("boto3", reason="boto3, which reads buckets, is not installed")
    host: ThreadedMotoServer = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    host.start()
    address, port = host.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{address}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    yield f"http://{address}:{port}"
    host.stop()


def test_a_bucket_is_read_like_a_folder(bucket: str) -> None:
    client = importlib.import_module("boto3").client("s3")  # it has no types
    client.create_bucket(
        Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    packed = gzip.compress(cloudfront_file(cloudfront(client="192.0.2.8")).encode())
    for key, body in {
        "site/2026-11-01-00-17-28-3E57427F33A59F07": s3().encode(),
        "site/E.2026-11-01-20.RT4KCN4S.gz": packed,
        "other/log": s3(client="192.0.2.9").encode(),
    }.items():
        client.put_object(Bucket="logs", Key=key, Body=body)
    assert total(counted("s3://logs/site/")) == 2
    assert total(counted("s3://logs")) == 3
    with pytest.raises(UnreachableError, match="cannot list s3://none"):
        counted("s3://none")
    with pytest.raises(UsageError, match="names no bucket"):
        counted("s3:///x")
