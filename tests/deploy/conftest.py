"""A bucket on this machine, sites to put into it, and readers of what lies there."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy_places import Clock, Place, request_for
from mcpreg_site.deploy import s3
from mcpreg_site.deploy.bucket import Bucket
from s3_hosts import S3Host, moto_host
from site_generations import Generations, make_generations

_names = itertools.count(1)


@pytest.fixture(scope="session")
def generations(tmp_path_factory: pytest.TempPathFactory) -> Generations:
    return make_generations(tmp_path_factory.mktemp("generations"))


@pytest.fixture(scope="session")
def _moto() -> Iterator[S3Host]:
    pytest.importorskip("boto3", reason="boto3, which deploys to buckets, is not installed")
    with moto_host() as host:
        yield host


@pytest.fixture
def place(_moto: S3Host, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty bucket on moto; the environment leads boto3 there."""
    for name, value in _moto.environment.items():
        monkeypatch.setenv(name, value)
    made = Place(_moto, f"bucket-{next(_names)}")
    made.client.create_bucket(Bucket=made.bucket)
    return made


@pytest.fixture
def front() -> Iterator[Callable[[Place], str]]:
    """What CloudFront is to a bucket: plain HTTP over it. Gives the address."""
    servers: list[ThreadingHTTPServer] = []

    def start(place: Place) -> str:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                data = place.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(data or b"")

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def put(place: Place) -> Callable[..., s3.Deployed]:
    """`put(site, **request)`: deploy in this process."""

    def deploy(site: Path, **changes: Any) -> s3.Deployed:  # noqa: ANN401  # the fields of Request
        return s3.deploy(Bucket(place.address, 4), request_for(site, **changes))

    return deploy
