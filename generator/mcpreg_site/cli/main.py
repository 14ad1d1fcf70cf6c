"""The command table of `mcpreg-site`; errors become words in `mcpreg.cli.failing`."""

from __future__ import annotations

import sys

import click

import mcpreg
from mcpreg.cli.main import LazyGroup, guarded
from mcpreg.cli.signals import hear_signals
from mcpreg.cli.streams import open_standard_streams

COMMANDS = {
    "stats": ("mcpreg_site.cli.stats", "Count downloads from the host's access logs."),
    "new": ("mcpreg_site.cli.new", "Begin a registry: a folder with everything it needs."),
    "build": ("mcpreg_site.cli.build", "Build the site of a commit into a folder."),
    "verify": (
        "mcpreg_site.cli.verify",
        "Verify a built site whole: every hash and signature.",
    ),
    "deploy": ("mcpreg_site.cli.deploy", "Bring a built site to its host: S3, or a folder."),
    "serve": ("mcpreg_site.cli.serve", "Serve a built site, API included, on this machine."),
    "sync": ("mcpreg_site.cli.sync", "Bring in the entries of other registries."),
    "export": ("mcpreg_site.cli.export", "Write the registry in the form of another."),
    "keys": ("mcpreg_site.cli.keys", "Make, show and replace the keys a registry signs with."),
}


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(mcpreg.__version__, prog_name="mcpreg-site")
def cli() -> None:
    """Build and serve the site of an MCP registry that lives in a git repository."""


def main() -> None:
    """Entry point: run, translate every failure into words and an exit code."""
    open_standard_streams()
    hear_signals()
    sys.exit(guarded(cli, "mcpreg-site"))
