"""One tree on three hosts: `serve`, nginx with the generated files, and Netlify's own engine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from nginx_server import nginx_server
from warm_start import started

ROOT = Path(__file__).resolve().parents[2]
Host = Callable[[Path, Path], AbstractContextManager[str]]
"""Given the tree and a folder to work in, a base URL for as long as it is open."""


@contextmanager
def serve_host(site: Path, home: Path) -> Iterator[str]:
    """`mcpreg-site serve` in a process of its own."""
    home.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [*started("mcpreg_site"), "serve", str(site), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split(" at ")[1].split("/  ")[0]
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@contextmanager
def nginx_host(site: Path, home: Path) -> Iterator[str]:
    """nginx with the tree's own `nginx/http.conf` and `nginx/server.conf`."""
    with nginx_server(site, home, generated=True) as nginx:
        yield nginx.url


@contextmanager
def netlify_host(site: Path, home: Path) -> Iterator[str]:
    """`netlify dev`, offline: the redirect and header engine that Netlify's users run."""
    program = ROOT / ".venv/netlify/node_modules/.bin/netlify"
    path = f"{os.environ.get('PATH', '')}:{ROOT / '.venv/bin'}"
    if not program.exists() or not shutil.which("node", path=path):
        pytest.skip("netlify-cli is not installed (python3 scripts/setup.py --with netlify)")
    copy = home / "site"  # it writes a folder of its own beside the files
    shutil.copytree(site, copy)
    port = _free_port()
    log = (home / "log").open("w")
    process = subprocess.Popen(
        [
            *(str(program), "dev", "--offline", "--internal-disable-edge-functions", "--no-open"),
            *("--port", str(port), "--dir", "."),
        ],
        cwd=copy,
        env={**os.environ, "PATH": path, "HOME": str(home), "CI": "1", "BROWSER": "none"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url, home / "log")
        yield url
    finally:
        process.terminate()
        process.wait(20)
        log.close()


HOSTS: dict[str, Host] = {"serve": serve_host, "nginx": nginx_host, "netlify": netlify_host}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/v0.1/ping", timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())
