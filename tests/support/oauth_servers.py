"""An authorization server with registration, PKCE, refresh and expiry, and a server that wants its
tokens: two origins of loopback, both the library's own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    ProviderTokenVerifier,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.routes import create_auth_routes
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl
from starlette.applications import Starlette

from remote_servers import Listening, bound, listening, make_server


@dataclass
class Authority(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Whoever asks is let in; every token is new, and the one before is gone."""

    lifetime: int = 3600
    """Seconds that an access token is said to live."""
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    access: dict[str, AccessToken] = field(default_factory=dict)
    refresh: dict[str, RefreshToken] = field(default_factory=dict)
    every: list[str] = field(default_factory=list)
    """Every code and token there ever was, to look for where none must be."""
    refreshed: int = 0
    reused: int = 0
    """How often somebody came with a refresh token that was used already, as a thief would."""
    slow: float = 0.0
    """Seconds that a refresh takes."""

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        code = AuthorizationCode(
            code=self._new(),
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self.issue(client.client_id, authorization_code.scopes, authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        found = self.refresh.get(refresh_token)
        await anyio.sleep(self.slow)
        return found

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self.refresh.pop(refresh_token.token, None) is None:  # rotated: used once, it is gone
            self.reused += 1
            raise TokenError("invalid_grant")
        self.refreshed += 1
        return self.issue(client.client_id, scopes, refresh_token.resource)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.access.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.access.pop(token.token, None)
        self.refresh.pop(token.token, None)

    def _new(self) -> str:
        self.every.append(secrets.token_hex(24))
        return self.every[-1]

    def issue(self, client_id: str, scopes: list[str], resource: str | None) -> OAuthToken:
        granted = AccessToken(
            token=self._new(),
            client_id=client_id,
            scopes=scopes,
            expires_at=int(time.time()) + self.lifetime,
            resource=resource,
        )
        renewal = RefreshToken(
            token=self._new(), client_id=client_id, scopes=scopes, resource=resource
        )
        self.access[granted.token] = granted
        self.refresh[renewal.token] = renewal
        return OAuthToken(
            access_token=granted.token,
            token_type="Bearer",  # RFC 6750's word
            expires_in=self.lifetime,
            refresh_token=renewal.token,
            scope=" ".join(scopes) or None,
        )


@dataclass
class Guarded:
    """A server that wants tokens, who gives them, and what both heard."""

    server: Listening
    authority: Authority
    issuer: Listening


@contextmanager
def guarded(lifetime: int = 3600) -> Iterator[Guarded]:
    """Both, on two ports of loopback, until the block ends."""
    authority = Authority(lifetime)
    of_server, of_issuer = bound(), bound()
    resource = AnyHttpUrl(f"http://127.0.0.1:{of_server.getsockname()[1]}/mcp")
    issuer = AnyHttpUrl(f"http://127.0.0.1:{of_issuer.getsockname()[1]}")
    routes = create_auth_routes(
        authority, issuer, client_registration_options=ClientRegistrationOptions(enabled=True)
    )
    settings = AuthSettings(
        issuer_url=issuer, resource_server_url=resource, validate_token_resource=True
    )
    server = make_server(auth=settings, verifier=ProviderTokenVerifier(authority))
    with (
        listening(Starlette(routes=routes), sock=of_issuer) as issuing,
        listening(server.streamable_http_app(), "/mcp", sock=of_server) as serving,
    ):
        yield Guarded(serving, authority, issuing)
