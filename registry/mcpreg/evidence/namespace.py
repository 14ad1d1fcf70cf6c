"""Who holds a namespace.

`io.github.<owner>`: the pull request's author is that account, or a public member of that
organisation. Any other namespace is a domain, reversed (`com.example` is example.com), and whoever
controls it names GitHub accounts in one line,

    mcpreg-owner=github:<login>:<id>

either as a TXT record of `_mcpreg.<domain>`, or in the file `/.well-known/mcpreg-owner` on it. The
id is the account's number, because a login can be given up and registered by somebody else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from mcpreg.checks.case import Submitter
from mcpreg.core.evidence import Missing, NamespaceProof
from mcpreg.core.reviews import NamespaceOwner
from mcpreg.evidence.web import Page, Web, WebError, get

GITHUB = "io.github."
WELL_KNOWN = "/.well-known/mcpreg-owner"
_LINE = re.compile(r"mcpreg-owner=github:([A-Za-z0-9-]{1,39}):([1-9][0-9]{0,15})", re.ASCII)
_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,37}[A-Za-z0-9])?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_MAX_FILE = 4096
_SECONDS = 5.0


_Way = tuple[Literal["dns", "well-known"], str, Callable[[], Iterable[str]]]


@dataclass(frozen=True, slots=True)
class Places:
    """Whom to ask: GitHub's API, and name servers as `host` or `host:port` (None: the system's)."""

    github: str = "https://api.github.com"
    github_token: str | None = None
    """Sent to GitHub's API alone, which answers a shared address sixty times an hour without."""
    name_servers: tuple[str, ...] | None = None
    web: Web = field(default_factory=Web)


def namespace(
    name: str, submitter: Submitter | None, owner: NamespaceOwner | None, places: Places
) -> NamespaceProof | Missing:
    """Try every way in which the submitter could prove to hold the namespace of a server name.

    On main there is no submitter: what was pinned there when a pull request proved it counts.
    """
    held = name.partition("/")[0]
    if submitter is None:
        return _pinned(held, owner)
    try:
        if held.casefold().startswith(GITHUB):
            return _github(held[len(GITHUB) :], submitter, places)
        return _domain(held, submitter, places)
    except WebError as error:
        return Missing(f"{error}")


def account(login: str, places: Places) -> Submitter | None:
    """The GitHub account of that login, spelt as GitHub does; None: there is none.

    Raises:
        WebError: GitHub does not answer.
    """
    found = _account(login, places) if _LOGIN.fullmatch(login) else {}
    number, spelt = found.get("id"), found.get("login", login)
    if not isinstance(number, int) or not isinstance(spelt, str) or not _LOGIN.fullmatch(spelt):
        return None
    return Submitter(spelt, number)


def _pinned(held: str, owner: NamespaceOwner | None) -> NamespaceProof | Missing:
    if owner is None or owner.proof is None or not owner.github:
        return Missing(f"owners/{held}.json does not say who holds it", ours=False)
    first = owner.github[0]
    return NamespaceProof(owner.proof, first.login, f"pinned in owners/{held}.json", first.id)


def _github(owner: str, submitter: Submitter, places: Places) -> NamespaceProof:
    if not _LOGIN.fullmatch(owner):
        return NamespaceProof("none", None, f"{owner!r} is no account that GitHub can have")
    found = _account(owner, places)
    number = found.get("id")
    if not isinstance(number, int):
        return NamespaceProof("none", None, f"GitHub has no account {owner}")
    if submitter.id == number:
        return NamespaceProof("github", submitter.login, "the account itself", submitter.id)
    if found.get("type") == "Organization":
        path = f"/orgs/{owner}/public_members/{quote(submitter.login, safe='')}"
        if _api(path, places).status == 204:
            detail = f"a public member of the organisation {owner}"
            return NamespaceProof("github", submitter.login, detail, submitter.id)
    return NamespaceProof("none", None, f"{submitter.login} is neither {owner} nor a member of it")


def _account(owner: str, places: Places) -> dict[str, object]:
    page = _api(f"/users/{owner}", places)
    if page.status == 404:
        return {}
    try:
        document = json.loads(page.body)
    except (ValueError, RecursionError) as error:
        raise WebError(f"GitHub answers no JSON about {owner}") from error
    return document if isinstance(document, dict) else {}


def _api(path: str, places: Places) -> Page:
    """Ask GitHub. Raises `WebError` for everything but an answer to the question."""
    headers = {"Accept": "application/vnd.github+json"}
    if places.github_token is not None:
        headers["Authorization"] = f"Bearer {places.github_token}"
    page = get(f"{places.github}{path}", places.web, headers=headers)
    if page.status not in (200, 204, 404):
        limited = " (asked too often; a token helps)" if page.status in (403, 429) else ""
        raise WebError(f"GitHub answers {page.status}{limited}")
    return page


def _domain(held: str, submitter: Submitter, places: Places) -> NamespaceProof:
    labels = held.casefold().split(".")[::-1]
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        return NamespaceProof("none", None, f"{held} is no domain in reverse")
    domain = ".".join(labels)
    asked: list[str] = []
    ways: tuple[_Way, ...] = (
        ("dns", f"TXT _mcpreg.{domain}", lambda: _records(f"_mcpreg.{domain}", places)),
        ("well-known", f"https://{domain}{WELL_KNOWN}", lambda: _file(domain, places)),
    )
    for method, place, lines in ways:
        try:
            owners = list(_owners(lines()))
        except WebError as error:
            asked.append(str(error))
            continue
        if (submitter.login.casefold(), submitter.id) in owners:
            return NamespaceProof(method, submitter.login, f"{place} names it", submitter.id)
        others = ", ".join(login for login, _ in owners) or "nobody"
        asked.append(f"{place} names {others}")
    return NamespaceProof("none", None, "; ".join(asked))


def _owners(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    for line in lines:
        match = _LINE.fullmatch(line.strip())
        if match:
            yield match[1].casefold(), int(match[2])


def _file(domain: str, places: Places) -> Iterator[str]:
    page = get(f"https://{domain}{WELL_KNOWN}", places.web, limit=_MAX_FILE)
    if page.status == 200:
        yield from page.body.decode(errors="replace").splitlines()


def _records(name: str, places: Places) -> Iterator[str]:
    """The TXT records of a name (RFC 1035, 3.3.14). Raises `WebError` when no server answers."""
    import dns.exception  # noqa: PLC0415  # only `ci check` needs it, and it is an extra
    import dns.resolver  # noqa: PLC0415

    resolver = dns.resolver.Resolver(configure=places.name_servers is None)
    resolver.lifetime = _SECONDS
    if places.name_servers is not None:
        hosts = [server.partition(":") for server in places.name_servers]
        resolver.nameservers = [host for host, _, _ in hosts]
        resolver.nameserver_ports = {host: int(port) for host, _, port in hosts if port}
    try:
        answer = resolver.resolve(name, "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return
    except dns.exception.DNSException as error:
        raise WebError(f"TXT {name}: {error}") from error
    for record in answer:
        yield b"".join(record.strings).decode(errors="replace")
