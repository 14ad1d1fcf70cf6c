"""Load while builds land: no failed answer, none cut short, none made of two builds.

A few seconds here; `make soak` gives each host ten minutes with a build every thirty seconds
(MCPREG_SOAK_SECONDS, MCPREG_SOAK_BUILD_SECONDS).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import urllib.request
from pathlib import Path

import pytest

from hosted_site import ODD
from mcpreg_site.api import api
from mcpreg_site.catalog import build
from mcpreg_site.ledger import Ledger
from mcpreg_site.nginx import nginx
from mcpreg_site.publish import Means, publish
from mcpreg_site.tree import MARKER, Tree
from mixed_entries import make_entry, snapshot_of
from site_hosts import HOSTS
from tiny_registry import make_manifest

LUA = Path(__file__).resolve().parents[1] / "support/soak.lua"
SECONDS = float(os.environ.get("MCPREG_SOAK_SECONDS", "5"))
PERIOD = float(os.environ.get("MCPREG_SOAK_BUILD_SECONDS", "0.7"))
SERVERS = 120
# What the official registry's users report (its issues): time-outs above this, and 20 s reads.
REPORTED = "the official registry: time-outs above about 300 requests/s, reads of 20 s"
NAME = "io.github.acme%2Fserver-007"
STATIC = ["/v0.1/servers", "/v0.1/servers?version=latest", f"/v0.1/servers/{NAME}/versions/latest"]
STATIC += [f"/v0.1/servers/{NAME}/versions", f"/v0.1/servers/{ODD[0]}/versions/latest"]
DYNAMIC = ["/v0.1/servers?limit=100", "/v0.1/servers?search=server-1&limit=50"]


def _tree(number: int) -> Tree:
    """A registry in which every entry says which build it is of."""
    text = f"made by build {number}"
    names = [(f"io.github.acme/server-{each:03}", "1.0.0") for each in range(SERVERS)]
    entries = [
        make_entry(make_manifest(*name, description=text), place)
        for place, name in enumerate([ODD, *names], start=1)
    ]
    catalog = build(snapshot_of(entries))
    mark = b'{"mcpregSite": 1, "build": %d}' % number
    return api(catalog) | nginx(catalog) | Tree({MARKER: mark})


class Landing(threading.Thread):
    """Builds that land one after the other, as `mcpreg-site build` lands them."""

    def __init__(self, site: Path, ledger: Path) -> None:
        super().__init__(daemon=True)
        self.landed = 0
        self._site, self._ledger = site, ledger
        self._trees = [_tree(1), _tree(2), _tree(3)]
        self._ended = threading.Event()
        self.land()

    def land(self) -> None:
        self.landed += 1
        tree = self._trees[self.landed % 3]
        publish(tree, self._site, Means(ledger=Ledger(self._ledger), built=str(self.landed)))

    def run(self) -> None:
        while not self._ended.wait(PERIOD):
            self.land()

    def stop(self) -> None:
        self._ended.set()
        self.join()


@pytest.mark.parametrize("name", ["serve", "nginx"])
def test_builds_that_land_under_load_disturb_nobody(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrk = shutil.which("wrk")
    if wrk is None:
        pytest.skip("wrk is not installed (python3 scripts/setup.py --with wrk)")
    site = tmp_path / "site"
    landing = Landing(site, tmp_path / "ledger.sqlite")
    paths = STATIC + (DYNAMIC if name == "serve" else [])
    with HOSTS[name](site, tmp_path / "home") as url:
        for path in paths:
            urllib.request.urlopen(url + path).close()
        landing.start()
        done = subprocess.run(
            [
                *(wrk, "-t1", "-c8", f"-d{SECONDS:.0f}s", "--timeout=10s"),
                "-s",
                str(LUA),
                url,
                "--",
                *paths,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        landing.stop()
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    asked, wrong, broken, late, p50, p95 = map(float, line.split()[1:])
    with capsys.disabled():
        print(
            f"\n{name}: {asked:,.0f} requests in {SECONDS:.0f} s, {asked / SECONDS:,.0f} a second, "
            f"{landing.landed} builds landed, {wrong + broken + late:.0f} failed or torn; "
            f"p50 {p50:.1f} ms, p95 {p95:.1f} ms ({REPORTED})"
        )
    assert landing.landed >= 2
    assert asked > 100
    assert (wrong, broken, late) == (0, 0, 0), done.stderr
