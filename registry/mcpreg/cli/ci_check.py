"""`mcpreg ci check`."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

import mcpreg
from mcpreg.cli.output import clean, emit, json_option, progress

if TYPE_CHECKING:
    from mcpreg.core.report import ReportedFinding, VersionReport
    from mcpreg.usecases.check import Checked

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("check")
@click.argument("servers", nargs=-1, metavar="[NAME[@VERSION]]...")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@click.option("--rev", default="HEAD", show_default=True, help="What to check.")
@click.option(
    "--base",
    help="The branch a pull request is for; without it, what the published branch lacks.",
)
@click.option(
    "--reports",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the reports go, one JSON file a version.",
)
@click.option("--sarif", type=_FILE, help="Where the findings go as SARIF 2.1.0.")
@click.option("--comment", type=_FILE, help="Where the pull request's comment goes (Markdown).")
@click.option("--osv", type=click.Path(path_type=Path), help="An OSV export of advisories.")
@click.option(
    "--event",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="GitHub's event file, which says who opened the pull request.",
)
@click.option("--offline", is_flag=True, help="Make no check that needs a network.")
@json_option
def command(  # noqa: PLR0917  # one parameter an option
    servers: tuple[str, ...],
    repo: Path,
    rev: str,
    base: str | None,
    reports: Path | None,
    sarif: Path | None,
    comment: Path | None,
    osv: Path | None,
    event: Path | None,
    offline: bool,
    as_json: bool,
) -> int:
    """Make every check of what changed: the manifest's rules, and what the world says.

    With NAMEs, of those servers alone, as far as they are not published yet.

    Installs, scans and starts what is submitted, in a sandbox without network. Exit code 1 when a
    check failed; what could not be checked says why and fails nothing here, but the publication of
    a locked version refuses it.
    """
    from mcpreg.core.names import parse_reference
    from mcpreg.evidence.namespace import Places
    from mcpreg.store.files import write_atomic
    from mcpreg.usecases import check
    from mcpreg.usecases.comment import render
    from mcpreg.usecases.gather import Sources
    from mcpreg.usecases.surroundings import submitter_of

    options = check.Options(
        now=datetime.now(UTC).replace(microsecond=0),
        sources=Sources(
            offline=offline,
            osv=osv,
            places=Places(github_token=os.environ.get("GITHUB_TOKEN") or None),
        ),
        submitter=submitter_of(event) if event else None,
        progress=progress,
    )
    if base:
        done = check.check_changes(repo, base, rev, options)
    else:
        only = [parse_reference(server) for server in servers]
        done = check.check_unpublished(repo, rev, options, only)
    if reports:
        check.save(done, reports)
    if sarif:
        write_atomic(sarif, json.dumps(_sarif(done), indent=2).encode())
    if comment:
        write_atomic(comment, render(done).encode())
    if as_json:
        emit("ci check", _document(done), ok=done.ok)
    else:
        _print(done)
    return 0 if done.ok else 1


def _document(done: Checked) -> dict[str, object]:
    return {
        "reports": [item.model_dump(mode="json", by_alias=True) for item in done.reports],
        "tree": [item.model_dump(mode="json", by_alias=True) for item in done.tree],
        "outside": list(done.outside),
        "unjudged": dict(done.unjudged),
    }


def _sarif(done: Checked) -> dict[str, object]:
    from mcpreg.checks.registry import CASE_RULES, RULES
    from mcpreg.checks.sarif import to_sarif
    from mcpreg.usecases.check import TREE_RULE, findings_of

    rules = (*RULES, *CASE_RULES, TREE_RULE)
    return to_sarif(findings_of(done), rules, version=mcpreg.__version__)


def _print(done: Checked) -> None:
    for finding in done.tree:
        _print_finding("tree", finding)
    for report in done.reports:
        _print_report(report)
    for folder, why in done.unjudged.items():
        click.secho(f"{clean(folder)}: not judged: {clean(why)}", fg="red")
    for path in done.outside:
        click.echo(f"{clean(path)}: no part of a version; maintainers must approve it")
    failed = len(done.broken) + sum(len(report.failed) for report in done.reports)
    broke_off = f", {len(done.unjudged)} not judged" if done.unjudged else ""
    click.echo(f"{len(done.reports)} versions checked: {failed} checks failed{broke_off}")


def _print_report(report: VersionReport) -> None:
    counts = ", ".join(
        f"{len(checks)} {word}"
        for checks, word in (
            (report.failed, "failed"),
            (report.warned, "warned"),
            (report.not_run, "not run"),
        )
        if checks
    )
    click.secho(clean(f"{report.name}@{report.version}"), bold=True, nl=False)
    click.echo(f": {len(report.checks)} checks{', ' + counts if counts else ', all passed'}")
    for check in (*report.failed, *report.warned):
        for finding in check.findings:
            _print_finding(check.id, finding)
    for check in report.checks:
        if check.found:
            click.echo(f"  {check.id}: {clean(check.found)}")
    for check in report.not_run:
        click.echo(f"  not run {check.id}: {clean(check.reason)}")


def _print_finding(rule: str, finding: ReportedFinding) -> None:
    color = "red" if finding.severity == "error" else "yellow"
    click.echo(f"  {clean(finding.file)}:{finding.line}:{finding.column}: ", nl=False)
    click.secho(f"{finding.severity} {rule} ", fg=color, nl=False)
    click.echo(clean(finding.message))
    if finding.fix:
        click.secho("    help: ", fg="cyan", nl=False)
        click.echo(clean(finding.fix))
