"""No code runs because a package was installed, or because an interpreter started."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Artifacts, Evidence, InstallScript, Missing
from mcpreg.core.lock import LOCK_FILE

_SHOWN = 120  # characters of a script in a message
_NAMED = {
    "pth": "runs at every start of Python",
    "start": "is imported at every start of Python",
    "command": "comes as a ready-made command beside the declared ones",
}


def _check(case: Case) -> Iterator[Problem]:
    artifacts = case.evidence.artifacts
    if isinstance(artifacts, Missing):
        return
    for script in artifacts.scripts:
        own = script.artifact == artifacts.own and script.kind != "command"
        yield Problem(
            f"{script.path} of {script.artifact} {_said(script)}",
            file=LOCK_FILE,
            fix="do the work when the server starts" if own else "reviewers: read what it does",
            severity=None if own else Severity.WARNING,
        )


def _said(script: InstallScript) -> str:
    what = _NAMED.get(script.kind, f"runs {script.kind}")
    return f"{what}: {' '.join(script.text.split())[:_SHOWN]!r}"


def _artifacts(*scripts: InstallScript) -> Evidence:
    own = "acme-clock@1.2.0"
    return Evidence(artifacts=Artifacts(own=own, packages=(own,), files=(), scripts=scripts))


RULE = CaseRule(
    id="install-scripts",
    severity=Severity.ERROR,
    rationale=(
        "Most malicious packages act at install time, before anybody has started them. mcpreg "
        "installs without scripts, but other clients run them outside of any sandbox. Those of "
        "dependencies are warnings: some build native code."
    ),
    fires=Example(
        evidence=_artifacts(
            InstallScript(
                artifact="acme-clock@1.2.0",
                path="package.json",
                kind="postinstall",
                text="node setup.js",
            )
        )
    ),
    silent=Example(evidence=_artifacts()),
    check=_check,
    needs=("artifacts",),
)
