"""`mcpreg-site export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import emit, json_option, note, progress
from mcpreg.errors import UsageError

if TYPE_CHECKING:  # formats load slowly, and --help needs none
    from mcpreg.formats.interface import Written


@click.command("export")
@click.option(
    "--format", "name", required=True, help="toolhive, upstream, docker, server-json, mcps, …"
)
@click.option("--commit", "rev", help="What to export [default: published, else HEAD].")
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The registry's repository [default: here].",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File or new folder [default: standard output, if it is one file].",
)
@click.option("--all-versions", is_flag=True, help="Every version, not only each server's latest.")
@json_option
def command(
    *,
    name: str,
    rev: str | None,
    repo: Path,
    output: Path | None,
    all_versions: bool,
    as_json: bool,
) -> None:
    """Write the registry in the form of another one.

    What is deleted is left out. What the form cannot hold is said on standard error, a line each;
    a line without a place means that the server is left out.
    """
    from mcpreg.usecases.convert import find_format, save
    from mcpreg_site.export import export, read_catalog

    if as_json and output is None:
        raise UsageError("--json tells what was written, so it needs --output")
    form = find_format(name)
    catalog = read_catalog(repo, rev)
    progress(f"writing {name}")
    written = export(catalog, form, all_versions=all_versions)
    for loss in written.losses:
        note(str(loss))
    if not written.files:
        note(f"nothing of this registry fits the form {name}, so nothing is written")
    elif output is None:
        _print(written)
    else:
        save(written.files, output)
    if as_json:
        losses = [
            {"server": loss.server, "pointer": loss.pointer, "reason": loss.reason}
            for loss in written.losses
        ]
        data = {"format": name, "commit": catalog.commit, "output": str(output)}
        emit("export", {**data, "files": sorted(written.files), "losses": losses})


def _print(written: Written) -> None:
    if len(written.files) != 1:
        raise UsageError(
            f"this form makes {len(written.files)} files", hint="name a folder with --output"
        )
    (data,) = written.files.values()
    sys.stdout.buffer.write(data)
