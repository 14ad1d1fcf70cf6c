"""Reading a registry without believing its host.

Everything comes through TUF: python-tuf's client checks signatures, versions and expiry of the
metadata, and the digest of each index document; the digests in those cover the rest. What cannot
be verified is an exception, never a value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError
from tuf.ngclient import Updater, UpdaterConfig

from mcpreg.core import canonical
from mcpreg.core.index import (
    POLICY_TARGET,
    SEARCH_TARGET,
    File,
    Policy,
    ServerIndex,
    blob_path,
    index_target,
    shard_path,
)
from mcpreg.core.search.build import NAMESPACE
from mcpreg.core.search.shards import MAX_SHARD_BYTES, Pointer, TermShard
from mcpreg.errors import (
    NotFoundError,
    PolicyError,
    UsageError,
    VerificationError,
)
from mcpreg.store.files import clear_folder, locked, write_atomic
from mcpreg.store.network import is_offline
from mcpreg.trust.fetch import BoundedFetcher, OfflineFetcher, download, translated
from mcpreg.trust.pins import Pin

MAX_ROOT_BYTES = 512_000  # python-tuf's own cap


def fetch_first_root(url: str) -> bytes:
    """Version 1 of the root, to be pinned. Raises `UnreachableError` or `VerificationError`."""
    return download(f"{url}/tuf/1.root.json", MAX_ROOT_BYTES)


class RegistryClient:
    """One pinned registry. `cache` is a folder of this registry alone."""

    def __init__(self, pin: Pin, root: bytes, cache: Path) -> None:
        self.pin = pin
        self._root = root
        self.cache = cache
        self._updater: Updater | None = None

    def refresh(self) -> None:
        """Fetch and verify the newest metadata; once a process is enough.

        Raises:
            UnreachableError: the host does not answer.
            VerificationError: forged, rolled back, mixed or expired.
        """
        if self._updater is not None:
            return
        metadata = self.cache / "metadata"
        metadata.mkdir(parents=True, exist_ok=True)
        with self._lock(), translated(self.pin.url):
            _tidy(metadata)
            updater = Updater(
                metadata_dir=str(metadata),
                metadata_base_url=f"{self.pin.url}/tuf/",
                target_base_url=f"{self.pin.url}/targets/",
                fetcher=OfflineFetcher(metadata) if is_offline() else BoundedFetcher(),
                config=UpdaterConfig(),
                bootstrap=self._root,
            )
            updater.refresh()
            self._updater = updater

    @contextmanager
    def _lock(self) -> Iterator[None]:
        # python-tuf's cache has one writer at a time.
        with locked(self.cache / "lock"):
            yield

    def target(self, path: str) -> bytes | None:
        """A TUF target's verified bytes, or None when no signed metadata lists it."""
        self.refresh()
        assert self._updater is not None  # noqa: S101  # refresh sets it or raises
        with self._lock(), translated(f"{self.pin.url} {path}"):
            info = self._updater.get_targetinfo(path)
            if info is None:
                return None
            local = self.cache / "targets" / path.replace("/", "%2F")
            local.parent.mkdir(parents=True, exist_ok=True)
            clear_folder(local)
            if not self._updater.find_cached_target(info, str(local)):
                # python-tuf writes into what lies there, were it a link to some other file.
                fresh = local.with_name(".new")
                clear_folder(fresh)
                fresh.unlink(missing_ok=True)
                self._updater.download_target(info, str(fresh))
                fresh.replace(local)
            return local.read_bytes()

    def policy(self) -> Policy:
        """How the registry says it signs. Raises `VerificationError` for a way not known here."""
        data = self.target(POLICY_TARGET)
        with self._readable("the policy"):
            return Policy.model_validate_json(data or b"")

    def server(self, name: str) -> ServerIndex:
        """A server's signed index document. Raises `NotFoundError` or as `refresh`."""
        data = self.target(index_target(name))
        if data is None:
            raise NotFoundError(
                f"registry {self.pin.name!r} has no server {name!r}",
                hint=f"mcpreg search {name.rpartition('/')[2]}",
            )
        with self._readable("the index of " + name):
            index = ServerIndex.model_validate_json(data)
        if index.name != name:
            # Not "not found": another registry must not step in for a misspelt name.
            raise UsageError(f"the server is called {index.name!r}, not {name!r}")
        return index

    @contextmanager
    def _readable(self, what: str) -> Iterator[None]:
        try:
            yield
        except ValidationError as error:
            raise VerificationError(
                f"{what} at {self.pin.url} is signed but not readable",
                hint="a newer mcpreg may read it; nothing was changed here",
            ) from error

    def search_pointer(self) -> bytes:
        """What names the search index's shards by digest. Raises as `refresh`."""
        data = self.target(SEARCH_TARGET)
        if data is None:
            raise VerificationError(f"{self.pin.url} signs no {SEARCH_TARGET}")
        return data

    def shard(self, digest: str) -> bytes:
        """The shard of the search index with this SHA-256. Raises as `blob`."""
        local = self.cache / "shards" / digest
        return self._addressed(local, f"sha256:{digest}", shard_path(digest), MAX_SHARD_BYTES)

    def has_namespace(self, namespace: str) -> bool:
        """Whether any server of that namespace is in this registry, whatever its case."""
        key = namespace.lower() + NAMESPACE
        digest = Pointer(self.search_pointer()).of_term(key)
        return digest is not None and TermShard(self.shard(digest)).postings(key).count > 0

    def blob(self, file: File) -> bytes:
        """Content by digest, from the cache or the host; exactly `file.length` bytes.

        Raises:
            UnreachableError: the host does not answer.
            VerificationError: the host's bytes have another digest.
        """
        local = self.cache / "blobs" / file.sha256.removeprefix("sha256:")
        data = self._addressed(local, file.sha256, blob_path(file.sha256), file.length)
        if len(data) != file.length:
            raise VerificationError(f"{blob_path(file.sha256)} is not as long as the index says")
        return data

    def _addressed(self, local: Path, digest: str, path: str, limit: int) -> bytes:
        try:
            data = local.read_bytes()
        except OSError:
            data = b""
        if canonical.sha256(data) == digest:
            return data
        url = f"{self.pin.url}/{path}"
        data = download(url, limit)
        if canonical.sha256(data) != digest:
            raise VerificationError(
                f"{url} has other bytes than the signed index says",
                hint="the host serves bytes that nobody signed; nothing was changed here",
            )
        write_atomic(local, data, ours=True)
        return data


