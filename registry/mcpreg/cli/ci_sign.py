"""`mcpreg ci sign`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mcpreg.cli.leaving import left_out_document, left_out_option, say_left_out
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
@left_out_option
@json_option
def command(  # noqa: PLR0917  # one parameter an option
    repo: Path,
    rev: str,
    reports: Path,
    bundles: Path,
    trust_config: Path | None,
    left_out: Path | None,
    as_json: bool,
) -> int:
    """Attest each new version that can be installed, as the workflow that this runs in.

    One that a check keeps out is left out, named on stderr; the others are attested and the exit
    code is 1.
    """
    from mcpreg.usecases.handed import read_handed
    from mcpreg.usecases.sign import sign

    done = sign(
        repo,
        rev,
        read_handed(reports, None),
        bundles,
        now=datetime.now(UTC).replace(microsecond=0),
        trust_config=trust_config.read_bytes() if trust_config else None,
        progress=progress,
    )
    code = say_left_out(done.left_out, left_out)
    if as_json:
        data = {"new": list(done.new), "unneeded": list(done.unneeded)}
        emit("ci sign", data | {"leftOut": left_out_document(done.left_out)}, ok=not code)
        return code
    for version in done.new:
        click.echo(f"attested {version}")
    out = f", {len(done.left_out)} left out" if done.left_out else ""
    click.echo(f"{len(done.new)} attested, {len(done.unneeded)} needed none{out}")
    return code
