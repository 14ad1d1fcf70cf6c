"""Snapshots made from models: what `gitrepo.read` gives, without git."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from mcpreg.core.entry import Entry
from mcpreg.core.index import CheckOutcome, Record
from mcpreg.core.manifest import Manifest
from mcpreg.core.settings import RegistrySettings, Settings
from mcpreg.gitrepo import Snapshot
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.templates import Templates, find_templates
from tiny_registry import make_lock, make_manifest

COMMIT = "c0ffee" * 6 + "c0ff"
SETTINGS = Settings(
    registry=RegistrySettings(
        name="sample",
        title="Sample registry",
        description="Servers to look at.",
        base_url="https://sample.example",
    )
)
# The bytes of TUF are of no interest here; tests of signatures use a real repository.
TUF = {"timestamp.json": b"{}", "1.root.json": b'{"root":1}'}


def _record(manifest: Manifest, sequence: int) -> Record:
    stamp = f"2026-11-{1 + sequence // 24:02}T{sequence % 24:02}:00:00Z"
    outcome = CheckOutcome(
        id="lock-matches", result="pass", evidence="2 tools", tool_version="mcpreg 0", date=stamp
    )
    return Record(
        name=manifest.name,
        version=manifest.version,
        sequence=sequence,
        published_at=stamp,
        commit="d" * 40,
        manifest=manifest.digest(),
        lock=make_lock(manifest).digest() if manifest.packages else None,
        curated=True,
        report=(outcome,),
    )


def _entry(manifest: Manifest, sequence: int, readme: bytes | None, *, published: bool) -> Entry:
    lock = make_lock(manifest) if manifest.packages else None
    return Entry(
        name=manifest.name,
        version=manifest.version,
        folder=f"servers/{manifest.name}/{manifest.version}",
        manifest=manifest,
        lock=lock,
        lock_bytes=lock.canonical() if lock else None,
        readme=readme,
        record=_record(manifest, sequence) if published else None,
    )


@pytest.fixture(scope="session")
def make_snapshot() -> Callable[..., Snapshot]:
    """`make_snapshot(manifests, readmes={name: bytes}, published=True)`."""

    def make(
        manifests: Sequence[Manifest],
        readmes: Mapping[str, bytes] | None = None,
        *,
        published: bool = True,
    ) -> Snapshot:
        texts = readmes or {}
        entries = [
            _entry(manifest, position + 1, texts.get(manifest.name), published=published)
            for position, manifest in enumerate(manifests)
        ]
        return Snapshot(
            commit=COMMIT,
            committed_at="2026-11-02T00:00:00Z",
            entries=tuple(entries),
            tuf=TUF if published else {},
            trust={},
            settings=SETTINGS,
        )

    return make


@pytest.fixture(scope="session")
def templates() -> Templates:
    return find_templates()


@pytest.fixture(scope="session")
def sample_manifests() -> list[Manifest]:
    """Two versions of a server, one with secrets and capitals, a remote one."""
    weather = {
        "title": "Weather",
        "description": "Forecasts for places",
        "tags": ["weather", "time"],
        "packages": [
            {
                "registryType": "npm",
                "identifier": "@acme/weather",
                "version": "1.0.0",
                "transport": {"type": "stdio"},
                "environmentVariables": [
                    {"name": "WEATHER_KEY", "isSecret": True, "isRequired": True}
                ],
                "packageArguments": [
                    {
                        "type": "positional",
                        "valueHint": "cache_dir",
                        "isRequired": True,
                        "format": "filepath",
                        "description": "Folder for forecasts",
                    }
                ],
            }
        ],
        "repository": {"url": "https://github.com/acme/weather", "source": "github"},
    }
    reach = ["net:egress:api.weather.example:443", "env:WEATHER_KEY", "fs:write:{cache_dir}/**"]
    remote = {
        "packages": None,
        "remotes": [{"type": "streamable-http", "url": "https://mcp.elsewhere.example/mcp"}],
        "capabilities": {"tools": ["ask"]},
    }
    return [
        make_manifest("io.github.acme/clock", "1.0.0"),
        make_manifest(
            "io.github.acme/clock",
            "1.1.0",
            capabilities={
                "tools": [{"name": "now", "description": "The time, in any zone"}, "leap_seconds"],
                "sandbox": ["net:egress:time.example:443"],
            },
        ),
        make_manifest(
            "io.github.Acme-Labs/Weather",
            "2.0.0-RC1+linux",
            capabilities={
                "tools": [
                    {
                        "name": "forecast",
                        "description": "Tomorrow's weather",
                        "inputSchema": {
                            "type": "object",
                            "properties": {
                                "place": {"type": "string", "description": "A town"},
                                "days": {"type": "integer", "default": 3},
                            },
                            "required": ["place"],
                        },
                        "annotations": {"readOnlyHint": True},
                    }
                ],
                "sandbox": reach,
            },
            **weather,
        ),
        make_manifest("com.elsewhere/oracle", "3", **remote),
    ]


@pytest.fixture(scope="session")
def _built_once(
    tmp_path_factory: pytest.TempPathFactory,
    make_snapshot: Callable[..., Snapshot],
    sample_manifests: list[Manifest],
    templates: Templates,
) -> Path:
    readme = {"io.github.acme/clock": b"# Clock\n\nTells the *time*.\n"}
    folder = tmp_path_factory.mktemp("built") / "site"
    publish(render(make_snapshot(sample_manifests, readme), templates), folder)
    return folder


@pytest.fixture
def sample_site(tmp_path: Path, _built_once: Path) -> Path:
    """The sample, built and on disk; a copy for each test."""
    return Path(shutil.copytree(_built_once, tmp_path / "site"))
