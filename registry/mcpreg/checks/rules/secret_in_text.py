"""No credential lies in a file that is published."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.strings import strings
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.position import Place, Pointer

README_FILE = "README.md"
# Forms that their issuers document, so that they can be found; each is linear.
_KINDS = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,90})\b"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,40}\b"),
    ("an OpenAI key", r"\bsk-(?:proj-)?[A-Za-z0-9_-]{20,40}T3BlbkFJ[A-Za-z0-9_-]{20,80}"),
    ("an Anthropic key", r"\bsk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{80,110}\b"),
    ("a Slack token", r"\bxox[abprs]-[0-9]{8,14}-[0-9A-Za-z-]{10,80}"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{20,100}\b"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,200}"),
    ("a Slack webhook",
     r"\bhooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    # The line alone is documentation; a newline may be written \n, as in JSON and .env files.
    ("a private key",
     r"-----BEGIN (?:[A-Z]{2,10} )?PRIVATE KEY-----(?:\\[rn]|\s){1,4}"
     r"(?:M[A-Za-z0-9+/]{5}|b3Blbn)"),
    ("a signed token",
     r"\beyJ[A-Za-z0-9_-]{20,400}\.eyJ[A-Za-z0-9_-]{20,2000}\.[A-Za-z0-9_-]{20,600}"),
)  # fmt: skip
_PATTERNS = tuple((what, re.compile(pattern)) for what, pattern in _KINDS)
_EXAMPLES = re.compile(r"EXAMPLE|example|x{8,}|X{8,}|0{12,}|1234567890")


def _found(text: str) -> Iterator[tuple[str, int]]:
    for what, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if not _EXAMPLES.search(match[0]):
                yield what, match.start()


def _check(case: Case) -> Iterator[Problem]:
    for pointer, text in strings(case.subject.document):
        for what, _ in _found(text):
            yield _problem(what, pointer=pointer)
    yield from _in_files(case.subject.files or {})


def _in_files(files: Mapping[str, bytes]) -> Iterator[Problem]:
    for file in (README_FILE, LOCK_FILE):
        text = files.get(file, b"").decode(errors="replace")
        for what, start in _found(text):
            line = text.count("\n", 0, start) + 1
            column = start - text.rfind("\n", 0, start)
            yield _problem(what, place=Place(line, column), file=file)


def _problem(
    what: str, *, pointer: Pointer = (), place: Place | None = None, file: str | None = None
) -> Problem:
    # Never the secret itself: findings go into comments and logs.
    return Problem(
        f"holds {what}",
        pointer,
        "revoke it now: it is in the history already; then remove it",
        place=place,
        file=file,
    )


RULE = CaseRule(
    id="secret-in-text",
    severity=Severity.ERROR,
    rationale="What is published is read by everybody, within minutes by those who look for keys.",
    fires=Example({"description": "Use AKIA" + "Q7R2M4N8P6T3V5W9"}),
    silent=Example({"description": "Use AKIAIOSFODNN7EXAMPLE, as the documentation does"}),
    check=_check,
)
