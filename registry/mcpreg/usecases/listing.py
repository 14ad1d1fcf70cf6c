"""Whether a converted document can be listed: schema checks only (SPEC section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpreg.checks import engine
from mcpreg.checks.finding import Finding
from mcpreg.checks.interface import Severity
from mcpreg.checks.reading import Submission
from mcpreg.core import canonical
from mcpreg.core.manifest import MANIFEST_FILE
from mcpreg.core.origin import ORIGIN_FILE


def check(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    """The errors that keep a document out of the registry even as a listed entry; none: it may in.

    `document` is any JSON object, the start that a format made of somebody's entry.
    """
    submission = Submission(
        data=canonical.pretty(document), file=MANIFEST_FILE, files={ORIGIN_FILE: b""}
    )
    found = engine.run(submission)
    return tuple(finding for finding in found if finding.severity is Severity.ERROR)
