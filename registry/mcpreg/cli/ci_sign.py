"""`mcpreg ci sign`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.output import emit, json_option, progress


@click.command("sign")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="The repository.")
@click.option("--rev", default="HEAD", show_default=True, help="What will be published.")
@click.option(
    "--reports",
    required=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="What `mcpreg ci check` wrote.",
)
@click.option(
    "--bundles",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the attestations go.",
)
@click.option(
    "--trust-config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    envvar="MCPREG_SIGSTORE_TRUST_CONFIG",
    help="A private Sigstore's client trust config; the public one without it.",
)
@json_option
def command(  # noqa: PLR0917  # one parameter an option
    repo: Path, rev: str, reports: Path, bundles: Path, trust_config: Path | None, as_json: bool
) -> None:
    """Attest each new version that can be installed, as the workflow that this runs in."""
    from mcpreg.usecases.handed import read_handed
    from mcpreg.usecases.sign import sign

    handed = read_handed(reports, None)
    done = sign(
        repo,
        rev,
        handed.reports or {},
        bundles,
        now=datetime.now(UTC).replace(microsecond=0),
        trust_config=trust_config.read_bytes() if trust_config else None,
        progress=progress,
    )
    if as_json:
        emit("ci sign", {"new": list(done.new), "left": list(done.left)})
        return
    for version in done.new:
        click.echo(f"attested {version}")
    click.echo(f"{len(done.new)} attested, {len(done.left)} needed none")
