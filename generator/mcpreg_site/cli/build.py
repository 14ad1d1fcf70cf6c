"""`mcpreg-site build`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import emit, json_option, note, progress
from mcpreg.errors import UsageError

if TYPE_CHECKING:
    from mcpreg_site.building import Build, Order


@click.command("build")
@click.option("--commit", "rev", help="What to build [default: published, else HEAD].")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("public"),
    show_default=True,
    help="The folder to write or replace.",
)
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The registry's repository [default: here].",
)
@click.option(
    "--templates",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Templates instead of the packaged ones.",
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes [default: one a processor].")
@click.option(
    "--cache/--no-cache",
    "cached",
    default=True,
    help="Remember what was made, and make only what changed [default], or everything anew.",
)
@click.option(
    "--work-tree",
    is_flag=True,
    help="A preview of what is not committed yet, unsigned, instead of a commit.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Build again whenever a new commit is there; with --work-tree, when a file is saved.",
)
@json_option
def command(  # noqa: PLR0917  # click passes every option by name
    rev: str | None,
    output: Path,
    repo: Path,
    templates: Path | None,
    jobs: int | None,
    cached: bool,
    work_tree: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Build API and pages of a commit into a folder, which any static host can serve.

    A build makes and writes only what changed since the last one into the same folder. The result
    is the same bytes with and without that memory, and with any number of processes.
    """
    from mcpreg_site.building import (  # git loads slowly, and --help needs none of it
        Order,
        build,
        follow,
    )
    from mcpreg_site.publish import require_replaceable
    from mcpreg_site.templates import find_templates
    from mcpreg_site.workers import available

    if rev and work_tree:
        raise UsageError("--commit and --work-tree are two things to build", hint="leave one out")
    require_replaceable(output.absolute())
    with tempfile.TemporaryDirectory(prefix="mcpreg-build-") as scratch:
        order = Order(
            repo=repo,
            rev=rev,
            output=output,
            templates=find_templates(templates),
            jobs=jobs or available(),
            cached=cached,
            say=progress,
            note=note,
            drafts=Path(scratch, "index") if work_tree else None,
        )
        for done in follow(order) if watch else [build(order)]:
            _show(order, done, as_json=as_json)


def _show(order: Order, done: Build, *, as_json: bool) -> None:
    if not done.signed:
        note(
            f"commit {done.commit[:12]} is not signed: this tree can be browsed, "
            "but nothing can be installed from it (mcpreg ci publish signs)"
        )
    site = done.published
    if as_json:
        data = {"commit": done.commit, "output": str(order.output), "files": site.files}
        work = {"made": site.made, "written": site.written, "removed": site.removed}
        emit("build", {**data, "bytes": site.size, "signed": done.signed, **work})
    else:
        click.echo(
            f"{order.output}: {site.files} files, {site.size / 1024:,.0f} KiB, {done.rev} at "
            f"{done.commit[:12]}, {'signed' if done.signed else 'unsigned'}; "
            f"{site.written} written, {site.removed} removed"
        )
