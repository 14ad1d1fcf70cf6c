"""Snapshots made from models: what `gitrepo.read` gives, without git."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from mcpreg.core.manifest import Manifest
from mcpreg.gitrepo import Snapshot
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.templates import Templates, find_templates
from mixed_entries import Marks, make_entry, mixed_entries, snapshot_of
from tiny_registry import make_manifest


@pytest.fixture(scope="session")
def mixed_snapshot() -> Snapshot:
    """Entries of every state: see `mixed_entries`."""
    return snapshot_of(mixed_entries())


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
            make_entry(
                manifest,
                position + 1,
                Marks(readme=texts.get(manifest.name)),
                published=published,
            )
            for position, manifest in enumerate(manifests)
        ]
        return snapshot_of(entries, signed=published)

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
