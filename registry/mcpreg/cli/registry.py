"""`mcpreg registry add | list | remove`."""

from __future__ import annotations

import sys

import click

from mcpreg.cli.completing import trusted_registries
from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.store.places import places


@click.group("registry")
def command() -> None:
    """Say which registries this machine trusts."""


@command.command("add")
@click.argument("url")
@click.option("--name", help="What to call it here; from the host name when left out.")
@click.option("--root-sha256", help="SHA-256 of the registry's first root, from its operators.")
@json_option
def add(url: str, name: str | None, root_sha256: str | None, as_json: bool) -> None:
    """Trust the registry at URL, pinning its root key set."""
    from mcpreg.usecases import registries

    def confirm(digest: str) -> bool:
        note(f"The root of {url} has SHA-256\n")
        note(f"  {digest.removeprefix('sha256:')}")
        return click.confirm("Do its operators say the same, elsewhere?", err=True)

    ask = confirm if sys.stdin.isatty() and root_sha256 is None else None
    pin = registries.add(places(), url, name=name, root_sha256=root_sha256, confirm=ask)
    if as_json:
        emit("registry add", {"name": pin.name, "url": pin.url, "root": pin.root})
        return
    click.echo(f"trusting {pin.name} at {pin.url}, root {pin.root}")
    note(
        "This registry signs with its own keys only (key-only mode): no public log vouches for it."
    )


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show the trusted registries."""
    from mcpreg.trust.pins import Pins

    pins = Pins(places().config).all()
    if as_json:
        emit("registry list", [{"name": p.name, "url": p.url, "root": p.root} for p in pins])
        return
    if not pins:
        note("no registry is trusted yet; mcpreg registry add URL --root-sha256 DIGEST")
    for pin in pins:
        click.echo(f"{clean(pin.name)}  {clean(pin.url)}  {pin.root}")


@command.command("remove")
@click.argument("name", shell_complete=trusted_registries)
@json_option
def remove(name: str, as_json: bool) -> None:
    """Stop trusting a registry. What is installed from it stays and runs."""
    from mcpreg.trust.pins import Pins

    Pins(places().config).remove(name)
    if as_json:
        emit("registry remove", {"name": name})
    else:
        click.echo(f"{name} is no longer trusted")
