"""Signing statements as the workflow that this runs in (Sigstore, keyless).

One certificate serves a batch; entries go to the log in parallel, at most five a second, because
one can take ten seconds and the log is everybody's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from mcpreg.errors import McpregError, UnreachableError, UsageError

if TYPE_CHECKING:  # importing sigstore takes a quarter of a second
    from sigstore.dsse import Statement
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer

AT_ONCE = 8
PER_SECOND = 5.0
ATTEMPTS = 3
BATCH = 100  # statements a certificate: it is valid for ten minutes

Item = tuple[str, bytes]


def sign_all(
    items: Sequence[Item],
    *,
    trust_config: bytes | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Item]:
    """Sign each statement once; yields its key with the bundle as JSON, in the same order.

    Args:
        items: a key and a statement's bytes each.
        trust_config: a private Sigstore's `ClientTrustConfig` as JSON; None is the public one.
        progress: takes one sentence a statement.

    Raises:
        UsageError: nothing here says who this is: no ambient OIDC token.
        UnreachableError: Fulcio, the log or the timestamp authority does not answer.
        McpregError: one of them refuses.
    """
    from sigstore.dsse import Statement  # noqa: PLC0415  # slow to import
    from sigstore.sign import SigningContext  # noqa: PLC0415

    if not items:
        return
    context = SigningContext.from_trust_config(_config(trust_config))
    pace = _Pace(PER_SECOND)
    for start in range(0, len(items), BATCH):
        with context.signer(_identity()) as signer, ThreadPoolExecutor(AT_ONCE) as pool:

            def one(item: Item, signer: Signer = signer) -> Item:
                progress(f"attesting {item[0]}")
                return item[0], _patiently(signer, Statement(item[1]), pace)

            yield from pool.map(one, items[start : start + BATCH])


def _patiently(signer: Signer, statement: Statement, pace: _Pace) -> bytes:
    """The bundle; an entry that fails is tried again with a growing pause."""
    for attempt in range(1, ATTEMPTS + 1):
        pace.wait()
        try:
            return signer.sign_dsse(statement).to_json().encode()
        except Exception as error:  # each service's client raises its own kinds
            if attempt == ATTEMPTS:
                raise _translated(error) from error
            time.sleep(2.0**attempt)
    raise AssertionError  # pragma: no cover  # the loop returns or raises


def _config(trust_config: bytes | None) -> ClientTrustConfig:
    from sigstore.errors import Error  # noqa: PLC0415  # slow to import
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415

    try:
        if trust_config is None:
            return ClientTrustConfig.production()
        return ClientTrustConfig.from_json(trust_config.decode())
    except (Error, ValueError) as error:
        raise UsageError(f"the Sigstore trust config cannot be read: {error}") from error


def _identity() -> IdentityToken:
    """A fresh token a batch, of the workflow that this runs in."""
    from sigstore.errors import Error  # noqa: PLC0415  # slow to import
    from sigstore.oidc import IdentityToken, detect_credential  # noqa: PLC0415

    try:
        raw = detect_credential()
        token = IdentityToken(raw) if raw else None
    except Error as error:
        raise UsageError(
            f"the workflow's identity token cannot be had: {error}",
            hint="the job needs permissions: id-token: write",
        ) from error
    if token is None:
        raise UsageError(
            "nothing here says who is signing: there is no ambient identity token",
            hint="run in a workflow with permissions: id-token: write; a registry of your own "
            "can be key-only",
        )
    return token


def _translated(error: Exception) -> McpregError:
    import requests  # noqa: PLC0415  # sigstore's own client

    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return UnreachableError(f"Sigstore does not answer: {error}")
    return McpregError(
        f"Sigstore refuses to sign: {error}",
        hint="nothing was published; run the workflow again",
    )


class _Pace:
    """At most so many starts a second, over all threads."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next = 0.0
        self._lock = Lock()

    def wait(self) -> None:
        """Until it is this one's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap
        time.sleep(turn - now)
