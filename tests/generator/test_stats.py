"""Download counts: what counts, what does not, and that no log line can upset them."""

from __future__ import annotations

import gzip
import importlib
import io
import json
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.downloads import Downloads, parse_downloads
from mcpreg.errors import McpregError, NotFoundError, UnreachableError, UsageError
from mcpreg_site.cli import stats as stats_command
from mcpreg_site.stats import logs
from mcpreg_site.stats.agents import bot_kind
from mcpreg_site.stats.count import LATE, MIRROR, Counted, count
from mcpreg_site.stats.logs import LogFile, find
from mcpreg_site.stats.request import Request, requests
from mcpreg_site.stats.versions import from_branch, from_site
from tiny_registry import TinyRegistry, make_manifest

if TYPE_CHECKING:
    from moto.server import ThreadedMotoServer

DAY = date(2026, 11, 1)
TODAY = DAY + LATE
LOCK = canonical.sha256(b"lock")
OTHER = canonical.sha256(b"another lock")
NOT_A_LOCK = canonical.sha256(b"a README")
LOCKS = {LOCK: ("io.github.acme/clock", "1.0.0"), OTHER: ("io.github.acme/clock", "1.1.0")}
AGENT = "python-tuf/7.0.0"
FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
    "cs(Referer) cs(User-Agent) cs-uri-query"
)


def blob(digest: str) -> str:
    return f"targets/sha256/{digest.removeprefix('sha256:')}"


def s3(
    digest: str = LOCK,
    *,
    client: str = "192.0.2.3",
    agent: str = AGENT,
    day: date = DAY,
    status: str = "200",
    operation: str = "REST.GET.OBJECT",
    uri: str | None = None,
) -> str:
    """A line of an S3 server access log, in the shape that AWS documents."""
    key = blob(digest)
    return (
        f"79a59df900b949e5 bucket [{day:%d/%b/%Y}:00:00:38 +0000] {client} - 3E57427F3EXAMPLE "
        f'{operation} {key} "{uri or f"GET /{key} HTTP/1.1"}" {status} - 113 113 7 6 "-" "{agent}" '
        "- s9lzHYrFp76ZVxRcpX9= - ECDHE-RSA-AES128-GCM-SHA256 - bucket.example TLSV1.2 - -"
    )


def cloudfront(
    digest: str = LOCK,
    *,
    client: str = "192.0.2.3",
    agent: str = AGENT,
    day: date = DAY,
    status: str = "200",
    method: str = "GET",
) -> str:
    cells = (
        *(day.isoformat(), "00:00:38", "FRA2-C1", "113", client, method, "d1.example"),
        *(f"/{blob(digest)}", status, "-", agent, "-"),
    )
    return "\t".join(cells)


def cloudfront_file(*lines: str) -> str:
    return "\n".join(["#Version: 1.0", f"#Fields: {FIELDS}", *lines]) + "\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def counted(*places: Path | str, before: Downloads | None = None, today: date = TODAY) -> Counted:
    files = find([str(place) for place in places])
    return count(files, LOCKS, before or Downloads(), today)


def total(done: Counted) -> int:
    return done.downloads.of("io.github.acme/clock")


@pytest.mark.parametrize("text", [s3(), cloudfront_file(cloudfront())], ids=["S3", "CloudFront"])
def test_one_fetch_of_a_lock_is_a_download(tmp_path: Path, text: str) -> None:
    done = counted(written(tmp_path, log=text))
    assert json.loads(done.downloads.canonical()) == {
        "statsVersion": 1,
        "through": "2026-11-01",
        "servers": {
            "io.github.acme/clock": {
                "total": 1,
                "last30": 1,
                "versions": {"1.0.0": 1},
                "days": {"2026-11-01": 1},
            }
        },
    }


@pytest.mark.parametrize(
    "line",
    [
        s3(NOT_A_LOCK),
        s3(status="304"),
        s3(status="403"),
        s3(operation="REST.HEAD.OBJECT"),
        s3(operation="REST.PUT.OBJECT"),
        s3(operation="BATCH.DELETE.OBJECT"),
        s3(day=DAY + timedelta(days=1)),  # not closed yet
        s3(LOCK + "/more"),
        cloudfront(),  # without its header nobody knows what the columns are
        cloudfront_file(cloudfront(method="HEAD")),
        cloudfront_file(cloudfront(status="404")),
        cloudfront_file(cloudfront(NOT_A_LOCK)),
        cloudfront_file(cloudfront(LOCK + ".json")),
    ],
)
def test_other_requests_are_none(tmp_path: Path, line: str) -> None:
    assert total(counted(written(tmp_path, log=line))) == 0


