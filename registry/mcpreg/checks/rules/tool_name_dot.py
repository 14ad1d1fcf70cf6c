"""A tool has a name that every model provider takes."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject


def _check(subject: Subject) -> Iterator[Problem]:
    for index, tool in enumerate(subject.manifest.capabilities.tools):
        if "." in tool.name:
            yield Problem(
                f"{tool.name!r} has a dot, which some model interfaces refuse",
                ("capabilities", "tools", index),
                "use '_' in the server's next version",
            )


RULE = Rule(
    id="tool-name-dot",
    severity=Severity.WARNING,
    rationale="MCP allows a dot, two of the large model interfaces refuse it.",
    fires=Example(with_capabilities(tools=["time.now"])),
    silent=Example(with_capabilities(tools=["time_now"])),
    check=_check,
)
