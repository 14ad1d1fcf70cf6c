"""A remote server: resolve -> verify -> vet -> consent as for any, then a bridge instead of a
sandbox. Its code runs elsewhere, so what is held here is what reaches it: one host, the headers
that the lock names, and what the client says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx2

from mcpreg.core import canonical, remote
from mcpreg.core.answers import Source
from mcpreg.core.install import RemoteRecord
from mcpreg.core.remote import Origin, Target
from mcpreg.errors import (
    UsageError,
    VerificationError,
)
from mcpreg.remote.bridge import Ended, Link, bridge
from mcpreg.remote.guard import Origins
from mcpreg.remote.oauth import Bearer, Person, SignIn
from mcpreg.remote.quiet import quiet_library
from mcpreg.remote.tokens import Tokens
from mcpreg.sandbox import Recorder
from mcpreg.store.installed import Installed
from mcpreg.store.places import Places
from mcpreg.store.secrets import SecretStore
from mcpreg.usecases.answering import answered, let_in, reach
from mcpreg.usecases.live import Warn, watch

MAX_TOKEN = 16 << 10  # bytes; the header has no room for more


@dataclass(frozen=True, slots=True)
class Given:
    """What the person brings: answers as for a package, and a bearer token of theirs, if any."""

    environment: Mapping[str, str] = field(repr=False)
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    sources: tuple[Source, ...] = ()
    arguments: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    person: Person | None = None
    """Who can sign in; None where nobody is."""


def read_token(
    file: Path | None, variable: str | None, environment: Mapping[str, str]
) -> str | None:
    """The bearer token from a file or from a variable that the person named.

    Raises `UsageError`: both, none there, or more than one line.
    """
    if file is None and variable is None:
        return None
    if file is not None and variable is not None:
        raise UsageError("--token-file and --token-env both give a token", hint="give one")
    if file is None:
        text, where = environment.get(variable or "", ""), f"the variable {variable}"
    else:
        where = str(file)
        try:
            with file.open("rb") as stream:
                text = stream.read(MAX_TOKEN + 1).decode("ascii")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"{where} cannot be read as a token") from None
    token = text.strip()
    if not token or len(token) > MAX_TOKEN or not all("!" <= char <= "~" for char in token):
        raise UsageError(f"{where} holds no token: one word of ASCII")
    return token


def run_remote(
    places: Places,
    installed: Installed,
    given: Given,
    recorder: Recorder,
    *,
    warn: Warn,
    allow_drift: bool = False,
) -> Ended:
    """Bridge stdin and stdout to the server of an installed version, until either ends.

    Raises:
        VerificationError: the record does not agree with its lock.
        PolicyError: sign-in is needed or was refused, or an address that nothing names.
        UsageError: an input is missing.
    """
    record = installed.record
    target = target_of(installed, given)
    recorder.record(
        "start",
        server=f"{record.name}@{record.version}",
        registry=record.registry,
        lock=record.lock,
        capabilities=list(record.sandbox),
        grants=[],
        binds=[],
        egress=[{"host": target.origin.host, "port": target.origin.port}],
        variables=[],
        headers=sorted(target.headers),
        remote=str(target.origin),
    )
    through = watch(installed, recorder, warn, allow_drift=allow_drift)
    recorder.record("bridge", transport=target.transport, uid=os.geteuid())
    begun = time.monotonic()
    link, access = link_to(places, record.name, target, given, recorder)
    with quiet_library(), closing(access):
        ended = anyio.run(lambda: bridge(link, through))
    recorder.record(
        "stop",
        exit_code=0 if ended.reason == "client-left" else None,
        signal=ended.signal,
        violation={"kind": "toolset", "target": ended.words} if ended.reason == "refused" else None,
        reason=ended.reason,
        words=ended.words,
        seconds=round(time.monotonic() - begun, 3),
    )
    return ended


def explained(installed: Installed, places: Places, given: Given) -> tuple[str, ...]:
    """Sentences about what a run would do. Raises as `run_remote` does before it connects."""
    record = installed.record
    target = target_of(installed, given)
    names = ", ".join(sorted(target.headers))
    kept = tokens_of(places, record.name, target.url)
    if given.token:
        signed = "sends the token that you gave, to that host alone"
    elif anyio.run(kept.get_tokens) is not None:
        signed = (
            "sends the token of your sign-in, to that host alone, and renews it when it expires"
        )
    else:
        signed = "sends no token; when the server wants one, mcpreg login gets it"
    return (
        "starts nothing on this machine: its code runs on somebody else's machine, where no "
        "sandbox of yours holds it",
        f"sends what the client tells it to {target.origin}",
        f"sends the headers {names}" if names else "sends no header of yours",
        signed,
        "follows no redirect to another host, and contacts no other but one you sign in at",
        "cannot read your files, your environment or your network by itself",
        "what it offers is compared with the lock, and the session ends when it differs",
    )


def locked_place(installed: Installed) -> RemoteRecord:
    """Where the record says it is, when the lock says the same."""
    record, lock = installed.record, installed.lock
    place = record.remote
    package, runtime = lock.get("package"), lock.get("runtime")
    if place is None or not isinstance(package, dict) or not isinstance(runtime, dict):
        raise VerificationError(f"{record.name} is no remote server")
    urls = [spec.value for spec in record.inputs if spec.kind == "url"]
    told = (place.transport, place.url, remote.header_names(record.inputs))
    if urls != [place.url] or told != (
        runtime.get("transport"),
        package.get("identifier"),
        runtime.get("headers"),
    ):
        raise VerificationError(
            f"{record.name} is recorded at another address, or with other headers, than locked",
            hint="install the server again",
        )
    return place


def target_of(installed: Installed, given: Given) -> Target:
    """What a run connects to, and with which headers.

    Raises:
        VerificationError: the record does not agree with its lock.
        UsageError: names every input that is missing or wrong.
        PolicyError: an address or a header that may not be used.
    """
    record = installed.record
    place = locked_place(installed)
    found = answered(record.name, record.inputs, given, let_in(reach(record)))
    return remote.target(place, record.inputs, found.answers)


def tokens_of(places: Places, name: str, url: str) -> Tokens:
    """What sign-in to a server at `url` left, or leaves."""
    lock = places.state / "tokens" / f"{canonical.sha256(name.encode()).partition(':')[2]}.lock"
    return Tokens(SecretStore(places.config), name, url, lock)


class Access:
    """What authorizes the requests of one link."""

    def __init__(self, auth: httpx2.Auth | None) -> None:
        self.auth = auth

    @property
    def signed_in(self) -> bool:
        """Whether OAuth gave a token."""
        return isinstance(self.auth, SignIn) and self.auth.signed_in

    def close(self) -> None:
        """Give back what sign-in took of this machine."""
        if isinstance(self.auth, SignIn):
            self.auth.close()


def link_to(
    places: Places, name: str, target: Target, given: Given, recorder: Recorder
) -> tuple[Link, Access]:
    """The way to a target, and what authorizes requests on it: a token that was given, a header
    of the manifest, or OAuth.
    """
    origins = Origins(target.origin)
    names = {header.lower() for header in target.headers}
    access: Access
    if given.token is not None:
        access = Access(Bearer(given.token))
    elif "authorization" in names:
        access = Access(None)  # the manifest says how it is authorized
    else:
        kept = tokens_of(places, name, target.url)
        access = Access(SignIn(target, name, kept, origins, given.person))

    def reached(origin: Origin) -> None:
        recorder.record("egress", host=origin.host, port=origin.port)

    return Link(target, origins, reached, access.auth), access
