"""`mcpreg-site build`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.output import emit, json_option, note, progress


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
@json_option
def command(
    rev: str | None, output: Path, repo: Path, templates: Path | None, as_json: bool
) -> None:
    """Build API and pages of a commit into a folder, which any static host can serve."""
    from mcpreg import gitrepo  # git loads slowly, and --help needs none of it
    from mcpreg_site.publish import publish, require_replaceable
    from mcpreg_site.site import render
    from mcpreg_site.templates import find_templates

    require_replaceable(output.absolute())
    if rev is None:
        found = gitrepo.branch_exists(gitrepo.open_repository(repo), gitrepo.PUBLISHED)
        rev = gitrepo.PUBLISHED if found else "HEAD"
    progress(f"reading {rev}")
    snapshot = gitrepo.read(repo, rev)
    tree = render(snapshot, find_templates(templates))
    progress(f"writing {len(tree)} files")
    size = publish(tree, output)
    signed = "timestamp.json" in snapshot.tuf
    if not signed:
        note(
            f"commit {snapshot.commit[:12]} is not signed: this tree can be browsed, "
            "but nothing can be installed from it (mcpreg ci publish signs)"
        )
    if as_json:
        data = {"commit": snapshot.commit, "output": str(output), "files": len(tree)}
        emit("build", {**data, "bytes": size, "signed": signed})
    else:
        click.echo(
            f"{output}: {len(tree)} files, {size / 1024:,.0f} KiB, {rev} at "
            f"{snapshot.commit[:12]}, {'signed' if signed else 'unsigned'}"
        )
