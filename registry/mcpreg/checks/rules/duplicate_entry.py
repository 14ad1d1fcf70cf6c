"""Nothing is declared twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import SANDBOX, Subject
from mcpreg.core.position import Pointer


def _repeated(pointer: Pointer, entries: Sequence[object]) -> Iterator[Problem]:
    seen: set[object] = set()
    for index, entry in enumerate(entries):
        if entry in seen:
            yield Problem(f"{entry!r} is there already", (*pointer, index), "remove one of the two")
        seen.add(entry)


def _check(subject: Subject) -> Iterator[Problem]:
    manifest, offered = subject.manifest, subject.manifest.capabilities
    lists: list[tuple[Pointer, Sequence[object]]] = [
        (("tags",), manifest.tags),
        (("dependencies",), manifest.dependencies),
        (("requiredConsents",), [item.id for item in manifest.required_consents]),
        (("capabilities", "tools"), [item.name for item in offered.tools]),
        (("capabilities", "prompts"), [item.name for item in offered.prompts]),
        (
            ("capabilities", "resources"),
            [item.uri or item.uri_template or item.name for item in offered.resources],
        ),
        (SANDBOX, offered.sandbox),
    ]
    lists += [
        (("packages", index, "environmentVariables"), [item.name for item in variables])
        for index, package in enumerate(manifest.packages or ())
        if (variables := package.environment_variables)
    ]
    for pointer, entries in lists:
        if len(set(entries)) < len(entries):
            yield from _repeated(pointer, entries)


RULE = Rule(
    id="duplicate-entry",
    severity=Severity.ERROR,
    rationale="Of two entries with one name, readers differ in which they take.",
    fires=Example(with_capabilities(tools=["now", "now"])),
    silent=Example(with_capabilities(tools=["now", "zones"])),
    check=_check,
)
