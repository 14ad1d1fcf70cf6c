"""nginx in front of a folder, as a static host of somebody's registry."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

GENERATED = """
daemon off; pid {home}/pid; error_log stderr; {user}
events {{ worker_connections 512; }}
http {{
  access_log {access};
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
  uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
  include {root}/nginx/http.conf;
  server {{ listen 127.0.0.1:{port}; root {root}; include {root}/nginx/server.conf; }}
}}
"""
CONFIG = """
daemon off; pid {home}/pid; error_log stderr; {user}
events {{ worker_connections 64; }}
http {{
  access_log {home}/access; root {root}; gzip on; gzip_types application/json; gzip_min_length 1;
  types {{ application/json json; }}
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c;
  uwsgi_temp_path {home}/d; scgi_temp_path {home}/e;
  server {{ listen 127.0.0.1:{port}; }}
}}
"""


class Nginx:
    """A running nginx; `log` is what it was asked: `METHOD path status bytes` a line."""

    def __init__(self, url: str, access: Path) -> None:
        self.url = url
        self._access = access

    def log(self) -> list[str]:
        lines = self._access.read_text().splitlines() if self._access.exists() else []
        found = []
        for line in lines:
            request, rest = line.split('"')[1:3]
            status, sent = rest.split()
            found.append(f"{request.rsplit(' ', 1)[0]} {status} {sent}")
        return found


@contextmanager
def nginx_server(root: Path, home: Path, *, generated: bool = False) -> Iterator[Nginx]:
    """nginx serving `root`, if `generated` with the configuration that is in it.

    Skips the test where nginx is not installed.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    home.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    user = "user root;" if os.geteuid() == 0 else ""
    config = home / "nginx.conf"
    text = GENERATED if generated else CONFIG
    config.write_text(text.format(home=home, root=root, port=port, user=user, access="off"))
    process = subprocess.Popen(
        [program, "-e", "stderr", "-p", str(home), "-c", str(config)],
        stderr=subprocess.PIPE,
    )
    try:
        _wait(process, port)
        yield Nginx(f"http://127.0.0.1:{port}", home / "access")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(200):
        assert process.poll() is None, process.communicate()[1].decode()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")
