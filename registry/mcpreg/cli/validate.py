"""`mcpreg validate [PATH…]`: every problem at once, with its place and its fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

import mcpreg
from mcpreg.cli.output import clean, emit, json_option, note

if TYPE_CHECKING:
    from mcpreg.checks.finding import Finding
    from mcpreg.usecases.validate import Report


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="How to print what was found.",
)
@click.option("--fix", is_flag=True, help="Rewrite server.json and mcp-manifest.json to mcps.json.")
@json_option
def command(paths: tuple[Path, ...], form: str, fix: bool, as_json: bool) -> int:
    """Check manifests: files, version folders, or trees of them.

    Without PATH: the manifest in this folder, or all below servers/. Exit code 1 when there is an
    error; warnings alone are 0.
    """
    from mcpreg.usecases import validate as usecase

    found = usecase.find(paths)
    if fix:
        found = [_rewritten(path) for path in found]
    report = sum(map(usecase.validate_file, found), usecase.Report((), ()))
    if as_json or form == "json":
        emit("validate", report.document(), ok=report.ok)
    elif form == "sarif":
        _print_sarif(report)
    else:
        _print_text(report)
    return 0 if report.ok else 1


def _rewritten(path: Path) -> Path:
    from mcpreg.usecases.validate import rewrite

    done = rewrite(path)
    if done is None:
        return path
    note(f"{done.old} is {done.new} now")
    for text in done.notes:
        note(f"  {text}")
    return done.new


def _print_sarif(report: Report) -> None:
    from mcpreg.checks.registry import RULES
    from mcpreg.checks.sarif import to_sarif

    log = to_sarif(report.findings, RULES, version=mcpreg.__version__)
    click.echo(json.dumps(log, indent=2))


def _print_text(report: Report) -> None:
    for finding in report.findings:
        _print_finding(finding)
    count = f"{_count(len(report.files), 'manifest')}: "
    if not report.findings:
        click.echo(count + "no problem found")
        return
    click.echo(count + f"{_count(report.errors, 'error')}, {_count(report.warnings, 'warning')}")


def _print_finding(finding: Finding) -> None:
    color = "red" if finding.severity == "error" else "yellow"
    click.secho(f"{clean(finding.file)}:{finding.line}:{finding.column}: ", bold=True, nl=False)
    click.secho(f"{finding.severity} {finding.rule} ", fg=color, nl=False)
    click.echo(clean(finding.message))
    if finding.fix:
        click.secho("  help: ", fg="cyan", nl=False)
        click.echo(clean(finding.fix))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
