"""What an index offers beside an artifact to show where it comes from, and asking it for that.

The addresses are those that uv and npm use by the person's own settings; a proxy or a mirror may
know nothing of attestations, and says so by silence. Nothing here is believed:
`mcpreg.trust.provenance` verifies it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import httpx2

from mcpreg.errors import NotFoundError, UnreachableError
from mcpreg.packages.documents import read_json

MAX_LISTING = 64 << 20  # bytes of one package's list of files; the longest have tens of MB
MAX_ATTESTATIONS = 8 << 20
SECONDS = 30.0  # without a byte


@dataclass(frozen=True, slots=True)
class Attestation:
    """One attestation as the index sent it. `kind` says which format the JSON has."""

    kind: Literal["pep740", "sigstore"]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offered:
    """One locked artifact, how statements name it, and what the index has about it.

    `digest` is hexadecimal, of `algorithm`, and the lock's.
    """

    artifact: str
    subject: str
    algorithm: Literal["sha256", "sha512"]
    digest: str
    attestations: tuple[Attestation, ...] = ()


class Index:
    """One index by its address, for as long as the `with` block lasts. Not for several threads."""

    def __init__(self, address: str) -> None:
        self._origin = _origin(httpx2.URL(address))
        self.address = address.rstrip("/")
        # This machine's certificates, as uv and npm are told to use; proxies from the environment.
        self._client = httpx2.Client(
            timeout=SECONDS, follow_redirects=True, verify=ssl.create_default_context()
        )

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def json(self, url: str, *, accept: str, limit: int) -> Any:  # noqa: ANN401  # any JSON value
        """A JSON document below the index's own origin.

        Raises:
            NotFoundError: the index does not have it.
            UnreachableError: it does not answer, not with JSON, or from elsewhere.
        """
        if _origin(httpx2.URL(url)) != self._origin:
            raise UnreachableError("the package index sends elsewhere for its attestations")
        try:
            with self._client.stream("GET", url, headers={"Accept": accept}) as answer:
                if answer.status_code in (httpx2.codes.NOT_FOUND, httpx2.codes.GONE):
                    raise NotFoundError("the package index does not have it")
                if answer.status_code != httpx2.codes.OK:
                    raise UnreachableError(f"the package index answers {answer.status_code}")
                if "json" not in answer.headers.get("content-type", ""):
                    raise UnreachableError("the package index answers no JSON, so no attestations")
                return read_json(answer, limit, "the package index")
        except httpx2.HTTPError as error:
            raise UnreachableError(f"the package index does not answer: {error}") from error


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
