"""A tool has a name that MCP allows."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")


def _check(subject: Subject) -> Iterator[Problem]:
    for index, tool in enumerate(subject.manifest.capabilities.tools):
        if _NAME.fullmatch(tool.name) is None:
            yield Problem(
                f"{tool.name!r} is not a tool name",
                ("capabilities", "tools", index),
                "use letters, digits, '_', '-' and '.' only",
            )


RULE = Rule(
    id="tool-name",
    severity=Severity.ERROR,
    rationale=(
        "MCP 2025-11-25, Tools: letters, digits, underscore, hyphen and dot, 1 to 128 characters."
    ),
    fires=Example(with_capabilities(tools=["time now"])),
    silent=Example(with_capabilities(tools=["time_now"])),
    check=_check,
)
