"""_meta is small."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.rules.meta_keys import PUBLISHER_KEY
from mcpreg.checks.subject import Subject

MAX_META_BYTES = 4096  # of compact JSON, as the official registry counts


def _check(subject: Subject) -> Iterator[Problem]:
    meta = subject.manifest.meta
    if meta is None:
        return
    size = len(json.dumps(meta, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_META_BYTES:
        message = f"{size} bytes; at most {MAX_META_BYTES}"
        yield Problem(message, ("_meta",), "keep what clients read")


RULE = Rule(
    id="meta-size",
    severity=Severity.ERROR,
    rationale="The official registry takes at most 4096 bytes of it.",
    fires=Example({"_meta": {PUBLISHER_KEY: {"note": "x" * 5000}}}),
    silent=Example({"_meta": {PUBLISHER_KEY: {"note": "x"}}}),
    check=_check,
)
