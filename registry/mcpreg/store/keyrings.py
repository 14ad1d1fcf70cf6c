"""The operating system's keyring, through the library `keyring` where that is installed.

A backend is whatever this machine has (Secret Service, KWallet, macOS, Windows), and raises what
it likes. Here that becomes one error without the backend's words: they could quote the value.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # an optional library
    from keyring.backend import KeyringBackend

_PREFIX = "mcpreg/"


class KeyringUnavailableError(Exception):
    """It is absent, locked, or did not do what it was asked."""


class Keyring(Protocol):
    """Passwords by service and user name. Every method raises `KeyringUnavailableError`."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def get(self, service: str, user: str) -> str | None:
        """The password; None when there is none."""
        ...

    def set(self, service: str, user: str, password: str) -> None:
        """Keep a password, and see that it comes back as it went in."""
        ...

    def delete(self, service: str, user: str) -> None:
        """Forget it; no error when there is none."""
        ...


class SystemKeyring:
    """The one that the library finds; the person's own choice for it (`keyringrc.cfg`) counts."""

    @property
    def name(self) -> str:
        """The backend's name, such as `SecretService Keyring`."""
        return str(_backend().name)

    def get(self, service: str, user: str) -> str | None:
        """The password; None when there is none."""
        try:
            return _backend().get_password(_PREFIX + service, user)
        except Exception as error:  # noqa: BLE001  # backends raise what they like
            raise KeyringUnavailableError(type(error).__name__) from None

    def set(self, service: str, user: str, password: str) -> None:
        """Keep a password, and see that it comes back: the null backend takes everything."""
        try:
            _backend().set_password(_PREFIX + service, user, password)
        except Exception as error:  # noqa: BLE001  # backends raise what they like
            raise KeyringUnavailableError(type(error).__name__) from None
        if self.get(service, user) != password:
            raise KeyringUnavailableError("it does not keep what it is given")

    def delete(self, service: str, user: str) -> None:
        """Forget it; no error when there is none."""
        if self.get(service, user) is None:
            return
        try:
            _backend().delete_password(_PREFIX + service, user)
        except Exception as error:  # noqa: BLE001  # backends raise what they like
            raise KeyringUnavailableError(type(error).__name__) from None


@cache
def _backend() -> KeyringBackend:
    try:
        from keyring import core  # noqa: PLC0415  # optional, and starting must not pay for it
    except ImportError:
        raise KeyringUnavailableError("the Python library keyring is not installed") from None
    try:
        # Unless the person chose one: only what encrypts; others keep plain files of their own.
        core.init_backend(core.recommended)
        backend = core.get_keyring()
    except Exception as error:  # noqa: BLE001  # a configured backend that cannot be loaded
        raise KeyringUnavailableError(type(error).__name__) from None
    if type(backend).__module__ in ("keyring.backends.fail", "keyring.backends.null"):
        raise KeyringUnavailableError("this session has no keyring")
    return backend
