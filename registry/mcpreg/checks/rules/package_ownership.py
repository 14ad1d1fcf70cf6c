"""The package names the server that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Evidence, Missing, PackageClaim

_HOW = {
    "npm": 'put "mcpName": "{name}" into package.json',
    "pypi": "put `mcp-name: {name}` into the package's README",
    "oci": "set the label io.modelcontextprotocol.server.name={name}",
    "mcpb": "serve it from the namespace's own place: a release of its GitHub owner, or its domain",
}


def _check(case: Case) -> Iterator[Problem]:
    claims = case.evidence.ownership
    if isinstance(claims, Missing):
        return
    packages = case.manifest.packages or ()
    for claim in claims:
        if case.manifest.name in claim.names:
            continue
        kind = packages[claim.index].registry_type
        said = f"names {', '.join(claim.names[:3])}" if claim.names else "names no server"
        curated = case.surroundings.curated and not claim.names
        yield Problem(
            f"{claim.identifier} {said}: nothing says that it belongs to {case.manifest.name}",
            ("packages", claim.index, "identifier"),
            _HOW.get(kind, "").format(name=case.manifest.name) or None,
            severity=Severity.WARNING if curated else None,
        )


RULE = CaseRule(
    id="package-ownership",
    severity=Severity.ERROR,
    rationale=(
        "Anybody can list anybody's package; only its owner can make it name the server, as the "
        "official registry asks too. Entries that maintainers added are warned about."
    ),
    fires=Example(
        evidence=Evidence(ownership=(PackageClaim(0, "acme-clock", ("io.github.eve/clock",), ""),))
    ),
    silent=Example(
        evidence=Evidence(ownership=(PackageClaim(0, "acme-clock", ("io.github.acme/clock",), ""),))
    ),
    check=_check,
    needs=("ownership",),
)
