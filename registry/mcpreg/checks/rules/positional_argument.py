"""A positional argument says what it is."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    for index, package in enumerate(subject.manifest.packages or ()):
        for key, items in (
            ("packageArguments", package.package_arguments),
            ("runtimeArguments", package.runtime_arguments),
        ):
            for place, item in enumerate(items or ()):
                if item.type == "positional" and item.value is None and not item.value_hint:
                    yield Problem(
                        "neither value nor valueHint",
                        ("packages", index, key, place),
                        "add valueHint, the name of what belongs there",
                    )


RULE = Rule(
    id="positional-argument",
    severity=Severity.ERROR,
    rationale="The official schema: a positional argument has a value or a valueHint.",
    fires=Example(with_package(packageArguments=[{"type": "positional"}])),
    silent=Example(with_package(packageArguments=[{"type": "positional", "value": "serve"}])),
    check=_check,
)
