"""`mcpreg login NAME`: a person signs in to a remote server, once, in their browser."""

from __future__ import annotations

import os
import threading
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.asking import can_ask
from mcpreg.cli.completing import installed_servers
from mcpreg.cli.input_options import given_sources, input_options, typed_now
from mcpreg.cli.output import note
from mcpreg.core.names import parse_reference
from mcpreg.errors import PolicyError, UsageError
from mcpreg.store.places import places

if TYPE_CHECKING:  # the bridge's libraries are imported when somebody signs in
    from mcpreg.core.remote import Origin
    from mcpreg.remote.oauth import Person


@click.command("login")
@click.argument("server", shell_complete=installed_servers)
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option(
    "--client-metadata",
    metavar="URL",
    help="A client metadata document to be known by, instead of registering.",
)
@input_options
def command(
    server: str,
    *,
    no_browser: bool,
    client_metadata: str | None,
    inputs: tuple[str, ...],
    input_file: Path | None,
    secret_files: tuple[str, ...],
) -> None:
    """Sign in to SERVER, a remote one, with OAuth: in the browser, back to this machine.

    The token goes into the keyring, or a file that you alone can read, and is sent to the server's
    own host and no other. mcpreg run uses it, and renews it when it expires.
    """
    from mcpreg.cli.starting import obtain, require_consent
    from mcpreg.usecases.inputs import parse_inputs
    from mcpreg.usecases.remote import Given
    from mcpreg.usecases.remote_ask import login

    if not can_ask():
        raise PolicyError("signing in takes a terminal and a browser", hint="--token-file for run")
    if client_metadata is not None and not client_metadata.startswith("https://"):
        raise UsageError("a client metadata document lies at an https address")
    where = places()
    installed = obtain(where, parse_reference(server))
    name = installed.record.name
    if installed.record.remote is None:
        raise UsageError(f"{name} runs on this machine: there is nothing to sign in to")
    require_consent(where, installed, grants=False, yes=False, drift=False)
    given = Given(
        os.environ,
        parse_inputs(inputs),
        given_sources(where, installed.record, input_file, secret_files),
        person=person(browser=not no_browser, client_metadata=client_metadata),
    )
    asked_for = typed_now(where, installed.record, given)
    if login(where, installed, replace(given, sources=(*given.sources, *asked_for))):
        note(f"signed in to {name}; mcpreg logout {name} forgets it")
    else:
        note(f"{name} answers without a sign-in")


def person(*, browser: bool = True, client_metadata: str | None = None) -> Person:
    """The person at this terminal."""
    from mcpreg.remote.oauth import Person

    def show(url: str, origin: Origin) -> None:
        note(f"sign in at {origin.host}, and come back here. The address is:")
        note(url)
        if browser:
            # Beside us: some browsers are waited for, and the page comes back to this process.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    return Person(show, client_metadata)
