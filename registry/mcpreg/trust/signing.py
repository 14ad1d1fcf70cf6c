"""Signing statements as the workflow that this runs in (Sigstore, keyless).

One certificate serves a batch; entries go to the log in parallel, at most five a second, because
one can take ten seconds and the log is everybody's. What was signed before a service failed is
handed over all the same: a statement in the public log is not to be signed again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from mcpreg.errors import McpregError, UnreachableError, UsageError

if TYPE_CHECKING:  # importing sigstore takes a quarter of a second
    from sigstore.dsse import Statement
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken
    from sigstore.sign import Signer, SigningContext

AT_ONCE = 8
PER_SECOND = 5.0
ATTEMPTS = 3
PAUSE = 2.0  # seconds before the second attempt, twice that before the third
BATCH = 100  # statements a certificate: it is valid for ten minutes

Item = tuple[str, bytes]
Made = TypeVar("Made")


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
        McpregError: one of them refuses. These two after the bundles that were made.
    """
    from sigstore.sign import SigningContext  # noqa: PLC0415  # slow to import

    if not items:
        return
    context = SigningContext.from_trust_config(_config(trust_config))
    pace = _Pace(PER_SECOND)
    for start in range(0, len(items), BATCH):
        yield from _batch(items[start : start + BATCH], context, pace, progress)


def _batch(
    items: Sequence[Item], context: SigningContext, pace: _Pace, progress: Callable[[str], None]
) -> Iterator[Item]:
    """As `sign_all`, with one certificate."""
    from sigstore.dsse import Statement  # noqa: PLC0415  # slow to import

    identity = _identity()
    signer = _patiently(lambda: _signer(context, identity))

    def one(item: Item) -> bytes:
        progress(f"attesting {item[0]}")
        return _patiently(lambda: _signed(signer, Statement(item[1]), pace))

    failure: McpregError | None = None
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting: list[Future[bytes]] = [pool.submit(one, item) for item in items]
        for (key, _), future in zip(items, waiting, strict=True):
            try:
                yield key, future.result()
            except McpregError as error:
                failure = failure or error
                for other in waiting:  # those that began are waited for
                    other.cancel()
            except CancelledError:
                continue
    if failure is not None:
        raise failure


def _signer(context: SigningContext, identity: IdentityToken) -> Signer:
    with context.signer(identity) as signer:  # fetches the certificate; leaving closes nothing
        return signer


def _signed(signer: Signer, statement: Statement, pace: _Pace) -> bytes:
    pace.wait()
    return signer.sign_dsse(statement).to_json().encode()


def _patiently(make: Callable[[], Made]) -> Made:
    """What `make` makes; a failure is tried again after a growing pause."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return make()
        except Exception as error:  # each service's client raises its own kinds
            if attempt == ATTEMPTS:
                raise _translated(error) from error
            time.sleep(PAUSE * attempt)
    raise AssertionError  # pragma: no cover  # the loop returns or raises


def _config(trust_config: bytes | None) -> ClientTrustConfig:
    from sigstore.errors import Error, TUFError  # noqa: PLC0415  # slow to import
    from sigstore.models import ClientTrustConfig  # noqa: PLC0415

    try:
        if trust_config is None:
            return ClientTrustConfig.production()
        return ClientTrustConfig.from_json(trust_config.decode())
    except TUFError as error:
        raise UnreachableError(
            f"the public Sigstore's trust config cannot be had: {error.message}",
            hint="run the workflow again; nothing was signed",
        ) from error
    except (Error, ValueError) as error:
        raise UsageError(
            f"the Sigstore trust config cannot be read: {error}",
            hint="--trust-config takes a ClientTrustConfig as JSON (media type version 0.1)",
        ) from error


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
        return UnreachableError(
            f"Sigstore does not answer: {error}",
            hint="run the workflow again; it signs what has no attestation",
        )
    said = str(error) or str(error.__cause__ or "") or type(error).__name__
    return McpregError(
        f"Sigstore refuses to sign: {said}",
        hint="run the workflow again; it signs what has no attestation",
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
