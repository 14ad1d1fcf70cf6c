"""`mcpreg pack [FOLDER] -o FILE.mcp`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import clean, emit, json_option, note, progress

if TYPE_CHECKING:
    from mcpreg.core.lock import Lock
    from mcpreg.usecases.pack import InvalidError


@click.command("pack")
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path()
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write [default: NAMESPACE-NAME-VERSION.mcp here].",
)
@click.option("--source", is_flag=True, help="Put src/ in as well.")
@click.option(
    "--artifacts",
    type=click.Choice(["here", "all"]),
    help="Fetch what the lock names into dist/: for a machine like this one, or for every one.",
)
@json_option
def command(
    folder: Path, output: Path | None, source: bool, artifacts: str | None, as_json: bool
) -> None:
    """Pack the version in FOLDER: mcps.json, mcps-lock.json, README.md, LICENSE and dist/.

    The same content makes the same bytes, on every machine. Hidden files and caches stay out. With
    --artifacts a machine without a network can install from the file alone.
    """
    from mcpreg.usecases.pack import InvalidError, pack

    carry = _carrying(everywhere=artifacts == "all") if artifacts else None
    try:
        packed = pack(folder, output, source=source, carry=carry)
    except InvalidError as error:
        say_findings("pack", error, as_json=as_json)
        raise
    if as_json:
        emit(
            "pack",
            {
                "file": str(packed.path),
                "name": packed.name,
                "version": packed.version,
                "digest": packed.digest,
                "bytes": packed.size,
                "files": list(packed.files),
                "leftOut": list(packed.left_out),
            },
        )
        return
    for path in packed.left_out:
        note(f"left out: {path}")
    click.echo(
        f"{clean(str(packed.path))}: {packed.name}@{packed.version}, {len(packed.files)} files, "
        f"{packed.size} bytes, {packed.digest}"
    )


def _carrying(*, everywhere: bool) -> Callable[[Lock], dict[str, bytes]]:
    from mcpreg.packages.carried import artifacts

    return lambda lock: artifacts(lock, everywhere=everywhere, progress=progress)


def say_findings(command_name: str, error: InvalidError, *, as_json: bool) -> None:
    """Print what is wrong with a manifest; with --json that is the answer, and nothing follows."""
    if as_json:
        emit(command_name, error.report.document(), ok=False)
        raise click.exceptions.Exit(error.exit_code)
    for finding in error.report.findings:
        place = f"{finding.file}:{finding.line}:{finding.column}"
        note(f"{place}: {finding.severity} {finding.rule} {finding.message}")
        if finding.fix:
            note(f"  help: {finding.fix}")
