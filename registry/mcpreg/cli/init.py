"""`mcpreg init PACKAGE | --from FILE`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import clean, emit, json_option, progress
from mcpreg.errors import UsageError

if TYPE_CHECKING:
    from mcpreg.usecases.init import Started


@click.command("init")
@click.argument("package", required=False)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Start from a server.json.",
)
@click.option("--name", help="The server's name, namespace/name.")
@click.option("--description", help="What it does, in at most 100 characters.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The registry's folder; servers/ is made in it. Default: here.",
)
@click.option("--force", is_flag=True, help="Replace an existing manifest and lock.")
@click.option("--no-launch", is_flag=True, help="Do not install and start the package.")
@json_option
def command(
    *,
    package: str | None,
    source: Path | None,
    name: str | None,
    description: str | None,
    output: Path,
    force: bool,
    no_launch: bool,
    as_json: bool,
) -> None:
    """Start a manifest from PACKAGE (pypi:NAME==VERSION, npm:NAME@VERSION) or a server.json.

    Installs the package and starts it once, in the sandbox and without network, to write down
    what it offers, and its lock.
    """
    from mcpreg.core.cutoff import Cutoff
    from mcpreg.usecases import init as usecase

    if package is not None and source is None:
        draft = usecase.draft_from_package(package, name=name, description=description)
    elif source is not None and package is None:
        draft = usecase.draft_from_file(source, name=name, description=description)
    else:
        raise UsageError(
            "give a package or --from FILE, one of the two",
            hint="mcpreg init npm:@scope/name@1.2.3",
        )
    done = usecase.start(
        draft,
        output,
        launch=not no_launch and usecase.can_launch(draft),
        force=force,
        cutoff=Cutoff.settled(datetime.now(UTC)),
        progress=progress,
    )
    if as_json:
        _print_json(done)
    else:
        _print_text(done)


def _print_json(done: Started) -> None:
    emit(
        "init",
        {
            "folder": done.folder.as_posix(),
            "name": done.manifest.name,
            "version": done.manifest.version,
            "tools": [tool.name for tool in done.manifest.capabilities.tools],
            "locked": done.lock is not None,
            "notes": list(done.notes),
            "problems": [finding.message for finding in done.findings],
        },
    )


def _print_text(done: Started) -> None:
    tools = len(done.manifest.capabilities.tools)
    click.echo(f"wrote {clean(done.folder.as_posix())}: {tools} tools", nl=False)
    click.echo(", locked" if done.lock is not None else ", not locked")
    for text in done.notes:
        click.echo(f"  note: {clean(text)}")
    for finding in done.findings:
        click.echo(f"  {finding.severity} {finding.rule}: {finding.message}")
        if finding.fix:
            click.echo(f"    help: {finding.fix}")
    click.echo(f"next: edit it, then mcpreg validate {clean(done.folder.as_posix())}")
