"""What sign-in left behind: one document a server, in the person's secret store.

It names the resource it is for (RFC 8707): for another address, a changed entry, say, it is as if
there were none.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import BaseModel, ValidationError

_Model = TypeVar("_Model", bound=BaseModel)

SERVICE = "token"
_NAME = "oauth"
_EARLY_SECONDS = 30  # refreshed that long before it expires: clocks differ, requests take time
# What a refresh needs of the authorization server's metadata (RFC 8414).
_KEPT = {
    "issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint",
    "token_endpoint_auth_methods_supported", "authorization_response_iss_parameter_supported",
}  # fmt: skip


class Secrets(Protocol):
    """The part of a secret store that is used here."""

    def get(self, service: str, server: str, name: str) -> str | None:
        """The secret; None when there is none."""

    def set(self, service: str, server: str, name: str, value: str) -> object:
        """Keep it instead of the one before."""

    def delete(self, service: str, server: str, name: str) -> bool:
        """Forget it; whether there was one."""


class Tokens:
    """The library's `TokenStorage`, with what it forgets: the expiry and the metadata."""

    def __init__(self, secrets: Secrets, server: str, resource: str, lock: Path) -> None:
        """Keep them in `secrets`; `lock` is the file that whoever renews them holds."""
        self.lock = lock
        self._secrets = secrets
        self._server = server
        self._resource = resource

    def _read(self) -> dict[str, Any]:
        text = self._secrets.get(SERVICE, self._server, _NAME)
        try:
            document = json.loads(text) if text else {}
        except ValueError:
            return {}
        same = isinstance(document, dict) and document.get("resource") == self._resource
        return document if same else {}

    def _change(self, **members: object) -> None:
        document = {**self._read(), **members, "resource": self._resource}
        kept = {name: value for name, value in document.items() if value is not None}
        self._secrets.set(SERVICE, self._server, _NAME, json.dumps(kept))

    def forget(self) -> bool:
        """Delete it all; whether there was anything."""
        return self._secrets.delete(SERVICE, self._server, _NAME)

    async def get_tokens(self) -> OAuthToken | None:
        """The tokens of this resource."""
        return _parsed(OAuthToken, self._read().get("tokens"))

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """Keep new tokens, with the moment at which they expire."""
        expires = None if tokens.expires_in is None else int(time.time()) + tokens.expires_in
        self._change(tokens=tokens.model_dump(mode="json", exclude_none=True), expires_at=expires)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """What the authorization server registered us as."""
        return _parsed(OAuthClientInformationFull, self._read().get("client"))

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """Keep a registration."""
        self._change(client=client_info.model_dump(mode="json", exclude_none=True))

    def expires_at(self) -> float | None:
        """When the access token should be refreshed, in seconds since 1970; None: unknown."""
        value = self._read().get("expires_at")
        return value - _EARLY_SECONDS if isinstance(value, int) else None

    def metadata(self) -> OAuthMetadata | None:
        """The authorization server's, as it was at sign-in."""
        return _parsed(OAuthMetadata, self._read().get("metadata"))

    def protected(self) -> ProtectedResourceMetadata | None:
        """The server's own, as it was at sign-in."""
        return _parsed(ProtectedResourceMetadata, self._read().get("protected"))

    def keep_metadata(
        self, metadata: OAuthMetadata | None, protected: ProtectedResourceMetadata | None
    ) -> None:
        """Keep both: without them a refresh would go to a guessed address."""
        self._change(
            metadata=metadata.model_dump(mode="json", include=_KEPT, exclude_none=True)
            if metadata
            else None,
            protected=protected.model_dump(
                mode="json", include={"resource", "authorization_servers"}
            )
            if protected
            else None,
        )


def _parsed(model: type[_Model], value: object) -> _Model | None:
    try:
        return None if value is None else model.model_validate(value)
    except ValidationError:
        return None
