"""One remote address, one name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from mcpreg.checks.case import Case, Neighbour, Surroundings
from mcpreg.checks.examples import TODAY, with_remote
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity

_PORTS = {"https": 443, "http": 80}


@lru_cache(maxsize=1 << 17)  # the others are the same for every version of a pull request
def canonical(url: str) -> str:
    """The address in one spelling (RFC 3986, 6.2.2 and 6.2.3), without query and fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url.lower()
    host = (parts.hostname or "").rstrip(".")
    shown = "" if port in (None, _PORTS.get(parts.scheme)) else f":{port}"
    path = "/".join(part for part in unquote(parts.path).split("/") if part not in ("", "."))
    return f"{host}{shown}/{path}".rstrip("/")


def _check(case: Case) -> Iterator[Problem]:
    mine = case.manifest.remotes or ()
    if not mine:
        return
    # A mirrored entry keeps nobody out: whoever runs the server may submit it under their name.
    others = sorted(case.surroundings.others, key=lambda other: not other.listed)
    taken = {canonical(url): other for other in others for url in other.remotes}
    for index, remote in enumerate(mine):
        holder = taken.get(canonical(remote.url))
        if holder is not None and holder.listed:
            yield Problem(
                f"{remote.url!r} is the address of {holder.name} too, which is mirrored",
                ("remotes", index, "url"),
                "reviewers: is it theirs? The source's filter can leave the mirrored one out",
                severity=Severity.WARNING,
            )
        elif holder is not None:
            yield Problem(
                f"{remote.url!r} is the address of {holder.name}",
                ("remotes", index, "url"),
                "a new version goes under the same name; a rename needs a maintainer",
            )


_OTHER = Neighbour("io.github.acme/oracle", remotes=frozenset({"https://MCP.example.com:443/mcp/"}))

RULE = CaseRule(
    id="remote-url-taken",
    severity=Severity.ERROR,
    rationale=(
        "Two names for one address let one of them speak for the other; the official registry "
        "refuses it as well."
    ),
    fires=Example(with_remote(), surroundings=Surroundings(today=TODAY, others=(_OTHER,))),
    silent=Example(
        with_remote(url="https://mcp.example.com/other"),
        surroundings=Surroundings(today=TODAY, others=(_OTHER,)),
    ),
    check=_check,
)
