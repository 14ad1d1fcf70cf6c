"""The folder is named after what lies in it."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core import names

_FIX = "move the file to servers/<namespace>/<name>/<version>/, or correct it"


def _check(subject: Subject) -> Iterator[Problem]:
    if subject.identity is None:
        return
    name, _, version = subject.identity.rpartition("/")
    manifest = subject.manifest
    if manifest.name != name:
        yield Problem(f"the folder says {name!r}, the manifest {manifest.name!r}", ("name",), _FIX)
    if version not in (manifest.version, names.version_folder(manifest.version)):
        yield Problem(
            f"the folder says version {version!r}, the manifest {manifest.version!r}",
            ("version",),
            _FIX,
        )


RULE = Rule(
    id="folder-agrees",
    severity=Severity.ERROR,
    rationale=(
        "People review a path; servers/<namespace>/<name>/<version>/ must hold that name at"
        " that version."
    ),
    fires=Example(identity="io.github.acme/clock/1.3.0"),
    silent=Example(identity="io.github.acme/clock/1.2.0"),
    check=_check,
)
