"""`mcpreg info NAME[@VERSION]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mcpreg.cli.completing import installed_servers
from mcpreg.cli.output import clean, emit, json_option, offline_option
from mcpreg.core.names import parse_reference
from mcpreg.store.places import places

if TYPE_CHECKING:  # pydantic loads slowly
    from mcpreg.core.index import IndexedVersion


@click.command("info")
@click.argument("server", shell_complete=installed_servers)
@click.option("--registry", help="Ask this registry only.")
@offline_option
@json_option
def command(server: str, registry: str | None, as_json: bool) -> None:
    """Show SERVER as its registry signed it: what it offers and what it could touch."""
    from mcpreg.usecases.inspect import inspect

    shown = inspect(places(), parse_reference(server), registry)
    if as_json:
        emit("info", shown.document())
        return
    manifest, indexed = shown.manifest, shown.indexed
    click.secho(clean(f"{manifest.title or manifest.name}"), bold=True)
    click.echo(clean(f"{manifest.name}@{manifest.version} from {shown.registry}"))
    click.echo(clean(manifest.description))
    click.echo(
        f"\nsafety   {shown.safety or 'not stated'}"
        f"\nstatus   {clean(status(indexed))}"
        f"\nlocked   {'yes' if indexed.lock else 'no: listed only, cannot be installed'}"
        f"\nlicence  {clean(manifest.license or 'not declared')}"
        f"\nbuilt    {clean(shown.built or 'nobody asked')}"
        f"\nversions {', '.join(clean(version) for version in shown.versions)}"
    )
    click.secho("\nWhat it can touch", bold=True)
    if not shown.sentences:
        click.echo(clean(f"  nobody says: it is mirrored from {indexed.source} and not locked"))
    for sentence in shown.sentences:
        click.echo(f"  {clean(sentence)}")
    asked = manifest.capabilities.limits
    if asked is not None:
        limits = asked.model_dump(exclude_none=True).items()
        click.echo("  asks for " + ", ".join(f"{name} {value:,}" for name, value in limits))
    for consent in manifest.required_consents:
        click.echo(clean(f"  asks for your consent ({consent.id}): {consent.reason}"))
    if manifest.capabilities.tools:
        click.secho(f"\n{len(manifest.capabilities.tools)} tools", bold=True)
    for tool in manifest.capabilities.tools:
        first = (tool.description or "").strip().partition("\n")[0]
        click.echo(clean(f"  {tool.name}  {first}")[:100])


def status(indexed: IndexedVersion) -> str:
    """Status with its message, tier and who answers for the entry."""
    said = f" ({indexed.status_message})" if indexed.status_message else ""
    words = [indexed.status + said, indexed.tier]
    words += ["curated"] if indexed.curated else []
    words += [f"mirrored from {indexed.source}"] if indexed.source else []
    return ", ".join(words)
