"""What came into the package's files since the last approved version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks import examples
from mcpreg.checks.case import Case, Previous, Surroundings
from mcpreg.checks.examples import BASE, TODAY
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import ArtifactFile, Artifacts, Evidence, InstallScript, Missing
from mcpreg.core.lock import LOCK_FILE, parse_lock
from mcpreg.core.manifest import Manifest

MANY = 50  # new files of the package itself; a release of the largest real server brings 20
_SHOWN = 10
_VERSION = re.compile(r"-[^-/]+(?=\.(?:dist-info|data)/)")
_Key = tuple[str, str]


def _check(case: Case) -> Iterator[Problem]:
    new, old = case.evidence.artifacts, case.evidence.previous_artifacts
    previous = case.surroundings.previous
    if isinstance(new, Missing) or new.problems or previous is None or previous.lock is None:
        return
    if isinstance(old, Missing) or old.problems:
        reason = old.reason if isinstance(old, Missing) else old.problems[0]
        yield _problem(f"the files of {previous.version} could not be compared with: {reason}")
        return
    yield from _scripts(old, new)
    before, after = _files(old), _files(new)
    binaries = [key for key in after if _is_new_binary(key, before, after)]
    if binaries:
        yield _problem(f"brings machine code that it had not: {_listed(binaries)}")
    own = _name(new.own)
    added = [key for key in after if key[0] == own and key not in before]
    changed = [
        key
        for key in after
        if key[0] == own and key in before and before[key].sha256 != after[key].sha256
    ]
    if len(added) > MANY:
        yield _problem(
            f"{len(added)} new and {len(changed)} changed files in {own}: {_listed(added)}"
        )


def _scripts(old: Artifacts, new: Artifacts) -> Iterator[Problem]:
    """Code that runs unasked, and did not: by its text, so that a changed one is new as well."""
    known = {(_name(item.artifact), item.kind, item.text) for item in old.scripts}
    for item in new.scripts:
        if (_name(item.artifact), item.kind, item.text) not in known:
            yield Problem(
                f"{item.path} of {item.artifact} runs code unasked, which the last version did "
                f"not: {item.text[:120]!r}",
                file=LOCK_FILE,
                fix="do the work when the server starts, or ask the maintainers for an exception",
                severity=Severity.ERROR,
            )


def _problem(message: str) -> Problem:
    return Problem(message, file=LOCK_FILE, fix="reviewers: look at what they do")


def _is_new_binary(
    key: _Key, before: dict[_Key, ArtifactFile], after: dict[_Key, ArtifactFile]
) -> bool:
    return after[key].binary and not (key in before and before[key].binary)


def _files(artifacts: Artifacts) -> dict[_Key, ArtifactFile]:
    return {(_name(item.artifact), _VERSION.sub("", item.path)): item for item in artifacts.files}


def _name(artifact: str) -> str:
    return artifact.rpartition("@")[0]


def _listed(keys: list[_Key]) -> str:
    names = sorted(f"{name}/{path}" for name, path in keys)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _artifacts(version: str, *scripts: InstallScript, binary: bool = False) -> Artifacts:
    own = f"acme-clock@{version}"
    file = ArtifactFile(own, "acme_clock/_fast.so", 10, "sha256:" + "0" * 64, binary)
    return Artifacts(own, (own,), (file,), scripts)


_OLD = _artifacts("1.1.0")
_PREVIOUS = Previous(
    "1.1.0", Manifest.model_validate(BASE | {"version": "1.1.0"}), parse_lock(examples.lock())
)
_AROUND = Surroundings(today=TODAY, previous=_PREVIOUS)

RULE = CaseRule(
    id="artifact-changes",
    severity=Severity.WARNING,
    rationale=(
        "postmark-mcp was honest for fifteen releases. What a release adds that no earlier one "
        "had is where to look: code that runs unasked is refused, machine code is shown."
    ),
    fires=Example(
        surroundings=_AROUND,
        evidence=Evidence(previous_artifacts=_OLD, artifacts=_artifacts("1.2.0", binary=True)),
    ),
    silent=Example(
        surroundings=_AROUND,
        evidence=Evidence(previous_artifacts=_OLD, artifacts=_artifacts("1.2.0")),
    ),
    check=_check,
    # Not the earlier ones: a first version has none, and is not to wait for them.
    needs=("artifacts",),
)
