"""Signing in to a remote server: the library's OAuth client, with what it leaves to its user.

The library does discovery (RFC 9728, RFC 8414), registration (RFC 7591, or a client metadata
document), authorization code with PKCE, the resource indicator (RFC 8707) and issuer checks
(RFC 9207). Added here: (1) only a person on a terminal signs in; everywhere else a stored token is
used, or the error names the command. (2) Which other hosts take part is decided here: the
server's metadata must lie on its own origin, the authorization server is shown to the person, and
only its origins are admitted to the guard. (3) A token kept from an earlier run keeps its expiry,
and is refreshed, also after a 401, by one bridge at a time. (4) Errors are told without what the
other side wrote.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client.auth import (
    AuthorizationCodeResult,
    OAuthClientProvider,
    OAuthFlowError,
    OAuthRegistrationError,
    OAuthTokenError,
)
from mcp.shared.auth import OAuthClientMetadata
from pydantic import AnyUrl, ValidationError

import mcpreg
from mcpreg.core.remote import Origin, Target, origin_of
from mcpreg.errors import PolicyError
from mcpreg.remote import callback
from mcpreg.remote.guard import Origins
from mcpreg.remote.tokens import Tokens
from mcpreg.remote.turn import turn

_FAILURES = (OAuthFlowError, OAuthRegistrationError, OAuthTokenError, ValidationError, ValueError)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at a terminal: shows an address to open, and which host asks for the sign-in."""

    open: Callable[[str, Origin], None]
    client_metadata_url: str | None = None
    """Of a client metadata document that the person's organisation hosts, if any."""