def test_a_client_counts_once_a_day_and_version(tmp_path: Path) -> None:
    lines = [
        *([s3()] * 5),
        s3(status="206"),
        s3(OTHER),
        s3(client="192.0.2.4"),
        s3(agent="curl/8.5.0"),
        s3(day=DAY - timedelta(days=1)),
    ]
    done = counted(written(tmp_path, log="\n".join(lines)))
    assert total(done) == 5
    assert done.downloads.servers["io.github.acme/clock"].versions == {"1.0.0": 4, "1.1.0": 1}


@pytest.mark.parametrize(
    ("agent", "is_bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (compatible; GPTBot/1.2)", True),
        ("Amazon CloudFront", True),
        ("UptimeRobot/2.0", True),
        ("mcpreg-site/0.1.0", True),
        ("SomeCrawler/1.0", True),
        ("", True),
        (AGENT, False),
        ("curl/8.5.0", False),
        ("Mozilla/5.0 (X11; Linux x86_64) Firefox/150.0", False),
        ("talbot-clients/1.0 robotics", False),
    ],
)
def test_bots_are_left_out_by_name(agent: str, is_bot: bool) -> None:
    assert (bot_kind(agent) is not None) == is_bot


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    text = "\n".join([s3(), s3(agent="Amazon CloudFront"), s3(agent="-"), s3(agent="bingbot/2.0")])
    done = counted(written(tmp_path, log=text))
    assert total(done) == 1
    assert dict(done.left_out) == {
        "caches": 1,
        "clients without a name": 1,
        "search engines": 1,
    }


def test_cloudfronts_encoded_agents_are_read(tmp_path: Path) -> None:
    line = cloudfront(agent="Mozilla/5.0%20(compatible;%20Googlebot/2.1)")
    assert total(counted(written(tmp_path, log=cloudfront_file(line)))) == 0
    twice = cloudfront(agent="Amazon%2520CloudFront")
    assert total(counted(written(tmp_path, log=cloudfront_file(twice)))) == 0


def test_whoever_fetches_everything_copies_the_registry() -> None:
    locks = {canonical.sha256(str(n).encode()): (f"a/s{n}", "1") for n in range(MIRROR + 1)}
    text = "\n".join(s3(digest) for digest in locks).encode()
    done = count([in_memory(text)], locks, Downloads(), TODAY)
    assert done.downloads.servers == {}
    assert done.left_out["clients that fetch everything"] == MIRROR + 1
    few = dict(list(locks.items())[:MIRROR])
    assert len(count([in_memory(text)], few, Downloads(), TODAY).downloads.servers) == MIRROR


def in_memory(data: bytes, name: str = "log") -> LogFile:
    return LogFile(name, lambda: io.BytesIO(data))


def test_the_same_logs_again_change_nothing(tmp_path: Path) -> None:
    folder = written(tmp_path, a=s3(), b="\n".join([s3(), s3(client="192.0.2.4")]))
    once = counted(folder)
    assert total(once) == 2  # the files overlap
    again = counted(folder, folder, before=once.downloads)
    assert again.downloads == once.downloads
    later = counted(folder, before=once.downloads, today=TODAY + timedelta(days=1))
    assert total(later) == 2
    assert later.downloads.through == "2026-11-02"


def test_a_clock_that_went_back_counts_nothing_twice(tmp_path: Path) -> None:
    folder = written(tmp_path, log=s3())
    once = counted(folder)
    back = counted(folder, before=once.downloads, today=DAY)
    assert back.downloads == once.downloads


LINES = st.lists(
    st.builds(
        lambda digest, client, days, format_: (format_, digest, client, DAY + timedelta(days=days)),
        st.sampled_from([LOCK, OTHER]),
        st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        st.integers(-3, 3),
        st.sampled_from([s3, cloudfront]),
    ),
    max_size=20,
)


