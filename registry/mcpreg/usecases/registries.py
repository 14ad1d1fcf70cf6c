"""Trusting a registry: pin its root once, then read it through TUF."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from mcpreg.core import canonical
from mcpreg.errors import PolicyError, UsageError, VerificationError
from mcpreg.store.places import Places
from mcpreg.trust.client import RegistryClient, fetch_first_root
from mcpreg.trust.pins import Pin, Pins, cache_of

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def clients(places: Places, only: str | None = None) -> list[RegistryClient]:
    """A client for each pinned registry, or for the one named. Raises `NotFoundError`."""
    pins = Pins(places.config)
    chosen = (pins.get(only),) if only else pins.all()
    return [
        RegistryClient(pin, pins.root_bytes(pin), cache_of(places.cache, pin)) for pin in chosen
    ]


def add(
    places: Places,
    url: str,
    *,
    name: str | None,
    root_sha256: str | None,
    confirm: Callable[[str], bool] | None,
) -> Pin:
    """Pin the registry at `url`.

    The root's digest must come from somewhere else than the registry's host: from `root_sha256`,
    or from a person who compares it (`confirm`, given only on a terminal).

    Raises:
        UsageError: the URL is not one.
        PolicyError: nobody vouched for the root.
        VerificationError: the host's root is another one, or does not sign its own state.
        UnreachableError: the host does not answer.
    """
    url = _checked_url(url)
    root = fetch_first_root(url)
    digest = canonical.sha256(root)
    if root_sha256 is not None:
        _compare(digest, root_sha256)
    elif confirm is None:
        raise PolicyError(
            f"nobody vouches for the root of {url}",
            hint=f"compare it with the operators' own word, then: mcpreg registry add {url} "
            f"--root-sha256 {digest.removeprefix('sha256:')}",
        )
    elif not confirm(digest):
        raise PolicyError("not added: the root was not confirmed")
    pin = Pin(name or _name_from(url), url, digest)
    RegistryClient(pin, root, cache_of(places.cache, pin)).policy()
    Pins(places.config).add(pin, root)
    return pin


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{url!r} is not a registry address: {error}") from error
    if not url.isprintable() or " " in url:
        raise UsageError(f"{url!r} is not a registry address")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"{url!r} is not a registry address", hint="https://registry.example.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise UsageError(f"{url} is not https", hint="plain http is for 127.0.0.1 only")
    return url.rstrip("/")


def _compare(digest: str, given: str) -> None:
    wanted = given.lower().removeprefix("sha256:")
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise UsageError("--root-sha256 takes 64 hexadecimal digits")
    if digest != f"sha256:{wanted}":
        raise VerificationError(
            f"the registry's root is {digest.removeprefix('sha256:')}, not {wanted}",
            hint="do not add it; ask the operators which digest is right",
        )


def _name_from(url: str) -> str:
    host = (urlsplit(url).hostname or "").lower()
    name = re.sub(r"[^a-z0-9]+", "-", host).strip("-")[:40]
    return name if name[:1].isalpha() else f"r-{name}"[:40]
