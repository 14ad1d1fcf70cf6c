"""The licence is an SPDX expression."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_LONGEST = 200  # the parser hands what it reads to a compiler; nobody needs a longer one


@lru_cache(maxsize=1024)
def _canonical(text: str) -> str | None:
    if len(text) > _LONGEST or not text.isprintable():
        return None
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def _check(subject: Subject) -> Iterator[Problem]:
    text = subject.manifest.license
    if text is None:
        return
    canonical = _canonical(text)
    if canonical is None:
        yield Problem(
            f"{text!r} is not an SPDX expression",
            ("license",),
            "write an identifier from spdx.org/licenses, such as Apache-2.0, or LicenseRef-NAME",
        )
    elif canonical != text:
        yield Problem(f"{text!r} is written {canonical!r}", ("license",), f"write {canonical}")


RULE = Rule(
    id="license-expression",
    severity=Severity.ERROR,
    rationale="SPDX 2.3 annex D: the one form that policies can be written against.",
    fires=Example({"license": "Apache 2"}),
    silent=Example({"license": "MIT OR Apache-2.0"}),
    check=_check,
)
