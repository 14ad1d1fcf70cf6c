"""`serve` beside nginx on the same tree, and what a daily poller reads beside a full crawl.

    python -m benchmarks serve

The tree is the API of 5,000 made-up servers (MCPREG_BENCH_SERVERS). Requests by wrk, eight
connections on one thread, both hosts on this machine in turn. The poller asks the feed with the tag
it was given the day before, and reads each changed version; 1% are new, as in SPEC's table, once
with a feed that holds nothing else and once with seven days before it that were as busy.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcpreg.core.entry import Entry
from mcpreg_site.api import api
from mcpreg_site.catalog import build
from mcpreg_site.nginx import nginx
from mcpreg_site.publish import publish
from mcpreg_site.tree import MARKER, Tree

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/support"))
from api_clients import Http, Poller  # lies with the tests
from mixed_entries import make_entry, snapshot_of
from site_hosts import HOSTS
from tiny_registry import make_manifest

SERVERS = int(os.environ.get("MCPREG_BENCH_SERVERS", "5000"))
SECONDS = 5
TODAY = datetime(2027, 1, 10, tzinfo=UTC)
URLS = (
    "/v0.1/servers",
    "/v0.1/servers/io.github.acme%2Fserver-00007/versions/latest",
    "/v0.1/servers?version=latest&search=server-00&limit=50",
)


def entries(count: int, first: int, day: datetime) -> list[Entry]:
    """Servers published on one day."""
    found = []
    for number in range(first, first + count):
        name = f"io.github.acme/server-{number:05}"
        text = f"Answers questions about subject {number * 7919 % 10007} and its neighbours"
        entry = make_entry(make_manifest(name, "1.0.0", description=text), 1)
        assert entry.record
        stamp = (day + timedelta(seconds=number % 86_400)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found.append(replace(entry, record=entry.record.model_copy(update={"published_at": stamp})))
    return found


def write(site: Path, found: list[Entry]) -> None:
    catalog = build(snapshot_of(found))
    publish(api(catalog) | nginx(catalog) | Tree({MARKER: b'{"mcpregSite": 1}'}), site)


def rates(site: Path, home: Path) -> None:
    wrk = shutil.which("wrk")
    if wrk is None:
        print("requests a second: wrk is not installed (python3 scripts/setup.py --with wrk)")
        return
    results: dict[str, list[float]] = {}
    for name in ("serve", "nginx"):
        with HOSTS[name](site, home / name) as url:
            for path in URLS:
                for coding in ("identity", "gzip"):
                    Http(url, coding).get(path)
                    command = [
                        wrk,
                        "-t1",
                        "-c8",
                        f"-d{SECONDS}s",
                        "-H",
                        f"Accept-Encoding: {coding}",
                    ]
                    done = subprocess.run([*command, url + path], check=True, capture_output=True)
                    match = re.search(rb"Requests/sec:\s+([\d.]+)", done.stdout)
                    assert match is not None
                    assert b"Non-2xx" not in done.stdout
                    results.setdefault(f"{path} {coding}", []).append(float(match[1]))
    for what, (ours, peer) in results.items():
        note = "  (nginx answers a page of everything)" if "search" in what else ""
        print(f"{what:78} serve {ours:8,.0f}/s   nginx {peer:8,.0f}/s   {ours / peer:.2f}{note}")


def poll(site: Path, home: Path, busy_days: int) -> None:
    share = SERVERS // 100
    known = entries(SERVERS - busy_days * share, 0, TODAY - timedelta(days=90))
    for day in range(busy_days):
        first = SERVERS - (day + 1) * share
        known += entries(share, first, TODAY - timedelta(days=day + 1))
    write(site, known)
    for coding in ("identity", "gzip"):
        with HOSTS["serve"](site, home / f"poll-{coding}-{busy_days}") as url:
            write(site, known)
            poller = Poller(Http(url, coding))
            poller.start()
            crawl = poller.http.bytes
            poller.http.bytes = poller.http.requests = 0
            assert poller.poll() == 0
            quiet = f"{poller.http.requests} request, {poller.http.bytes} bytes"
            write(site, known + entries(share, SERVERS, TODAY))
            poller.http.bytes = poller.http.requests = 0
            changed = poller.poll()
            assert changed == share
            ratio = poller.http.bytes / crawl
        print(
            f"poller, {changed} of {SERVERS:,} new, {busy_days} busy days before, {coding:8} "
            f"{poller.http.bytes:9,} bytes   full crawl {crawl:11,}   {ratio:.2%}   target <= 3%   "
            f"nothing new: {quiet}",
            flush=True,
        )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mcpreg-bench-") as name:
        home = Path(name)
        site = home / "site"
        write(site, entries(SERVERS, 0, TODAY - timedelta(days=90)))
        rates(site, home)
        for busy in (0, 7):
            poll(site, home, busy)


if __name__ == "__main__":
    main()
