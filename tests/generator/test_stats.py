"""Download counts: what counts, what does not, and that nothing is counted twice."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from access_logs import (
    AGENT,
    DAY,
    LOCK,
    LOCKS,
    NOT_A_LOCK,
    OTHER,
    TODAY,
    cloudfront,
    cloudfront_file,
    counted,
    in_memory,
    s3,
    total,
    written,
)
from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.downloads import Downloads, parse_downloads
from mcpreg.errors import McpregError, NotFoundError
from mcpreg_site.cli import stats as stats_command
from mcpreg_site.stats.agents import bot_kind
from mcpreg_site.stats.count import MIRROR, count
from mcpreg_site.stats.logs import LogFile
from mcpreg_site.stats.versions import from_branch, from_site
from tiny_registry import TinyRegistry, make_manifest


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
                "days": [1],
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
