"""A source's place: every kind by the key that documents call it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mcpreg.errors import UsageError
from mcpreg_site.sources import places
from mcpreg_site.sources.interface import (
    ConfigMapLocation,
    FileLocation,
    GitLocation,
    Location,
    RegistryLocation,
    UnsupportedLocation,
    UrlLocation,
)
from mcpreg_site.sources.table import Table

DEFAULT_PATH = "registry.json"  # the default of the MCPRegistry resource, too
IGNORED = ("claims", "watchNamespaces", "timeout")
"""Keys of a source that mean something to a server only: who may see it, and its own time-outs."""


class Surroundings(Protocol):
    """What a source's place may refer to: the documents around it."""

    def configmap(self, name: str, key: str) -> bytes | None:
        """The content of a ConfigMap's key, None when no such document is there."""
        ...

    def mounted(self, path: str) -> Location | None:
        """What a volume puts at this path, None when no volume does."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """What a source has from the document as a whole."""

    name: str
    document: str
    display_name: str
    around: Surroundings


def read_location(table: Table, given: Given) -> Location:
    """The one place that a source has, by the key that names its kind.

    Raises:
        UsageError: it has none or several, or the place is not as it should be.
    """
    kind = table.value("type")
    found = [key for key in _READERS if key in table]
    table_keys = ", ".join(_READERS)
    for key in _READERS:
        table.value(key)
    if len(found) != 1:
        named = " and ".join(found) or "none"
        raise UsageError(
            f"a source has one place, and this one has {named}",
            where=table.where,
            hint=f"one of {table_keys}",
        )
    if kind is not None and kind not in _TYPES.get(found[0], (found[0],)):
        raise UsageError(f"type says {kind!r}, but {found[0]} is given", where=table.where)
    return _READERS[found[0]](table, found[0], given)


def _file(table: Table, key: str, given: Given) -> Location:
    file = _object(table, key)
    path, url, data = file.text("path"), file.text("url"), file.block("data")
    file.close(IGNORED)
    if sum(value is not None for value in (path, url, data)) != 1:
        raise UsageError("a file has either path, url or data", where=file.where)
    if url is not None:
        return UrlLocation(_checked(places.check_url, url, file.at("url")))
    if data is not None:
        return ConfigMapLocation(given.name, DEFAULT_PATH, data.encode())
    mounted = given.around.mounted(str(path))
    return mounted or FileLocation(Path(str(path)))


def _url(table: Table, key: str, given: Given) -> Location:
    del given
    if isinstance(table.value(key), str):
        return UrlLocation(_checked(places.check_url, table.required(key), table.at(key)))
    return UrlLocation(_address(_object(table, key), "url", "endpoint"))


def _registry(table: Table, key: str, given: Given) -> Location:
    del given
    if isinstance(table.value(key), str):
        return RegistryLocation(_checked(places.check_url, table.required(key), table.at(key)))
    return RegistryLocation(_address(_object(table, key), "endpoint", "url"))


def _address(table: Table, *keys: str) -> str:
    found = [(key, value) for key in keys if (value := table.text(key)) is not None]
    table.close(IGNORED)
    if len(found) != 1:
        raise UsageError(f"{' or '.join(keys)} is expected", where=table.where)
    key, value = found[0]
    return _checked(places.check_url, value, table.at(key))


def _git(table: Table, key: str, given: Given) -> Location:
    del given
    git = _object(table, key)
    repository = _checked(places.check_repository, git.required("repository"), git.where)
    ref = {name: git.text(name) for name in ("branch", "tag", "commit")}
    if sum(value is not None for value in ref.values()) > 1:
        raise UsageError("branch, tag and commit exclude each other", where=git.where)
    for name, value in ref.items():
        check = places.check_commit if name == "commit" else places.check_ref
        if value is not None:
            _checked(check, value, git.at(name))
    path = git.text("path") or DEFAULT_PATH
    _checked(places.relative_path, path, git.at("path"))
    auth = git.table("auth")
    git.close()
    username, password, secret = _credentials(auth)
    if secret:
        reason = f"its password is in the cluster's Secret {secret}; auth.passwordFile reads a file"
        return UnsupportedLocation("git", reason)
    return GitLocation(repository, path, **ref, username=username, password_file=password)


def _credentials(auth: Table | None) -> tuple[str | None, Path | None, str | None]:
    if auth is None:
        return None, None, None
    username, file = auth.text("username"), auth.text("passwordFile")
    secret = auth.table("passwordSecretRef")
    auth.close()
    if secret is not None and file is None:
        return username, None, secret.required("name")
    if file is None:
        raise UsageError("auth has no passwordFile", where=auth.where)
    return username, Path(file), None


def _configmap(table: Table, key: str, given: Given) -> Location:
    reference = _object(table, key)
    name, inner = reference.required("name"), reference.text("key") or DEFAULT_PATH
    reference.close(("optional",))
    return configmap_location(given.around, name, inner)


def configmap_location(around: Surroundings, name: str, key: str) -> Location:
    """A ConfigMap's key, or why there is none: the other sources must not suffer for it."""
    data = around.configmap(name, key)
    if data is not None:
        return ConfigMapLocation(name, key, data)
    reason = f"no ConfigMap {name} with the key {key} is among the documents under sources/"
    return UnsupportedLocation("configmap", reason)


def _cluster(table: Table, key: str, given: Given) -> Location:
    del table, given
    return UnsupportedLocation(key, _CLUSTER[key])


def _object(table: Table, key: str) -> Table:
    found = table.table(key)
    if found is None:
        raise UsageError(f"{key} says nothing", where=table.where)
    return found


def _checked(check: Callable[[str], object], value: str, where: str) -> str:
    try:
        check(value)
    except ValueError as error:
        raise UsageError(f"{value[:200]!r} {error}", where=where) from error
    return value


_READERS: dict[str, Callable[[Table, str, Given], Location]] = {
    "file": _file,
    "git": _git,
    "url": _url,
    "registry": _registry,
    "api": _registry,
    "configmap": _configmap,
    "configMapRef": _configmap,
    "pvcRef": _cluster,
    "kubernetes": _cluster,
    "managed": _cluster,
}
_TYPES = {"api": ("api", "registry"), "configMapRef": ("configMapRef", "configmap")}
_CLUSTER = {
    "pvcRef": "a persistent volume exists in a cluster only; file reads a path of this machine",
    "kubernetes": "it lists what runs in a cluster, which is not here",
    "managed": "it is filled through a server's API, and there is no server",
}
