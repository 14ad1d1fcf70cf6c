"""What the package's own build system signed holds, and names the manifest's repository."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Builder, Evidence, Missing, Origin
from mcpreg.core.index import PUBLISHER_EVIDENCE
from mcpreg.core.manifest import Repository

_WARN = Severity.WARNING
_PULL = "pull_request"  # and `pull_request_target`, which runs with the repository's own rights


def _check(case: Case) -> Iterator[Problem]:
    origins = case.evidence.provenance
    if isinstance(origins, Missing):
        return
    builders: dict[Builder, None] = {}
    for origin in origins:
        if origin.problem:
            said = f"the publisher's evidence about {origin.artifact} does not hold"
            yield Problem(f"{said}: {origin.problem}", ("packages",))
        elif origin.builder is not None:
            builders[origin.builder] = None
    for builder in builders:
        yield from _of_builder(builder, case.manifest.repository)
    bare = [item.artifact for item in origins if item.builder is None and not item.problem]
    if bare:
        some = f"nothing attests {', '.join(bare[:3])}, and of {len(origins)} files others are"
        yield Problem(f"{some}: was it built elsewhere?", ("packages",), severity=_WARN)


def _of_builder(builder: Builder, repository: Repository | None) -> Iterator[Problem]:
    if (builder.trigger or "").startswith(_PULL):
        said = f"it was built in a run that a pull request started ({builder.trigger})"
        yield Problem(said, ("packages",), severity=_WARN)
    if builder.repository is None:
        said = f"{builder.identity or builder.issuer} signed for it, and no repository is known"
        yield Problem(said, ("packages",), severity=_WARN)
    elif repository is None or not repository.url:
        said = f"it was built from {builder.repository}, which the manifest does not name"
        fix = f'add "repository": {{"url": "{builder.repository}", …}}'
        yield Problem(said, (), fix, severity=_WARN)
    elif not _same(builder, repository):
        yield Problem(
            f"the package was built from {builder.repository}, and not from {repository.url}",
            ("repository", "url"),
            "name the repository that it is built from",
        )


def _same(builder: Builder, repository: Repository) -> bool:
    """By address, which people see, and by number too where the manifest has one.

    A name can be given up and registered again; the number alone could be anybody's.
    """
    if repository.id and builder.repository_id and repository.id != builder.repository_id:
        return False
    return _plain(builder.repository or "") == _plain(repository.url)


def _plain(url: str) -> str:
    return url.casefold().rstrip("/").removesuffix(".git")


def built_by(origins: tuple[Origin, ...]) -> str:
    """One line about who built it."""
    builders = dict.fromkeys(item.builder for item in origins if item.builder)
    return "; ".join(_line(builder) for builder in builders)


def _line(builder: Builder) -> str:
    if builder.repository is None:
        return f"signed for by {builder.identity or builder.issuer}"
    said = f"built from {builder.repository}"
    said += f" by {builder.workflow}" if builder.workflow else ""
    said += f" at {builder.ref}" if builder.ref else ""
    return said + (f", commit {builder.commit[:12]}" if builder.commit else "")


def _found(case: Case) -> str:
    origins = case.evidence.provenance
    return "" if isinstance(origins, Missing) else built_by(origins)


def _example(repository: str) -> Example:
    builder = Builder(
        issuer="https://token.actions.githubusercontent.com",
        identity=f"{repository}/.github/workflows/release.yml@refs/tags/v1.2.0",
        repository=repository,
        workflow=".github/workflows/release.yml",
        ref="refs/tags/v1.2.0",
    )
    origin = Origin("acme_clock-1.2.0-py3-none-any.whl", builder)
    return Example(evidence=Evidence(provenance=(origin,)))


RULE = CaseRule(
    id=PUBLISHER_EVIDENCE,
    severity=Severity.ERROR,
    rationale=(
        "PyPI attestations and npm provenance say which workflow of which repository built the "
        "very bytes that the lock names. Forged evidence, or a build from elsewhere than the "
        "manifest says, is an attack or a mistake. Evidence that is missing proves nothing."
    ),
    fires=_example("https://github.com/eve/clock"),
    silent=_example("https://github.com/acme/clock"),
    check=_check,
    needs=("provenance",),
    found=_found,
)
