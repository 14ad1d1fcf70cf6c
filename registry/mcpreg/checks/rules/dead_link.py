"""An address in the manifest answers."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.links import pointer_of
from mcpreg.core.evidence import Evidence, Link, Missing

# What a page that is there says to a program: log in, not you, not like this, not so often.
_ALIVE = frozenset((401, 402, 403, 405, 406, 407, 418, 421, 425, 426, 429, 451))


def _check(case: Case) -> Iterator[Problem]:
    links = case.evidence.links
    if isinstance(links, Missing):
        return
    for link in links:
        if link.status is None:
            said = f"does not answer: {link.detail}"
        elif link.status >= 400 and link.status not in _ALIVE:
            said = f"answers {link.status}"
        else:
            continue
        yield Problem(f"{link.url} {said}", pointer_of(link), "correct it, or leave it out")


_URL = "https://github.com/acme/clock"

RULE = CaseRule(
    id="dead-link",
    severity=Severity.WARNING,
    rationale=(
        "Who looks for the source must find it. An address that nobody holds is also one that "
        "somebody else can register."
    ),
    fires=Example(evidence=Evidence(links=(Link("/repository/url", _URL, 404, _URL),))),
    silent=Example(evidence=Evidence(links=(Link("/repository/url", _URL, 200, _URL),))),
    check=_check,
    needs=("links",),
)
