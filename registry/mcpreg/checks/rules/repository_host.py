"""The source lies where the official registry looks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_HOSTS = {"github": "github.com", "gitlab": "gitlab.com"}
_URL = {
    "github": re.compile(r"https?://(www\.)?github\.com/[\w.-]+/[\w.-]+/?", re.ASCII),
    "gitlab": re.compile(r"https?://(www\.)?gitlab\.com/[\w.-]+(/[\w.-]+)+/?", re.ASCII),
}


def _check(subject: Subject) -> Iterator[Problem]:
    repository = subject.manifest.repository
    if repository is None or not (repository.url or repository.source):
        return  # {} is in a tenth of the official registry's entries and says nothing
    host = _HOSTS.get(repository.source)
    if host is None:
        yield Problem(
            f"{repository.source!r} is no known source",
            ("repository", "source"),
            f"one of {', '.join(_HOSTS)}",
        )
    elif not _URL[repository.source].fullmatch(repository.url):
        yield Problem(
            f"{repository.url!r} is not a repository on {host}",
            ("repository", "url"),
            f"write https://{host}/owner/repository",
        )


RULE = Rule(
    id="repository-host",
    severity=Severity.ERROR,
    rationale=("Official registry: a repository is on github or gitlab, and source says which."),
    fires=Example({"repository": {"url": "https://example.com/acme/clock", "source": "github"}}),
    silent=Example(),
    check=_check,
)