@given(lines=LINES, cut=st.integers(0, 20), first_run=st.integers(0, 5))
def test_any_runs_over_any_overlapping_files_come_to_the_same(
    lines: Sequence[tuple[object, str, str, date]], cut: int, first_run: int
) -> None:
    """Split over two files, given twice, counted in two runs: the sum is that of one run."""
    texts = [
        (s3(digest, client=client, day=day) if format_ is s3 else "")
        or cloudfront_file(cloudfront(digest, client=client, day=day))
        for format_, digest, client, day in lines
    ]
    files = [in_memory(text.encode()) for text in texts]
    end = DAY + timedelta(days=10)
    whole = count(files, LOCKS, Downloads(), end)
    early = count([*files, *files[:cut]], LOCKS, Downloads(), DAY + timedelta(days=first_run))
    late = count([*files[cut:], *files], LOCKS, early.downloads, end)
    assert late.downloads == whole.downloads
    assert total(whole) == len({(digest, client, day) for _, digest, client, day in lines})


def test_nothing_about_clients_is_written(tmp_path: Path) -> None:
    text = "\n".join([s3(client="198.51.100.77", agent="very-special-agent/9.9"), s3()])
    data = counted(written(tmp_path, log=text)).downloads.canonical()
    for trace in (b"198.51", b"special", b"192.0.2", AGENT.encode()):
        assert trace not in data


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


def test_files_of_counted_days_are_not_even_opened() -> None:
    def never() -> object:
        raise AssertionError("opened")

    old = LogFile("E.2026-11-01-20.RT4KCN4S.gz", never)  # type: ignore[arg-type]  # never returns
    done = count([old], LOCKS, Downloads(through="2026-11-01"), TODAY + timedelta(days=3))
    assert (done.files, done.skipped) == (0, 1)


def test_memory_and_time_grow_with_the_lines_only(tmp_path: Path) -> None:
    lines = [s3(client=f"10.0.{n >> 8}.{n & 255}") for n in range(20_000)]
    (tmp_path / "log.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    start = time.process_time()
    assert total(counted(tmp_path)) == 20_000
    assert time.process_time() - start < 3


def test_branch_and_site_name_the_same_locks(tiny_registry: TinyRegistry) -> None:
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.submit(make_manifest("io.github.acme/bell", "1.0.0"), locked=False)
    with pytest.raises(NotFoundError, match="no branch published"):
        from_branch(tiny_registry.repo)
    with pytest.raises(NotFoundError, match="no signed index"):
        from_site(tiny_registry.site)
    tiny_registry.publish()
    found = from_branch(tiny_registry.repo)
    assert list(found.values()) == [("io.github.acme/clock", "1.0.0")]
    assert from_site(tiny_registry.site) == found
    for path in (tiny_registry.site / "targets" / "index").rglob("*.json"):
        path.write_text("{")
    with pytest.raises(McpregError, match="is no index"):
        from_site(tiny_registry.site)


@pytest.fixture
def published(tiny_registry: TinyRegistry) -> tuple[TinyRegistry, str]:
    """A registry with one published server, and a log line of its download."""
    tiny_registry.submit(make_manifest("io.github.acme/clock", "1.0.0"))
    tiny_registry.publish()
    (digest,) = from_branch(tiny_registry.repo)
    return tiny_registry, s3(digest)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(stats_command.command, arguments, standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.output


def test_the_command_writes_the_file_that_is_committed(
    published: tuple[TinyRegistry, str], tmp_path: Path
) -> None:
    registry, line = published
    log = tmp_path / "log"
    log.write_text(line)
    said = run(str(log), "--repo", str(registry.repo))
    assert "1 downloads of 1 servers in all" in said
    target = registry.repo / "stats" / "downloads.json"
    first = target.read_bytes()
    assert parse_downloads(first).of("io.github.acme/clock") == 1
    again = json.loads(run(str(log), "--repo", str(registry.repo), "--json"))
    assert again["data"]["files"] == 1
    assert target.read_bytes() == first
    registry.commit("Counts")
    assert gitrepo.read(registry.repo, "HEAD").stats["downloads.json"] == first


def test_the_command_leaves_counts_alone_that_it_cannot_read(
    published: tuple[TinyRegistry, str], tmp_path: Path
) -> None:
    registry, line = published
    (tmp_path / "log").write_text(line)
    target = registry.repo / "stats" / "downloads.json"
    target.parent.mkdir()
    target.write_text("{")
    arguments = (str(tmp_path / "log"), "--repo", str(registry.repo))
    with pytest.raises(McpregError, match="is not valid"):
        run(*arguments)
    assert target.read_text() == "{"
    run(*arguments, "--restart")
    assert parse_downloads(target.read_bytes()).of("io.github.acme/clock") == 1


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
