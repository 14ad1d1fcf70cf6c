"""While it starts, the server looks for no file that its capabilities do not name."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.subject import SANDBOX
from mcpreg.core.capability import Files, file_covers
from mcpreg.core.evidence import Behaviour, Evidence, Missing
from mcpreg.core.plan import Access


def _check(case: Case) -> Iterator[Problem]:
    behaviour = case.evidence.behaviour
    if isinstance(behaviour, Missing):
        return
    granted = [item for item in case.subject.capabilities if isinstance(item, Files)]
    for path in behaviour.looked_for:
        wanted = Files(path, Access.READ, tree=False)
        if not any(file_covers(capability, wanted) for capability in granted):
            yield Problem(
                f"it looked for {path} while it started, which is not there in a sandbox",
                SANDBOX,
                "declare it if the server needs it; else nothing is lost",
            )


def _looked_for(*paths: str) -> Evidence:
    return Evidence(behaviour=Behaviour(offer=None, looked_for=paths))


RULE = CaseRule(
    id="looked-for",
    severity=Severity.WARNING,
    rationale=(
        "A file that is looked for at start and not declared is a need that was forgotten, or a "
        "look around. Secrets and ways out of a grant are another check's, and refused."
    ),
    fires=Example(with_capabilities(sandbox=[]), evidence=_looked_for("/opt/acme/licence.key")),
    silent=Example(
        with_capabilities(sandbox=["fs:read:/opt/acme/**"]),
        evidence=_looked_for("/opt/acme/licence.key"),
    ),
    check=_check,
    needs=("behaviour",),
)
