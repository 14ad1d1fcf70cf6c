"""The documents of every server, made of what is remembered of neighbours: the bytes made anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mcpreg.gitrepo import Snapshot
from mcpreg_site import neighbours
from mcpreg_site.api import held_together
from mcpreg_site.api.held_together import together
from mcpreg_site.api.registry_v1 import views
from mcpreg_site.catalog import Catalog, build
from mcpreg_site.memo import Memo
from mcpreg_site.routes import FORMS
from mcpreg_site.tree import Tree


@pytest.fixture
def catalog(mixed_snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Several groups of a few servers, each with a key."""
    monkeypatch.setattr(neighbours, "TOGETHER", 2)
    found = build(mixed_snapshot)
    keyed = tuple(replace(server, key=f"key of {server.name}") for server in found.servers)
    return replace(found, base="base", servers=keyed)


@pytest.fixture
def memo(tmp_path: Path) -> Memo:
    return Memo(tmp_path / "memo.sqlite")


def _whole(tree: Tree) -> dict[str, bytes]:
    return {path: tree[path] for path in tree if path.count("/") == 4}


def _changed(catalog: Catalog, name: str, **what: object) -> Catalog:
    servers = (replace(s, **what) if s.name == name else s for s in catalog.servers)  # type: ignore[arg-type]  # fields by name
    return replace(catalog, servers=tuple(servers))


def test_remembered_neighbours_make_the_documents_that_all_servers_make(
    catalog: Catalog, memo: Memo, monkeypatch: pytest.MonkeyPatch
) -> None:
    anew = _whole(views(catalog, Memo(None)))
    assert len(anew) == 3 * len(FORMS)
    assert _whole(views(catalog, memo)) == anew
    monkeypatch.delattr(held_together, "_made")  # nothing but memory is left to use
    assert _whole(views(catalog, memo)) == anew


def test_one_change_makes_one_group_and_the_one_before_is_forgotten(
    catalog: Catalog, memo: Memo, tmp_path: Path
) -> None:
    _whole(views(catalog, memo))
    before = _rows(tmp_path)
    name = catalog.shown[len(catalog.shown) // 2].name
    later = _changed(catalog, name, key="another")
    assert _whole(views(later, memo)) == _whole(views(later, Memo(None)))
    after = _rows(tmp_path)
    assert len(after) == len(before) > 2 * len(FORMS)
    assert len(after - before) == len(FORMS)


def test_servers_that_come_and_go_move_no_other_group(
    catalog: Catalog, memo: Memo, tmp_path: Path
) -> None:
    _whole(views(catalog, memo))
    for gone in catalog.shown:
        before = _rows(tmp_path)
        left = tuple(server for server in catalog.servers if server is not gone)
        fewer = replace(catalog, servers=left)
        assert _whole(views(fewer, memo)) == _whole(views(fewer, Memo(None)))
        assert len(_rows(tmp_path) - before) <= 2 * len(FORMS)


def test_a_name_that_another_server_takes_is_in_the_key_of_its_group(
    catalog: Catalog, memo: Memo
) -> None:
    (everybody,) = {frozenset(server.name for server in catalog.shown)}
    alone = list(together("toolhive", catalog, (), memo))
    assert list(together("toolhive", catalog, everybody, memo)) == list(
        together("toolhive", catalog, everybody, Memo(None))
    )
    assert list(together("toolhive", catalog, (), memo)) == alone


@pytest.mark.parametrize("damage", ["x'00'", "zeroblob(length(value))", "NULL"])
def test_damaged_neighbours_are_made_anew(
    catalog: Catalog, memo: Memo, tmp_path: Path, damage: str
) -> None:
    anew = _whole(views(catalog, memo))
    with closing(sqlite3.connect(tmp_path / "memo.sqlite")) as connection:
        connection.execute(f"UPDATE memo SET value = {damage}")
        connection.commit()
    assert _whole(views(catalog, memo)) == anew
    assert _whole(views(catalog, memo)) == anew


def test_a_registry_without_servers_has_the_documents(catalog: Catalog, memo: Memo) -> None:
    empty = replace(catalog, servers=())
    assert _whole(views(empty, memo)) == _whole(views(empty, Memo(None)))
    assert b'"servers":[],"parts":[]' in views(empty, memo)["api/v1/registry/upstream/omitted.json"]


def _rows(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "memo.sqlite")) as connection:
        return {
            key
            for (key,) in connection.execute("SELECT key FROM memo WHERE kind LIKE 'view group'")
        }