class Bearer(httpx2.Auth):
    """A token that the person gave; the guard lets it go nowhere else."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send the request with the token, once."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401:
            raise PolicyError(
                f"{request.url.host} does not accept the token that was given",
                hint="give a valid one with --token-file",
            )


class SignIn(OAuthClientProvider):
    """OAuth for one target. `server` is the reference that a person gives to commands."""

    def __init__(
        self,
        target: Target,
        server: str,
        tokens: Tokens,
        origins: Origins,
        person: Person | None = None,
    ) -> None:
        self._target = target
        self._server = server
        self._tokens = tokens
        self._origins = origins
        self._person = person
        self._place: callback.Place | None = None
        self._state = ""
        super().__init__(
            target.url,
            _described("http://127.0.0.1/callback"),
            tokens,
            redirect_handler=self._show,
            callback_handler=self._answered,
            client_metadata_url=person.client_metadata_url if person else None,
        )

    @property
    def signed_in(self) -> bool:
        """Whether there is a token now."""
        return self.context.current_tokens is not None

    def close(self) -> None:
        """Give back the port that the browser would come to."""
        if self._place is not None:
            self._place.close()
            self._place = None

    async def _initialize(self) -> None:
        await super()._initialize()
        self.context.token_expiry_time = self._tokens.expires_at()  # (3)
        self.context.oauth_metadata = self._tokens.metadata()
        protected = self._tokens.protected()
        self.context.protected_resource_metadata = protected
        if protected is not None:
            self.context.auth_server_url = str(protected.authorization_servers[0])

    async def _auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        flow = super()._auth_flow(request)
        sent = False
        try:
            async with self.context.lock:
                if await self._is_stale():
                    async with turn(self._tokens.lock):
                        if await self._is_stale(reread=True):
                            await self._handle_refresh_response((yield await self._renewing()))
            outgoing = await anext(flow)
            while True:
                self._admit()
                response = yield outgoing
                if outgoing is request and not sent:
                    sent = True
                    if response.status_code == 401:
                        async with turn(self._tokens.lock):
                            again = await self._can_renew(request)
                            if (
                                again
                                and not self.context.is_token_valid()
                                and await self._handle_refresh_response(
                                    (yield await self._renewing())
                                )
                            ):
                                self._add_auth_header(request)
                        if again:
                            response = yield request
                    if response.status_code == 401:
                        self._require_person()
                    elif response.status_code == 403 and self._person is None:
                        return  # more scope than was granted: the client is told, as of any 403
                outgoing = await flow.asend(response)
        except StopAsyncIteration:
            return
        except _FAILURES as error:
            raise self._failed(error) from None  # (4)
        finally:
            await flow.aclose()

    async def _is_stale(self, *, reread: bool = False) -> bool:
        """Whether the token has expired and can be renewed, as far as we know or is kept now."""
        if reread or not self._initialized:
            await self._initialize()
        return not self.context.is_token_valid() and self.context.can_refresh_token()

    async def _renewing(self) -> httpx2.Request:
        """The request for a new token, and leave to send it."""
        renewing = await self._refresh_token()
        self._admit()
        return renewing

    async def _can_renew(self, request: httpx2.Request) -> bool:
        """After a 401: whether another run of ours has a newer token, or this one can be refreshed.

        A newer one is put on the request.
        """
        used = self.context.current_tokens
        await self._initialize()
        now = self.context.current_tokens
        if now is None or not self.context.can_refresh_token():
            return False
        if used is not None and used.access_token != now.access_token:
            self._add_auth_header(request)
        else:
            self.context.token_expiry_time = 1.0  # whatever it said, it is not accepted any more
        return True

    def _admit(self) -> None:
        """(2) Let requests go to the authorization server that was chosen, and its endpoints."""
        found = [self.context.auth_server_url]
        if (known := self.context.oauth_metadata) is not None:
            found += [str(known.token_endpoint)]
            found += [str(known.registration_endpoint)] if known.registration_endpoint else []
        self._origins.admitted |= {self._fit(url) for url in found if url}

    def _fit(self, url: str) -> Origin:
        origin = origin_of(url)
        if origin.is_loopback and not self._target.origin.is_loopback:
            raise PolicyError(f"{self._target.origin} wants you to sign in on this very machine")
        return origin

    def _require_person(self) -> None:
        """(1) Go on with signing in, or say who has to."""
        if self._person is None:
            raise PolicyError(
                f"{self._target.origin.host} wants you to sign in, and this is no terminal",
                hint=f"mcpreg login {self._server}",
            )
        if self._place is None:
            self._place = callback.bind(self._registered_port())
        self.context.client_metadata = _described(self._place.url)
        if self._registered_port() != self._place.port:
            self.context.client_info = None  # it may be sent back to that other port only

    def _registered_port(self) -> int:
        known = self.context.client_info
        uris = (known.redirect_uris or []) if known else []
        return (uris[0].port or 0) if uris else 0

    async def _show(self, url: str) -> None:
        if self._person is None:  # pragma: no cover  # _require_person has seen to it
            raise OAuthFlowError("nobody is here")
        self._state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        self._person.open(url, self._fit(url))

    async def _answered(self) -> AuthorizationCodeResult:
        if self._place is None:  # pragma: no cover  # the same
            raise OAuthFlowError("nobody is here")
        return await callback.wait(self._place, self._state)

    async def _handle_token_response(self, response: httpx2.Response) -> None:
        await super()._handle_token_response(response)
        known, protected = self.context.oauth_metadata, self.context.protected_resource_metadata
        self._tokens.keep_metadata(known, protected)

    def _failed(self, error: Exception) -> PolicyError:
        said = str(error).lower()
        if "issuer mismatch" in said or "iss mismatch" in said:
            why = "its authorization server says that it is another one"
        elif "protected resource" in said and "match" in said:
            why = "its metadata is about another server"
        elif isinstance(error, OAuthRegistrationError):
            why = "its authorization server does not register us"
        elif isinstance(error, OAuthTokenError):
            why = "its authorization server gives no token"
        else:
            why = "what it answers makes no sense"
        return PolicyError(
            f"signing in to {self._target.origin} failed: {why}",
            hint=f"mcpreg login {self._server} tries again",
        )


def _described(redirect: str) -> OAuthClientMetadata:
    """What we register as (RFC 7591): a native client without a secret."""
    return OAuthClientMetadata(
        redirect_uris=[AnyUrl(redirect)],
        token_endpoint_auth_method="none",  # noqa: S106  # RFC 7591's word for "no secret"
        grant_types=["authorization_code", "refresh_token"],
        client_name="mcpreg",
        software_id="mcpreg",
        software_version=mcpreg.__version__,
    )
