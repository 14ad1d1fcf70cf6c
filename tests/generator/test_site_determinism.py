"""Same commit, same bytes: in any folder, time zone, locale and hash seed, at any time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from mcpreg.core.manifest import Manifest
from mcpreg.store.tree import fingerprint
from tiny_registry import TinyRegistry

SCRIPT = "import sys; from mcpreg_site.cli.main import main; sys.argv[0] = 'mcpreg-site'; main()"


def _build(repo: Path, output: Path, cwd: Path, **environment: str) -> dict[str, str]:
    cwd.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "build", "--repo", str(repo), "--output", str(output)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return fingerprint(output)


def test_two_builds_of_one_commit_are_identical(
    tiny_registry: TinyRegistry, sample_manifests: list[Manifest], tmp_path: Path
) -> None:
    for manifest in sample_manifests:
        tiny_registry.submit(manifest, locked=bool(manifest.packages))
    tiny_registry.publish()
    first = _build(
        tiny_registry.repo,
        tmp_path / "one",
        tmp_path / "here",
        TZ="UTC",
        LC_ALL="C",
        PYTHONHASHSEED="1",
    )
    clone = tmp_path / "deep" / "er" / "clone"
    shutil.copytree(tiny_registry.repo, clone)
    (clone / "servers" / "untracked.txt").write_text("a working tree is not a commit")
    (clone / "mcpreg.toml").write_text("broken")
    second = _build(
        clone,
        tmp_path / "two",
        tmp_path / "there",
        TZ="Pacific/Kiritimati",
        LC_ALL="C.UTF-8",
        LANG="tr_TR.UTF-8",
        PYTHONHASHSEED="424242",
    )
    assert len(first) > 40
    assert first == second
    assert any(path.startswith("tuf/") for path in first)


def test_every_signed_target_lies_where_clients_look(
    tiny_registry: TinyRegistry, sample_manifests: list[Manifest], tmp_path: Path
) -> None:
    for manifest in sample_manifests:
        tiny_registry.submit(manifest, locked=bool(manifest.packages))
    tiny_registry.publish()
    built = _build(tiny_registry.repo, tmp_path / "built", tmp_path)
    expected = tiny_registry.generations[-1]
    assert {path for path in expected if path not in built} == set()
    for path, data in expected.items():
        assert (tmp_path / "built" / path).read_bytes() == data
