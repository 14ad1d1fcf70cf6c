"""The one comment of a pull request, edited in place: what to fix first, and how.

Markdown of GitHub's kind. Everything from a submission is shown as code, so that no text of a
stranger becomes a heading, a mention or a link in the registry's own voice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcpreg.core.report import ReportedCheck, ReportedFinding, VersionReport
from mcpreg.usecases.check import TREE_RULE, Checked
from mcpreg.usecases.quoting import as_code

MARKER = "<!-- mcpreg: checks -->"
"""The comment's first line: where an earlier one is recognised, to be edited."""
MAX_FINDINGS = 50  # a comment holds 65,536 characters; the report file holds everything


def render(checked: Checked) -> str:
    """The comment, its marker first."""
    lines = [MARKER, f"### {_verdict(checked)}", ""]
    if checked.tree:
        lines += ["**The change as a whole**", "", *_findings(TREE_RULE.id, checked.tree), ""]
    for report in checked.reports:
        lines += [*_version(report), ""]
    if checked.outside:
        lines += [
            "Changed too, and no part of a version; maintainers must approve: "
            + ", ".join(as_code(path) for path in checked.outside[:20]),
            "",
        ]
    return "\n".join(lines)


def _verdict(checked: Checked) -> str:
    failed = len(checked.broken) + sum(len(report.failed) for report in checked.reports)
    if failed:
        return f"{failed} {'check' if failed == 1 else 'checks'} failed"
    if not checked.reports:
        return "No version is changed"
    if any(check.ours for report in checked.reports for check in report.not_run):
        return "No check failed; some could not be made"
    return "Every check passed"


def _version(report: VersionReport) -> Iterator[str]:
    counts = f"{len(report.checks) - len(report.not_run)} of {len(report.checks)} checks made"
    yield f"**{as_code(f'{report.name}@{report.version}')}**: {counts}"
    yield ""
    for check in report.failed:
        yield from _findings(check.id, check.findings)
    if report.warned:
        yield f"<details><summary>For reviewers: {len(report.warned)} warnings</summary>"
        yield ""
        for check in report.warned:
            yield from _findings(check.id, check.findings)
        yield "</details>"
        yield ""
    for check in report.checks:
        if check.found:
            yield f"`{check.id}`: {as_code(check.found)}"
            yield ""
    theirs = [check for check in report.not_run if not check.ours]
    ours = [check for check in report.not_run if check.ours]
    yield from _not_run("Not run", theirs)
    yield from _not_run("Our fault, not yours; nothing to do for you", ours)
    if report.failed:
        yield f"The same on your machine: `mcpreg validate {report.folder}`"


def _not_run(title: str, checks: Iterable[ReportedCheck]) -> Iterator[str]:
    by_reason: dict[str, list[str]] = {}
    for check in checks:
        by_reason.setdefault(check.reason, []).append(f"`{check.id}`")
    if by_reason:
        yield f"{title}:"
        yield from (f"- {', '.join(ids)}: {as_code(why)}" for why, ids in by_reason.items())
        yield ""


def _findings(rule: str, findings: Iterable[ReportedFinding]) -> Iterator[str]:
    for number, finding in enumerate(findings):
        if number == MAX_FINDINGS:
            yield "- … and more; the report holds all"
            return
        mark = "❌" if finding.severity == "error" else "⚠️"
        place = as_code(f"{finding.file}:{finding.line}")
        yield f"- {mark} {place} `{rule}`: {as_code(finding.message)}"
        if finding.fix:
            yield f"  fix: {as_code(finding.fix)}"
