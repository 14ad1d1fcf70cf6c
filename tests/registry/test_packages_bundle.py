"""What a bundle may say of itself, what it may hold, and how it is fetched."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bundles import Recipe, bundle_manifest, packed, python_recipe
from failing_host import FailingHost, failing_host
from local_index import CUTOFF
from mcpreg.core.archive import Caps
from mcpreg.errors import McpregError, UnreachableError, UsageError, VerificationError
from mcpreg.packages import archives, bundle
from mcpreg.packages.interface import Resolution
from mcpreg.packages.mcpb import Mcpb
from packages_of_tests import skip_without_node, skip_without_python


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MCPREG_OFFLINE", raising=False)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[FailingHost]:
    (tmp_path / "site").mkdir()
    with failing_host(tmp_path / "site") as made:
        yield made


def resolved(host: FailingHost, data: bytes, **package: Any) -> Resolution:  # noqa: ANN401  # JSON
    (host.site / "clock.mcpb").write_bytes(data)
    manifest = bundle_manifest(f"{host.url}/clock.mcpb", data, **package)
    return Mcpb().resolve((manifest.packages or ())[0], CUTOFF, host.site)


def installed(resolution: Resolution, folder: Path) -> Path:
    folder.mkdir()
    Mcpb().install(resolution, folder, progress=lambda _: None)
    return folder


def parsed(**changes: Any) -> bundle.Bundle:  # noqa: ANN401  # fields of a recipe
    return bundle.parse(json.dumps(Recipe(**changes).document()).encode())


def node(*args: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    return {"command": "node", "args": list(args), **more}


def test_the_words_before_a_persons_answer_are_the_entry() -> None:
    main = "${__dirname}/server/index.js"
    own = parsed(config=node(main, "--dir", "${user_config.dir}", "-v", env={"A": "${/}x"}))
    assert own.command == ("node", "/app/server/index.js", "--dir")
    assert own.asked == ("${user_config.dir}", "-v")
    assert own.environment == {"A": "/x"}


def test_linux_has_its_own_settings() -> None:
    linux = {"args": ["${__dirname}/linux.js"], "env": {"A": "2"}}
    own = parsed(
        config=node("${__dirname}/a.js", env={"A": "1"}, platform_overrides={"linux": linux})
    )
    assert (own.script, own.environment) == ("linux.js", {"A": "2"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config": {"command": "npx", "args": ["-y", "x"]}}, "started by 'npx'"),
        ({"config": {"command": "/bin/sh", "args": ["-c", "id"]}}, "started by '/bin/sh'"),
        ({"config": node("/etc/passwd"), "entry_point": "../up.js"}, "starts '../up.js'"),
        ({"config": node("${__dirname}/../../up.js")}, "starts '../../up.js'"),
        ({"config": node("${DOCUMENTS}/x.js")}, "no meaning in a sandbox"),
        ({"config": node("${__dirname}/x.js", env={"A B": "1"})}, "variable 'A B'"),
        ({"kind": "ruby"}, "of the type 'ruby'"),
        ({"more": {"compatibility": {"platforms": ["darwin", "win32"]}}}, "not for linux"),
        ({"config": node(*["x"] * 300)}, "not a list of texts"),
    ],
)
def test_refuses_what_could_not_run_from_the_bundle_alone(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(McpregError, match=said):
        parsed(**changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 100_000, b'{"server": {"type": []}}'])
def test_refuses_a_manifest_that_is_none(data: bytes) -> None:
    with pytest.raises(McpregError):
        bundle.parse(data)


def test_what_a_bundle_asks_must_be_asked_by_the_manifest(host: FailingHost) -> None:
    config = node(
        "${__dirname}/server/index.js", "${user_config.a}", env={"KEY": "${user_config.k}"}
    )
    with pytest.raises(McpregError, match=r"KEY, the arguments \$\{user_config.a\}") as caught:
        resolved(host, Recipe(config=config).pack())
    assert "mcpreg convert" in str(caught.value.hint)


def test_a_python_bundle_is_locked_for_the_minors_its_modules_were_made_for(
    host: FailingHost,
) -> None:
    recipe = python_recipe()
    recipe.more = {"compatibility": {"runtimes": {"python": ">=3.10,<3.14"}}}
    assert resolved(host, recipe.pack()).runtime.model_dump()["versions"] == (
        "3.11",
        "3.12",
        "3.13",
    )
    recipe.files["server/lib/_fast.cpython-312-x86_64-linux-gnu.so"] = b"\x7fELF"
    assert resolved(host, recipe.pack()).runtime.model_dump()["versions"] == ("3.12",)
    recipe.files = {name: data for name, data in recipe.files.items() if "_fast" not in name}
    recipe.files["server/lib/_fast.cpython-39-x86_64-linux-gnu.so"] = b"\x7fELF"
    with pytest.raises(McpregError, match=r"compiled for 3\.9"):
        resolved(host, recipe.pack())


def test_a_script_is_no_program(host: FailingHost) -> None:
    recipe = Recipe("binary", {"run.sh": "#!/bin/sh\n"}, {"command": "run.sh"}, "run.sh")
    with pytest.raises(McpregError, match=r"run\.sh is no program for Linux"):
        resolved(host, recipe.pack())


def test_bytecode_of_a_bundle_is_never_unpacked(host: FailingHost, tmp_path: Path) -> None:
    skip_without_python()
    recipe = python_recipe()
    recipe.files["server/__pycache__/main.cpython-311.pyc"] = b"whatever it does"
    app = installed(resolved(host, recipe.pack()), tmp_path / "app")
    ours = [path.read_bytes() for path in app.rglob("*.pyc")]
    assert ours
    assert b"whatever it does" not in ours


def test_two_installs_of_a_bundle_are_alike(host: FailingHost, tmp_path: Path) -> None:
    skip_without_python()
    resolution = resolved(host, python_recipe().pack())
    trees = [installed(resolution, tmp_path / name) for name in ("one", "other")]
    one, other = (
        {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
        for tree in trees
    )
    assert one == other


def link(name: str, target: str) -> bytes:
    """A zip with one symbolic link, as Info-ZIP writes them."""
    data = packed({"manifest.json": "{}", name: target})
    return data.replace(
        struct.pack("<I", (stat.S_IFREG | 0o644) << 16),
        struct.pack("<I", (stat.S_IFLNK | 0o777) << 16),
    )


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "climbs": (lambda: packed({"../up": "x"}), "leads out"),
    "absolute": (lambda: packed({"/etc/cron.d/x": "x"}), "leads out"),
    "link": (lambda: link("a", "/etc"), "link or a device"),
    "case": (lambda: packed({"a/B": "x", "a/b": "y"}), "there twice"),
    "composed": (lambda: packed({"\u00e9": "x", "e\u0301": "y"}), "there twice"),
    "both": (lambda: packed({"a": "x", "a/b": "y"}), "file and a folder"),
    "bomb": (lambda: packed({"zeros": b"\0" * (17 << 20)}), "unpacks to more"),
    "broken": (lambda: packed({"a": "x" * 500})[:-40], "broken archive"),
}


@pytest.mark.parametrize("deed", HOSTILE)
def test_refuses_to_unpack(deed: str, tmp_path: Path) -> None:
    make, said = HOSTILE[deed]
    path, target = tmp_path / "x.zip", tmp_path / "in" / "app"
    path.write_bytes(make())
    target.mkdir(parents=True)
    if deed in ("bomb", "case"):  # the deed, unprotected
        with zipfile.ZipFile(path) as archive:
            archive.extractall(tmp_path / "deed")
    with path.open("rb") as stream, pytest.raises(VerificationError, match=said):
        archives.unpack(stream, target, what="x")
    assert not (tmp_path / "in" / "up").exists()


def test_refuses_more_members_than_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "CAPS", Caps(files=10, size=1 << 20))
    path = tmp_path / "x.zip"
    path.write_bytes(packed({f"f{number}": "" for number in range(11)}))
    with path.open("rb") as stream, pytest.raises(VerificationError, match="more than 10 files"):
        archives.unpack(stream, tmp_path, what="x")


def fetched(
    host: FailingHost,
    data: bytes,
    *,
    served: bytes | None = None,
    size: int | None = None,
    offline: bool = False,
) -> bytes:
    (host.site / "x").write_bytes(data if served is None else served)
    digest = hashlib.sha256(data).hexdigest()
    with archives.opened(
        f"{host.url}/x", digest, size=size, offline=offline, progress=lambda _: None
    ) as stream:
        return stream.read()


def test_an_archive_is_fetched_once_and_damage_to_it_is_mended(host: FailingHost) -> None:
    data = os.urandom(100_000)
    assert fetched(host, data) == data
    assert fetched(host, data, offline=True) == data
    assert len(host.asked) == 1
    (kept,) = archives.cache_folder().iterdir()

    def spoil(how: str) -> None:
        kept.unlink()
        if how == "folder":
            kept.mkdir()
        elif how == "link":
            kept.symlink_to("/etc/hostname")
        elif how == "pipe":
            os.mkfifo(kept)
        else:
            kept.write_bytes(data[:500] if how == "short" else data[:-1] + b"?")

    for how in ("folder", "link", "pipe", "short", "flipped"):
        spoil(how)
        with pytest.raises(UnreachableError, match="nothing is fetched offline"):
            fetched(host, data, offline=True)
        assert fetched(host, data) == data


@pytest.mark.parametrize("loss", ["refused", "cut"])
def test_a_lost_connection_leaves_nothing_and_is_said(host: FailingHost, loss: Any) -> None:  # noqa: ANN401  # a Loss
    host.dies_at(0, loss)
    with pytest.raises(UnreachableError, match="cannot be fetched"):
        fetched(host, b"x" * 10_000)
    assert list(archives.cache_folder().iterdir()) == []
    host.works()
    assert fetched(host, b"x" * 10_000)


def test_refuses_other_bytes_and_more_bytes_than_were_locked(host: FailingHost) -> None:
    with pytest.raises(VerificationError, match="another hash"):
        fetched(host, b"honest", served=b"forged")
    with pytest.raises(VerificationError, match="larger than the 6 bytes"):
        fetched(host, b"honest", served=b"honest and more", size=6)
    assert list(archives.cache_folder().iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["http://example.com/x", "file:///etc/passwd", "ftp://x/y", "https://", "x", "http://[", ""],
)
def test_refuses_an_address_that_is_not_https(url: str) -> None:
    with (
        pytest.raises(UsageError, match="address"),
        archives.opened(url, "0" * 64, offline=False, progress=lambda _: None),
    ):
        pass


def test_old_archives_make_room(host: FailingHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_CACHE", 250)
    for number in range(4):
        fetched(host, bytes([number]) * 100, size=100)
    assert len(list(archives.cache_folder().iterdir())) == 2


def test_node_bundles_run_on_the_major_they_ask_for(host: FailingHost) -> None:
    skip_without_node()
    recipe = Recipe(more={"compatibility": {"runtimes": {"node": ">=99.0.0"}}})
    with pytest.raises(McpregError, match="Node 99 or newer"):
        resolved(host, recipe.pack())
