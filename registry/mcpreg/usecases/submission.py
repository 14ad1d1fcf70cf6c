"""What a person hands to `mcpreg publish`, as the files of one version folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mcpreg.checks import reading
from mcpreg.checks.case import Case, Surroundings
from mcpreg.checks.interface import Severity
from mcpreg.checks.judge import judge
from mcpreg.checks.reading import read
from mcpreg.checks.rules import client_start, package_index
from mcpreg.checks.subject import subject_of
from mcpreg.core import canonical
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import ACCEPTED_FILES, MANIFEST_FILE, Manifest
from mcpreg.errors import UsageError
from mcpreg.formats.interface import Imported
from mcpreg.formats.mcp_archive import ENDING, TOP_FILES
from mcpreg.formats.registry import detect
from mcpreg.usecases import init
from mcpreg.usecases.convert import read_input
from mcpreg.usecases.pack import Content, read_packed, require_valid

AT_ONCE = (package_index.RULE, client_start.RULE)
"""Rules of CI that need the manifest alone, and that most often meet a server.json of elsewhere."""
_PACKAGES = ("npm:", "pypi:")


@dataclass(frozen=True, slots=True)
class Submission:
    """One version, checked, as it will lie in the registry.

    `notes` are what a person should still look at.
    """

    manifest: Manifest
    files: dict[str, bytes]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person says about a source that does not say it itself.

    `cutoff` is of the locks that are made here, its later moment today; `launch` False makes
    none.
    """

    cutoff: Cutoff
    name: str | None = None
    description: str | None = None
    launch: bool = True
    progress: Callable[[str], None] = lambda _: None


def prepare(source: str, wishes: Wishes) -> Submission:
    """The version that `source` means: a version folder, an archive, a manifest, or a package.

    Raises:
        UsageError: nothing there, several servers, not enough to make a manifest of, or something
            in it that CI would refuse (`AT_ONCE`).
        InvalidError: the manifest or its lock has errors.
        FormatError: the file is in no known form.
    """
    if source.startswith(_PACKAGES):
        draft = init.draft_from_package(source, name=wishes.name, description=wishes.description)
        return _started(draft, wishes)
    path = Path(source)
    if not os.path.lexists(path):
        raise UsageError(
            f"{source} does not exist",
            hint="give a folder, a .mcp, .kpkg or server.json file, or npm:NAME@VERSION",
        )
    if path.is_dir() and os.path.lexists(path / MANIFEST_FILE):
        return _taken(_version_folder(path), wishes)
    if path.suffix == ENDING:
        return _taken(read_packed(path), wishes)
    if path.name == MANIFEST_FILE:
        return _taken(_version_folder(path.parent), wishes)
    if path.name in ACCEPTED_FILES:
        draft = init.draft_from_file(path, name=wishes.name, description=wishes.description)
        return _started(draft, wishes)
    return _started(_converted(path, wishes), wishes)


def _version_folder(folder: Path) -> Content:
    files: dict[str, bytes] = {}
    for name in TOP_FILES:  # whatever else lies there is no part of a version
        if os.path.lexists(folder / name):
            files |= read_input(folder / name)
    return Content(files, require_valid(files, str(folder)))


def _taken(content: Content, wishes: Wishes) -> Submission:
    """A version that its author has finished: nothing is changed, so nothing may be wished."""
    if wishes.name is not None or wishes.description is not None:
        raise UsageError(
            "the manifest says its name and description", hint="change them there, then lock again"
        )
    _require_acceptable(content.files[MANIFEST_FILE], wishes)
    files = {name: content.files[name] for name in TOP_FILES if name in content.files}
    notes = () if LOCK_FILE in files else (_NO_LOCK,)
    return Submission(content.manifest, files, notes)


def _require_acceptable(data: bytes, wishes: Wishes) -> None:
    """Refuse before anything is installed or pushed; what cannot be read is refused elsewhere."""
    subject = subject_of(read(reading.Submission(data=data, file=MANIFEST_FILE)))
    if subject is None:
        return
    case = Case(subject, Surroundings(date.fromisoformat(wishes.cutoff.package[:10])))
    found = [item for judged in judge(case, AT_ONCE) for item in judged.findings]
    refused = [item for item in found if item.severity is Severity.ERROR]
    if refused:
        said = "; ".join(f"{item.rule}: {item.message}" for item in refused)
        raise UsageError(f"CI would refuse this: {said}", hint=refused[0].fix)


_NO_LOCK = "there is no lock, so nobody can install it: mcpreg lock makes one"


def _converted(path: Path, wishes: Wishes) -> init.Draft:
    """The one server that a file or folder in another form holds."""
    files = read_input(path)
    found = list(detect(files).read(files))
    if len(found) != 1:
        raise UsageError(
            f"{path} holds {len(found)} servers; one is submitted at a time",
            hint="mcpreg convert makes a folder of each",
        )
    (entry,) = found
    if not isinstance(entry, Imported):
        raise UsageError(entry.reason, where=f"{path}: {entry.place}")
    document = dict(entry.document)
    if wishes.name is not None:
        document["name"] = wishes.name
    if wishes.description is not None:
        document["description"] = wishes.description
    return init.Draft(document, entry.notes)


def _started(draft: init.Draft, wishes: Wishes) -> Submission:
    """A manifest made from the draft in a folder of its own; locked when there is a package."""
    _require_acceptable(canonical.pretty(draft.document), wishes)
    launch = wishes.launch and init.can_launch(draft)
    with tempfile.TemporaryDirectory(prefix="mcpreg-submit-") as scratch:
        started = init.start(
            draft,
            Path(scratch),
            launch=launch,
            force=False,
            cutoff=wishes.cutoff,
            progress=wishes.progress,
        )
        content = _version_folder(started.folder)
    notes = started.notes if started.lock else (*started.notes, _NO_LOCK)
    return Submission(content.manifest, content.files, notes)
