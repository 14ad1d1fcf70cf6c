"""Reading from a container registry: blobs and manifests by digest, OCI distribution-spec 1.1.

Only what a digest names is asked for, so a registry can withhold and never replace. Anonymous
tokens are fetched where a registry wants them; a person's credentials are not read. A registry on a
loopback address speaks plain HTTP, as Docker has it, all others HTTPS.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from mcpreg.errors import McpregError, UnreachableError, UsageError, VerificationError
from mcpreg.packages.documents import read_json

MAX_DOCUMENT = 4 << 20  # bytes of a manifest or a configuration; distribution-spec asks for 4 MiB
MAX_BLOB = 4 << 30
MAX_TOKEN = 1 << 20  # bytes of an answer that has a token; real ones have a few KB
SECONDS = 30.0  # without a byte
MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CHUNK = 1 << 20
_NAME = re.compile(
    r"(?P<host>[a-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?)/"
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?@(?P<digest>sha256:[0-9a-f]{64})"
)
_TOKEN = re.compile(r"[!-~]{1,65536}")  # it becomes a header
_CHALLENGE = re.compile(r'(realm|service|scope)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class ImageName:
    """`host/repository[:tag]@sha256:…`; the tag says nothing and is dropped."""

    host: str
    repository: str
    digest: str


def parse_name(text: str) -> ImageName:
    """Raises `UsageError` for an image without its registry's host or without its digest."""
    match = _NAME.fullmatch(text)
    if match is None or not re.search(r"[.:]|^localhost$", match["host"]):
        raise UsageError(
            f"{text!r} is not an image by host and digest",
            hint="as in registry.example.com/group/server:1.2@sha256:<64 hex digits>",
        )
    return ImageName(match["host"], match["repository"], match["digest"])


@dataclass(slots=True)
class Repository:
    """One repository of one registry. Not for several threads."""

    name: ImageName
    _client: httpx2.Client = field(init=False)
    _token: str | None = None

    def __post_init__(self) -> None:
        scheme = "http" if _is_loopback(self.name.host) else "https"
        self._client = httpx2.Client(
            base_url=f"{scheme}://{self.name.host}/v2/{self.name.repository}/",
            timeout=SECONDS,
            follow_redirects=True,  # blobs lie on other hosts; the digest decides
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def manifest(self, digest: str) -> bytes:
        """A manifest or an index, checked. Raises as `blob`."""
        return self._document(f"manifests/{digest}", digest, ", ".join(MANIFESTS))

    def document(self, digest: str) -> bytes:
        """A small blob, such as an image's configuration, checked. Raises as `blob`."""
        return self._document(f"blobs/{digest}", digest, "*/*")

    def blob(self, digest: str, size: int, target: Path) -> None:
        """Write a blob of exactly `size` bytes to `target`, checked.

        Raises:
            VerificationError: the bytes have another digest or another size.
            UnreachableError: the registry does not answer, or does not have it.
        """
        if size > MAX_BLOB:
            raise McpregError(f"a layer of {size} bytes; at most {MAX_BLOB >> 30} GiB")
        with target.open("wb") as stream:
            for chunk in self._read(f"blobs/{digest}", digest, "*/*", size):
                stream.write(chunk)

    def _document(self, path: str, digest: str, accept: str) -> bytes:
        return b"".join(self._read(path, digest, accept, None))

    def _read(self, path: str, digest: str, accept: str, size: int | None) -> Iterator[bytes]:
        sha, length = hashlib.sha256(), 0
        with self._answer(path, accept) as answer:
            for chunk in answer.iter_bytes(_CHUNK):
                length += len(chunk)
                if length > (MAX_DOCUMENT if size is None else size):
                    raise VerificationError(f"{digest} is larger than it may be")
                sha.update(chunk)
                yield chunk
        if f"sha256:{sha.hexdigest()}" != digest or (size is not None and length != size):
            raise VerificationError(f"the registry sent something else for {digest}")

    @contextmanager
    def _answer(self, path: str, accept: str) -> Iterator[httpx2.Response]:
        # Bytes as they are: a digest is of what is stored.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        try:
            if self._token is None:
                with self._client.stream("GET", path, headers=headers) as answer:
                    if answer.status_code != httpx2.codes.UNAUTHORIZED:
                        yield self._checked(answer, path)
                        return
                    self._token = self._anonymous(answer.headers.get("www-authenticate", ""))
            headers["Authorization"] = f"Bearer {self._token}"
            with self._client.stream("GET", path, headers=headers) as answer:
                yield self._checked(answer, path)
        except httpx2.HTTPError as error:
            raise UnreachableError(f"{self.name.host} does not answer: {error}") from error

    def _checked(self, answer: httpx2.Response, path: str) -> httpx2.Response:
        if answer.status_code != httpx2.codes.OK:
            raise UnreachableError(
                f"{self.name.host} answers {answer.status_code} for {self.name.repository}/{path}",
                hint="is the image public, and still there?",
            )
        return answer

    def _anonymous(self, challenge: str) -> str:
        """A token for nobody in particular, by the registry's own word (RFC 6750)."""
        told = dict(_CHALLENGE.findall(challenge))
        realm = httpx2.URL(told.pop("realm", ""))
        if realm.scheme != "https" and not _is_loopback(realm.netloc.decode()):
            raise UnreachableError(f"{self.name.host} wants a login that mcpreg does not know")
        with self._client.stream("GET", realm, params=told) as answer:
            document = read_json(answer, MAX_TOKEN, f"the login of {self.name.host}")
        said = document if isinstance(document, dict) else {}
        token = said.get("token") or said.get("access_token")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise UnreachableError(f"{self.name.host} gives no anonymous token")
        return token


def _is_loopback(host: str) -> bool:
    name = httpx2.URL(f"http://{host}/").host
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
