"""An address leads to where it says."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.links import pointer_of, site_of
from mcpreg.core.evidence import Evidence, Link, Missing

_REPOSITORY = "/repository/url"


def _check(case: Case) -> Iterator[Problem]:
    links = case.evidence.links
    if isinstance(links, Missing):
        return
    for link in links:
        if link.final_url is None:
            continue
        said, found = site_of(link.url), site_of(link.final_url)
        if said != found:
            message = f"{link.url} leads to {found}"
        elif link.pointer == _REPOSITORY and _project(link.url) != _project(link.final_url):
            message = f"{link.url} has moved to {link.final_url}"
        else:
            continue
        yield Problem(message, pointer_of(link), f"write {link.final_url!r} if it is meant")


def _project(url: str) -> tuple[str, ...]:
    """Owner and project, without spelling: a renamed account leaves its old name to anybody."""
    path = url.partition("://")[2].partition("/")[2].casefold()
    owner, _, rest = path.partition("/")
    return owner, rest.partition("/")[0].partition("?")[0].removesuffix(".git")


def _links(final: str) -> Evidence:
    url = "https://github.com/acme/clock"
    return Evidence(links=(Link(_REPOSITORY, url, 200, final),))


RULE = CaseRule(
    id="link-elsewhere",
    severity=Severity.WARNING,
    rationale=(
        "A reviewer reads the address, a visitor ends up elsewhere; and a project that has moved "
        "leaves a name behind that somebody else can take."
    ),
    fires=Example(evidence=_links("https://parked.example/clock")),
    silent=Example(evidence=_links("https://www.github.com/Acme/clock/")),
    check=_check,
    needs=("links",),
)
