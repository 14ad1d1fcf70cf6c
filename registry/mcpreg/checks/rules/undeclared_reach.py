"""What the server reached for while it was watched is what its capabilities name."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.subject import SANDBOX
from mcpreg.core.capability import Capability, Egress, Files, Variable, file_covers
from mcpreg.core.evidence import Behaviour, Evidence, Missing
from mcpreg.core.plan import Access


def _check(case: Case) -> Iterator[Problem]:
    behaviour = case.evidence.behaviour
    if isinstance(behaviour, Missing):
        return
    granted = case.subject.capabilities
    for target in behaviour.reached:
        if not any(_names(capability, target) for capability in granted):
            kind, _, what = target.partition(":")
            yield Problem(
                f"it reached for {_WORDS.get(kind, kind)} {what}, which no capability names",
                SANDBOX,
                "declare it with the reason in the README, or do without",
            )


_WORDS = {"file": "the file", "host": "the host", "env": "the variable"}


def _names(capability: Capability, target: str) -> bool:
    kind, _, what = target.partition(":")
    match capability:
        case Variable(name):
            return kind == "env" and what == name
        case Egress(endpoints):
            return kind == "host" and any(_is_at(what, end.host, end.port) for end in endpoints)
        case Files():
            return kind == "file" and file_covers(capability, Files(what, Access.READ, tree=False))
        case _:
            return False


def _is_at(what: str, host: str, port: int) -> bool:
    """Whether `name` or `name:port` is the declared host; `*.` stands for subdomains."""
    name, colon, number = what.lower().rpartition(":")
    if not colon:
        name, number = what.lower(), str(port)
    fits = name.endswith(host[1:]) if host.startswith("*.") else name == host
    return fits and number == str(port)


def _reached(*targets: str) -> Evidence:
    return Evidence(behaviour=Behaviour(offer=None, reached=targets))


_EGRESS = with_capabilities(sandbox=["net:egress:time.example.com:443"])

RULE = CaseRule(
    id="undeclared-reach",
    severity=Severity.ERROR,
    rationale=(
        "A server that reaches for more than it declares while nobody asked it anything either "
        "forgot to say so or hoped that nobody looks."
    ),
    fires=Example(_EGRESS, evidence=_reached("host:collect.example.net:443")),
    silent=Example(_EGRESS, evidence=_reached("host:time.example.com")),
    check=_check,
    needs=("behaviour",),
)
