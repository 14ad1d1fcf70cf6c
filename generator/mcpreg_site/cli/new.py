"""`mcpreg-site new FOLDER`."""

from __future__ import annotations

from pathlib import Path

import click

from mcpreg.cli.output import clean, emit, json_option, note


@click.command("new")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The registry's short name, such as acme-tools.")
@click.option("--owner", required=True, help="Who maintains it: a GitHub account, or org/team.")
@click.option("--base-url", help="Where the site will live: https, no final slash.")
@click.option(
    "--action",
    metavar="OWNER/REPO@COMMIT",
    help="The mcpreg that its workflows run; without it none are written.",
)
@json_option
def command(
    *, folder: Path, name: str, owner: str, base_url: str | None, action: str | None, as_json: bool
) -> None:
    """Begin a registry in FOLDER: settings, workflows, code owners, and folders for its entries."""
    from mcpreg_site.new import DEFAULT_BASE_URL, Registry, write

    written = write(Registry(name, owner, base_url or DEFAULT_BASE_URL, action), folder)
    if as_json:
        emit("new", {"folder": str(folder), "files": written, "workflows": action is not None})
        return
    click.echo(f"{clean(str(folder))}: {len(written)} files")
    if action is None:
        note("no workflows: --action OWNER/REPO@COMMIT names the mcpreg that they would run")
    if base_url is None:
        note(f"base_url in mcpreg.toml is {DEFAULT_BASE_URL}: set it to your own")
    click.echo(f"next: cd {clean(str(folder))} && git init -b main && mcpreg-site keys init")
