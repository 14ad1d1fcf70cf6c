"""From bytes to a document and the problems of its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from mcpreg.checks.interface import Problem
from mcpreg.checks.shape import Misshape, misshapes
from mcpreg.core import position
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from mcpreg.core.origin import ORIGIN_FILE
from mcpreg.core.position import StrictJSONError


@dataclass(frozen=True, slots=True)
class Submission:
    """What was handed in: the manifest's bytes and what lies around them.

    `identity` is `namespace/name/version` when the file lies in a registry's `servers/`; `files`
    are the neighbours by name (README.md, mcps-lock.json, source.json), None when nobody looked.
    `unreadable` says why there are no bytes.
    """

    data: bytes
    file: str = MANIFEST_FILE
    identity: str | None = None
    files: Mapping[str, bytes] | None = None
    unreadable: str | None = None

    @property
    def is_listed(self) -> bool:
        """Whether it is a mirrored entry that nobody locked; then only its shape is checked."""
        files = self.files or {}
        return ORIGIN_FILE in files and LOCK_FILE not in files


@dataclass(frozen=True, slots=True)
class Reading:
    """A submission as far as it could be read: at most one of `syntax` and `document` is set."""

    submission: Submission
    document: Any = None
    text: str = ""
    syntax: StrictJSONError | None = None
    shape: tuple[Misshape, ...] = field(default=())
    manifest: Manifest | None = None

    @property
    def too_large(self) -> bool:
        """Whether it was not even looked at."""
        return len(self.submission.data) > MAX_MANIFEST_BYTES


def read(submission: Submission) -> Reading:
    """Parse, then compare with the model. Never raises: what is wrong is in the result."""
    if submission.unreadable or len(submission.data) > MAX_MANIFEST_BYTES:
        return Reading(submission)
    try:
        document = position.loads(submission.data)
    except StrictJSONError as error:
        return Reading(submission, syntax=error)
    text = submission.data.decode()
    try:
        manifest = parse_manifest(submission.data)
    except ValidationError as error:
        return Reading(submission, document, text, shape=misshapes(error, document))
    return Reading(submission, document, text, manifest=manifest)


def refused(kind: str, fix: str | None = None) -> Callable[[Reading], Iterator[Problem]]:
    """The check of a rule that owns one kind of `StrictJSONError`."""

    def check(reading: Reading) -> Iterator[Problem]:
        error = reading.syntax
        if error is not None and error.kind == kind:
            yield Problem(error.message, fix=fix, place=error.place)

    return check


def misshapen(rule: str, *, at_key: bool = False) -> Callable[[Reading], Iterator[Problem]]:
    """The check of a rule that owns some of the model's errors."""

    def check(reading: Reading) -> Iterator[Problem]:
        for wrong in reading.shape:
            if wrong.rule == rule:
                yield Problem(wrong.message, wrong.pointer, wrong.fix, at_key=at_key)

    return check
