"""_meta holds what publishers may put there."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject

PUBLISHER_KEY = "io.modelcontextprotocol.registry/publisher-provided"


def _check(subject: Subject) -> Iterator[Problem]:
    for key in subject.manifest.meta or ():
        if key != PUBLISHER_KEY:
            yield Problem(
                f"{key!r} is not a publisher's to set",
                ("_meta", key),
                f"move it below {PUBLISHER_KEY}",
                at_key=True,
            )


RULE = Rule(
    id="meta-keys",
    severity=Severity.ERROR,
    rationale=(
        "The official registry keeps publisher-provided alone; the other keys are for "
        "registries to set."
    ),
    fires=Example({"_meta": {"dev.mcpreg/entry": {"tier": "certified"}}}),
    silent=Example({"_meta": {PUBLISHER_KEY: {"tool": "x"}}}),
    check=_check,
)
