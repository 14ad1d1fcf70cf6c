"""Showing a person what a server may touch, and asking."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from mcpreg.cli.output import clean, note
from mcpreg.core.install import InstallRecord
from mcpreg.store.consents import Consent


def can_ask() -> bool:
    """Whether a person reads and answers here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(record: InstallRecord, before: Consent | None) -> bool:
    """Show what `record` may touch, marked where it is more than was agreed to, and ask."""
    tier, level = record.facts.get("tier", "unverified"), record.facts.get("level", "unknown")
    click.secho(f"{clean(record.name)}@{clean(record.version)}", bold=True, err=True)
    note(f"from {record.registry}, {tier}, safety level {level}")
    for sentence in record.facts.get("sentences") or _plain(record):
        note(f"  {sentence}")
    if before is not None:
        more = sorted(set(record.sandbox) - set(before.sandbox))
        note(f"you agreed to {before.version} before; new since: {', '.join(more) or 'see below'}")
    for identity, reason in record.consents:
        note(f"  it requires your consent ({identity}): {reason}")
    return click.confirm("Run it?", default=False, err=True)


def _plain(record: InstallRecord) -> Iterable[str]:
    return record.sandbox or ("nothing is known of what it may touch",)
