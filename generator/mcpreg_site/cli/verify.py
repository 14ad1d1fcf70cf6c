"""`mcpreg-site verify`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mcpreg.cli.output import clean, emit, json_option, progress
from mcpreg.errors import VerificationError

_SHOWN = 50  # lines; a site of another registry would print 400,000


@click.command("verify")
@click.argument(
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("public"),
)
@click.option(
    "--root-sha256", help="The digest that the first root must have [default: any; it is shown]."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes [default: one a processor].")
@json_option
def command(folder: Path, *, root_sha256: str | None, jobs: int | None, as_json: bool) -> None:
    """Verify the site in FOLDER whole, as a client would: [default: public].

    The TUF metadata from the first root on; every signed document and every file that one names, by
    digest; that API and pages show every version that is signed, and that nothing lies between the
    signed files that nobody signed. Needs no network and no cache.
    """
    from mcpreg_site.verifying import verify_site  # loads slowly, and --help needs none of it
    from mcpreg_site.workers import available

    digest = f"sha256:{root_sha256.removeprefix('sha256:').lower()}" if root_sha256 else None
    found = verify_site(folder, jobs or available(), digest, progress)
    if as_json:
        emit("verify", asdict(found), ok=not found.findings)
        raise click.exceptions.Exit(VerificationError.exit_code if found.findings else 0)
    for finding in found.findings[:_SHOWN]:
        click.echo(clean(f"{finding.kind:10} {finding.path}: {finding.message}"))
    if len(found.findings) > _SHOWN:
        click.echo(f"and {len(found.findings) - _SHOWN} more; --json has all")
    click.echo(
        f"{found.servers} servers, {found.versions} versions; {found.files} files "
        f"compared with what is signed, from the root {found.root}"
    )
    if found.findings:
        raise VerificationError(
            f"{len(found.findings)} things in {folder} are not as they were signed",
            hint="do not deploy it; build it anew with: mcpreg-site build --no-cache",
        )
