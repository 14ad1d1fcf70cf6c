"""Every client fetches a package from where the checks fetched it."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity


def _check(case: Case) -> Iterator[Problem]:
    for index, package in enumerate(case.manifest.packages or ()):
        if package.registry_base_url is not None:
            yield Problem(
                f"clients of the API would fetch {package.identifier} from "
                f"{package.registry_base_url}; what is checked comes from the usual index",
                ("packages", index, "registryBaseUrl"),
                "remove registryBaseUrl",
            )


RULE = CaseRule(
    id="package-index",
    severity=Severity.ERROR,
    rationale=(
        "mcpreg installs what the lock names, from the index that each machine is set to. Other "
        "clients read registryBaseUrl: a package of the same name lies there that nobody checked."
    ),
    fires=Example(with_package(registryBaseUrl="https://index.example")),
    silent=Example(),
    check=_check,
)