def _tidy(metadata: Path) -> None:
    """Remove what python-tuf stumbles over: bad bytes are as good as none, a folder is not."""
    history = metadata / "root_history"
    if os.path.lexists(history) and (history.is_symlink() or not history.is_dir()):
        history.unlink()
    for path in (*metadata.glob("*.json"), *history.glob("*.json")):
        clear_folder(path)


def find(clients: list[RegistryClient], name: str) -> tuple[RegistryClient, ServerIndex]:
    """The one registry that has `name`.

    Raises:
        NotFoundError: none has it.
        PolicyError: another registry has servers in the same namespace (SPEC section 3: a
            namespace resolves to one registry on a machine; ambiguity is refused).
        UsageError: the name differs from a server's in its case.
    """
    found: list[tuple[RegistryClient, ServerIndex]] = []
    for client in clients:
        try:
            found.append((client, client.server(name)))
        except NotFoundError as error:
            missing = error
    if not found:
        if not clients:
            raise NotFoundError(
                "this machine trusts no registry yet",
                hint="mcpreg registry add URL --root-sha256 DIGEST",
            )
        raise missing
    namespace = name.partition("/")[0]
    holder = found[0][0]
    owners = [
        client.pin.name for client in clients if client is holder or client.has_namespace(namespace)
    ]
    if len(owners) > 1:
        raise PolicyError(
            f"the namespace {namespace} is in {' and '.join(owners)}",
            hint="say which with --registry, or remove one of them",
        )
    return found[0]
