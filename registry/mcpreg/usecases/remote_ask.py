"""Talking to a remote server once, at a person's word: to lock what it offers, or to sign in."""

from __future__ import annotations

from contextlib import closing

import anyio

from mcpreg.core import remote
from mcpreg.core.inputs import remote_specs
from mcpreg.core.manifest import Manifest
from mcpreg.core.names import Reference
from mcpreg.core.toolset import Offer
from mcpreg.errors import McpregError, PolicyError, UnreachableError, UsageError
from mcpreg.remote.bridge import Link, connect
from mcpreg.remote.quiet import quiet_library
from mcpreg.store.installed import Installed
from mcpreg.store.places import Places
from mcpreg.usecases.answering import look, require_complete
from mcpreg.usecases.introspect import ask
from mcpreg.usecases.remote import Given, link_to, target_of, tokens_of


def ask_remote(places: Places, manifest: Manifest, given: Given) -> Offer:
    """Read what a remote server offers, for its lock.

    Raises:
        UsageError: there is no remote, or an input of it is missing.
        PolicyError: it wants a person to sign in.
        UnreachableError: it does not answer.
        McpregError: it answers what may not be locked.
    """
    place = remote.chosen(manifest)
    if place is None:
        raise UsageError(f"{manifest.name} has no remote server")
    inputs = remote_specs(place)
    found, _ = look(inputs, given, frozenset())
    require_complete(manifest.name, found, start="mcpreg lock --ask-remote", kept=False)
    target = remote.target(remote.remote_record(place), inputs, found.answers)
    link, access = link_to(places, manifest.name, target, given, _Unrecorded())
    with closing(access):
        return _asked(manifest.name, link)


def login(places: Places, installed: Installed, given: Given) -> bool:
    """Connect once, signing in when the server wants it; whether there is a token now.

    Raises as `ask_remote`.
    """
    record = installed.record
    link, access = link_to(places, record.name, target_of(installed, given), given, _Unrecorded())
    with closing(access):
        _asked(record.name, link)
        return access.signed_in


def logout(places: Places, reference: Reference) -> bool:
    """Forget what sign-in left behind; whether there was anything."""
    return tokens_of(places, reference.name, "").forget()


class _Unrecorded:
    """Of what no run is: asking for a lock, and signing in, at a person's own word."""

    def record(self, event: str, /, **fields: object) -> None:
        """Nothing."""


def _asked(name: str, link: Link) -> Offer:
    lost: list[str] = []
    link.failed = lost.append
    try:
        with quiet_library():
            return anyio.run(ask, connect(link))
    except BaseExceptionGroup as group:
        error: BaseException = group.split(McpregError)[0] or group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    except Exception as caught:  # noqa: BLE001  # whatever a hostile server makes the library raise
        error = caught
    if lost and not isinstance(error, PolicyError):
        raise UnreachableError(lost[-1]) from None
    if isinstance(error, McpregError):
        raise error from None
    if not isinstance(error, Exception):
        raise error
    why = "does not answer in time" if isinstance(error, TimeoutError) else "answers no MCP"
    raise McpregError(f"{name} at {link.target.origin} {why}") from None
