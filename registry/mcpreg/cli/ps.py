"""`mcpreg ps`."""

from __future__ import annotations

import pwd

import click

from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.store.places import places

_HEADINGS = ("RUN", "PID", "SERVER", "REGISTRY", "SINCE", "USER", "BACKEND")


@click.command("ps")
@json_option
def command(as_json: bool) -> None:
    """Show what runs now."""
    from mcpreg.audit.running import running

    found = running(places().state)
    rows = [
        {
            "run": item.run.run_id,
            "pid": item.process.pid if item.process else None,
            "server": item.run.server,
            "version": item.run.version,
            "registry": item.registry,
            "since": item.run.started,
            "user": None if item.uid is None else _user(item.uid),
            "backend": item.backend,
        }
        for item in found
    ]
    if as_json:
        emit("ps", rows)
        return
    if not rows:
        note("nothing runs")
        return
    lines: list[tuple[str, ...]] = [_HEADINGS]
    for row in rows:
        server = f"{row['server']}@{row['version']}"
        values = (row["run"], row["pid"], server, row["registry"], row["since"], row["user"])
        lines.append(tuple(clean(str(value or "-")) for value in (*values, row["backend"])))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
