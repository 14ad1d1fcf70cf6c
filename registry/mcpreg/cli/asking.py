"""Showing a person what a server may touch or needs, and asking."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mcpreg.cli.output import clean, note, say
from mcpreg.core.install import InstallRecord
from mcpreg.store.consents import Consent

if TYPE_CHECKING:  # asked about only when something is missing
    from mcpreg.core.inputs import Question


def can_ask() -> bool:
    """Whether a person reads and answers here."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(record: InstallRecord, before: Consent | None) -> bool:
    """Show what `record` may touch, marked where it is more than was agreed to, and ask."""
    import click

    tier, level = record.facts.get("tier", "unverified"), record.facts.get("level", "unknown")
    say(f"{clean(record.name)}@{clean(record.version)}", bold=True)
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


def ask_input(question: Question) -> tuple[str, ...]:
    """Have the values of an input typed, a secret without echo, until they make sense."""
    spec = question.first
    if spec.description:
        note(f"  {spec.description}")
    if spec.choices:
        note(f"    one of {', '.join(spec.choices)}")
    elif spec.placeholder:
        note(f"    such as {spec.placeholder}")
    values = [_typed(question, question.required)]
    while question.repeated and values[-1]:
        note("    another one, or nothing")
        values.append(_typed(question, needed=False))
    return tuple(values[:-1] if len(values) > 1 else values)


def _typed(question: Question, needed: bool) -> str:
    import click

    from mcpreg.core.answers import unsuitable

    while True:
        value: str = click.prompt(
            f"  {clean(question.name)}",
            default="",
            show_default=False,
            hide_input=question.secret,
            err=True,
        )
        wrong = unsuitable(question, value) if value else "is needed" if needed else None
        if wrong is None:
            return value
        note(f"    {question.name} {wrong}")
