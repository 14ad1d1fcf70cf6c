"""A container image, from a registry of images through lock, git and TUF to an answer in Docker."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

import oci_registry
from docker_daemon import Engine
from local_index import CUTOFF
from mcpreg.core.manifest import Manifest
from mcpreg.errors import UsageError, VerificationError
from mcpreg.packages.interface import Resolution
from mcpreg.packages.oci import Oci
from mcpreg.usecases.keys import init_keys
from mcpreg.usecases.lock import make_lock
from oci_registry import OciRegistry
from tiny_package import SERVER
from tiny_registry import SETTINGS, TinyRegistry
from warm_start import started

CLOCK = "io.github.acme/clock"
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not oci_registry.PYTHON.exists(), reason=f"no {oci_registry.PYTHON} here"),
]
# Says where it stands, what it was told, and reaches for what the image does not allow.
DEED = """
def deed():
    told = [os.environ.get("GREETING"), os.getcwd(), os.getuid() != 0]
    try:
        open("/srv/written", "w")
    except OSError as error:
        told.append(error.errno)
    return json.dumps(told)
"""


@pytest.fixture(scope="module")
def images() -> Iterator[OciRegistry]:
    with oci_registry.serving() as registry:
        yield registry


@pytest.fixture(scope="module")
def index(images: OciRegistry) -> str:
    """The digest of an image with a server in it."""
    server = SERVER.replace('def deed():\n    return "noon"\n', DEED) + "\nmain()\n"
    config = {
        "Entrypoint": ["python3.11", "/srv/server.py"],
        "Env": ["PATH=/nowhere:/usr/bin", "GREETING=hello", "PYTHONDONTWRITEBYTECODE=1"],
        "WorkingDir": "/srv",
        "User": "root",
    }
    return images.add_image(oci_registry.python_layer(server), config)


def manifest(images: OciRegistry, digest: str) -> Manifest:
    document = {
        "name": CLOCK,
        "description": "Answers questions about clocks",
        "version": "1.0.0",
        "packages": [
            {
                "registryType": "oci",
                "identifier": f"{images.address}/acme/clock:1.0@{digest}",
                "transport": {"type": "stdio"},
            }
        ],
        "license": "MIT",
        "capabilities": {"tools": [{"name": "now"}, {"name": "zones"}], "sandbox": ["net:none"]},
    }
    return Manifest.model_validate(document)


def resolved(images: OciRegistry, digest: str, folder: Path) -> Resolution:
    package = (manifest(images, digest).packages or ())[0]
    return Oci().resolve(package, CUTOFF, folder)


def test_an_image_is_locked_installed_and_answers_the_real_client(
    images: OciRegistry,
    index: str,
    docker_engine: Engine,
    serve: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.host)
    folder = Path(tempfile.mkdtemp(prefix="mcpreg-oci-"))
    folder.chmod(0o755)
    try:
        repo = folder / "registry"
        subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], check=True)
        for key, value in (("user.name", "Test"), ("user.email", "test@example.com")):
            subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
        (repo / "mcpreg.toml").write_bytes(SETTINGS)
        now = datetime.now(UTC).replace(microsecond=0)
        tiny = TinyRegistry(repo, folder / "site", init_keys(repo, folder / "keys", now), now)
        tiny.commit("Begin")
        ours = manifest(images, index)
        lock, _ = make_lock(ours, cutoff=CUTOFF, progress=lambda _: None)
        assert set(lock.toolset.tools) == {"now", "zones"}
        assert b"http" not in lock.canonical()  # digests, and no download address
        tiny.submit(ours, lock=lock)
        tiny.publish(later=timedelta(0))
        kinds = ("CONFIG", "DATA", "CACHE", "STATE")
        environment = {**os.environ, **{f"XDG_{k}_HOME": str(folder / k.lower()) for k in kinds}}

        def mcpreg(*arguments: str) -> str:
            done = subprocess.run(
                [*started("mcpreg"), *arguments],
                env=environment, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return done.stdout

        async def ask() -> list[object]:
            server = StdioServerParameters(
                command=sys.executable,
                args=[*started("mcpreg")[1:], "run", CLOCK],
                env=environment,
            )
            async with Client(server, mode="legacy") as client:
                result = await client.call_tool("now", {})
                told: list[object] = json.loads(str(result.content[0].model_dump()["text"]))
                return told

        mcpreg("registry", "add", serve(tiny.site), "--root-sha256", tiny.keys.root)
        mcpreg("install", CLOCK)
        asked = len(images.asked)
        docker_engine.call("image", "prune", "--all", "--force")  # it is loaded again
        errno_read_only = 30
        assert asyncio.run(ask()) == ["hello", "/srv", True, errno_read_only]
        assert len(images.asked) == asked  # what is installed asks no registry
        assert "runs under docker, in the image sha256:" in mcpreg("run", CLOCK, "--explain")
        assert (lock.images or ())[0].config in mcpreg("run", CLOCK, "--dry-run")
        assert "every installed file" in mcpreg("verify", CLOCK)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("what", ["index", "manifest", "config", "layer"])
def test_refuses_an_image_that_the_registry_changed(
    what: str, images: OciRegistry, index: str, tmp_path: Path
) -> None:
    lock = resolved(images, index, tmp_path)
    row = (lock.images or ())[0]
    lied = {"index": index, "manifest": row.manifest, "config": row.config, "layer": row.layers[0]}
    digest = lied[what]
    honest = images.blobs.get(digest) or images.manifests[digest][1]
    images.tamper[digest] = honest[:-1] + b" "
    try:
        with pytest.raises(VerificationError, match="something else for sha256:"):
            if what == "index":
                resolved(images, index, tmp_path)
            else:
                target = tmp_path / "app"
                target.mkdir()
                Oci().install(lock, target, progress=lambda _: None)
    finally:
        del images.tamper[digest]


def test_refuses_more_bytes_than_the_manifest_says(
    images: OciRegistry, index: str, tmp_path: Path
) -> None:
    lock = resolved(images, index, tmp_path)
    layer = (lock.images or ())[0].layers[0]
    images.tamper[layer] = images.blobs[layer] + b"x"
    try:
        with pytest.raises(VerificationError, match="larger than it may be"):
            Oci().install(lock, tmp_path, progress=lambda _: None)
    finally:
        del images.tamper[layer]


@pytest.mark.parametrize(
    "name",
    ["acme/clock", "clock:1.0", "127.0.0.1:5000/clock:1.0", "registry.example/UPPER@sha256:0"],
)
def test_refuses_an_image_without_host_or_digest(
    name: str, images: OciRegistry, tmp_path: Path
) -> None:
    document = manifest(images, "sha256:" + "0" * 64).document()
    document["packages"][0]["identifier"] = name
    package = (Manifest.model_validate(document).packages or ())[0]
    with pytest.raises(UsageError, match="not an image by host and digest"):
        Oci().resolve(package, CUTOFF, tmp_path)
