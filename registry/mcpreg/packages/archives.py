"""Archives by address and digest: fetched once, kept by digest, unpacked within caps.

Only what the digest names is ever used, so a host can withhold and never replace, and what lies in
the cache is hashed each time it is taken out. https only; a host on a loopback address may speak
plain http.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import IO

import httpx2

from mcpreg.core.archive import BROKEN, ArchiveError, Caps, Member, Names, Room, zip_members
from mcpreg.errors import McpregError, UnreachableError, UsageError, VerificationError
from mcpreg.packages.client import INSTALL_SECONDS
from mcpreg.packages.interface import Progress
from mcpreg.store.files import write_atomic
from mcpreg.store.places import places

MAX_ARCHIVE = 512 << 20  # bytes; the largest real bundle seen has 120 MB
CAPS = Caps(files=100_000, size=2 << 30)
MAX_RATIO = 200  # unpacked bytes a packed one; text packs to a tenth, a bomb to a thousandth
_FLOOR = 16 << 20  # unpacked bytes that any archive may have, whatever its ratio
MAX_CACHE = 4 << 30  # bytes; what was not used for longest goes first
SECONDS = 30.0  # without a byte
HOPS = 5  # release pages send on once or twice
_TEMPORARY = ".new-"
_STALE_SECONDS = 2 * INSTALL_SECONDS
_CHUNK = 1 << 20
_SHA512 = 128  # hexadecimal digits


@contextmanager
def opened(
    url: str, sha256: str, *, size: int | None = None, offline: bool, progress: Progress
) -> Iterator[BufferedReader]:
    """The archive whose hexadecimal digest is `sha256`, from the cache or from `url`.

    What is given is the very file that was hashed, at its start.

    Args:
        url: where it is fetched; `size` bytes exactly, if given.
        offline: take it from the cache or not at all.

    Raises:
        UsageError: `url` is no https address.
        UnreachableError: it is not here, and the host does not answer or must not be asked.
        VerificationError: the host sends something else.
    """
    _require_address(url)
    path = cache_folder() / sha256
    stream = _kept(path, sha256, progress)
    if stream is None:
        if offline:
            raise UnreachableError(f"{url} is not in the cache, and nothing is fetched offline")
        _fetch(url, sha256, size, path, progress)
        stream = _kept(path, sha256, progress)
    if stream is None:
        raise VerificationError(f"{path} changes while it is read", hint="try again")
    with stream:
        yield stream


def keep(data: bytes, digest: str) -> None:
    """Put an artifact that was brought by hand, and has that digest, where fetched ones lie.

    `digest` is hexadecimal: SHA-256 of an archive or a wheel, SHA-512 of an npm package.
    """
    write_atomic(cache_folder() / digest, data, ours=True)


def take(digest: str, target: Path, progress: Progress) -> bool:
    """Copy what was kept under that digest to the new file `target`; False when nothing was."""
    stream = _kept(cache_folder() / digest, digest, progress) if digest else None
    if stream is None:
        return False
    with stream, target.open("xb") as copy:
        shutil.copyfileobj(stream, copy, _CHUNK)
    return True


def cache_folder() -> Path:
    """Where archives are kept, each under its digest; can be deleted at any time."""
    return places().cache / "archives"


def _kept(path: Path, digest: str, progress: Progress) -> BufferedReader | None:
    """The cached archive, opened and hashed; what else is at its place is removed."""
    try:
        stream = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except (FileNotFoundError, NotADirectoryError):  # or there is no cache at all
        return None
    except OSError:  # a link, or nothing that can be read
        stream = None
    if stream is not None:
        if _has_digest(stream, digest):
            with suppress(OSError):  # a cache that may be read only
                os.utime(path)
            return stream
        stream.close()
    progress(f"{path} is damaged; fetching it again")
    _remove(path)
    return None


def _has_digest(stream: BufferedReader, digest: str) -> bool:
    """Whether the open file is the one; it is left at its start."""
    try:
        algorithm = "sha512" if len(digest) == _SHA512 else "sha256"
        found = hashlib.file_digest(stream, algorithm).hexdigest()
        stream.seek(0)
    except OSError:  # a folder opens and cannot be read
        return False
    return found == digest


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _fetch(url: str, sha256: str, size: int | None, path: Path, progress: Progress) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _make_room(path.parent, size or 0)
    progress(f"fetching {url}")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_TEMPORARY)
    try:
        with os.fdopen(descriptor, "wb") as target:
            digest, length = _download(url, size, target)
            target.flush()
            os.fsync(target.fileno())
        if digest != sha256 or size not in (None, length):
            raise VerificationError(
                f"{url} has another hash than the lock or manifest says: sha256:{digest}",
                hint="the host serves something else than what was published; nothing was kept",
            )
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _download(url: str, size: int | None, target: IO[bytes]) -> tuple[str, int]:
    """Write the body to `target`; its digest and length."""
    sha, length, end = hashlib.sha256(), 0, time.monotonic() + INSTALL_SECONDS
    limit = MAX_ARCHIVE if size is None else min(size, MAX_ARCHIVE)
    headers = {"Accept-Encoding": "identity"}  # the digest is of what is stored
    try:
        with httpx2.Client(timeout=SECONDS, headers=headers) as client, _answer(client, url) as got:
            for chunk in got.iter_bytes(_CHUNK):
                length += len(chunk)
                if length > limit:
                    raise VerificationError(f"{url} is larger than the {limit} bytes it may have")
                if time.monotonic() > end:
                    raise UnreachableError(f"{url} was not read within {INSTALL_SECONDS} s")
                sha.update(chunk)
                target.write(chunk)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise UnreachableError(
            f"{url} cannot be fetched: {error or type(error).__name__}",
            hint="try again when its host answers; nothing was changed here",
        ) from error
    return sha.hexdigest(), length


@contextmanager
def _answer(client: httpx2.Client, url: str) -> Iterator[httpx2.Response]:
    """The answer at the end of the redirects, each of which is judged as the first address is."""
    for _ in range(HOPS + 1):
        with client.stream("GET", url) as answer:
            onward = answer.headers.get("location")
            if not answer.is_redirect or onward is None:
                if answer.status_code != httpx2.codes.OK:
                    raise UnreachableError(
                        f"{url} answers {answer.status_code}", hint="is it still there?"
                    )
                yield answer
                return
        url = str(answer.url.join(onward))
        _require_address(url)
    raise UnreachableError(f"{url}: more than {HOPS} redirects")


def _require_address(url: str) -> None:
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise UsageError(f"{url[:200]!r} is not an address: {error}") from error
    if parts.scheme == "https" and parts.host:
        return
    if parts.scheme != "http" or not _is_loopback(parts.host):
        raise UsageError(f"{url[:200]!r} is not an https address")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_room(folder: Path, wanted: int) -> None:
    """Remove what was not used for longest until `wanted` bytes more are within the cap."""
    found = []
    for path in folder.iterdir():
        with suppress(OSError):  # another process may have removed it
            status = path.lstat()
            found.append((status.st_mtime, status.st_size, path))
            if path.name.startswith(_TEMPORARY) and status.st_mtime < time.time() - _STALE_SECONDS:
                path.unlink()  # of a fetch that was killed
    total = wanted + sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= MAX_CACHE:
            break
        with suppress(OSError):
            _remove(path)
        total -= size


def unpack(data: IO[bytes], target: Path, *, what: str) -> None:
    """Unpack a zip into the folder `target`. Compiled Python is left out: nobody could review it.

    Raises:
        VerificationError: it is broken, beyond the caps, or holds something else than plain files.
    """
    size = data.seek(0, os.SEEK_END)
    try:
        names = Names(what)
        room = Room(min(CAPS.size, max(_FLOOR, size * MAX_RATIO)), what)
        for member in zip_members(data, what, CAPS):
            names.add(member.name)
            _write(member, target, room)
    except ArchiveError as error:
        said = f"{error.where} {error.message}" if error.where else error.message
        raise VerificationError(said) from error
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the archive
        raise VerificationError(f"{what} is a broken archive: {error}") from error


def _write(member: Member, target: Path, room: Room) -> None:
    place = PurePosixPath(member.name)
    if "__pycache__" in place.parts:
        return
    path = target / place
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            for chunk in room.read(member.stream):
                stream.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveError("is a file and a folder at once", where=member.name) from error
    path.chmod(0o755 if member.executable else 0o644)


def read_member(data: IO[bytes], name: str, limit: int, *, what: str) -> bytes:
    """One file of a zip, at most `limit` bytes of it. Raises `McpregError` when it has none."""
    try:
        for member in zip_members(data, what, CAPS):
            if member.name == name:
                return b"".join(Room(limit, what).read(member.stream))
    except BROKEN as error:
        raise McpregError(f"{what} is a broken archive: {error}") from error
    raise McpregError(f"{what} holds no {name}")


def read_head(data: IO[bytes], name: str, length: int) -> bytes:
    """The first `length` bytes of a member; empty when there is none. Raises as `zip_members`."""
    for member in zip_members(data, name, CAPS):
        if member.name == name:
            return member.stream.read(length)
    return b""
