"""`mcpreg logs [RUN] [-f]`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.completing import installed_servers, running_now
from mcpreg.cli.output import ENVELOPE_VERSION, clean, emit, json_option, note
from mcpreg.errors import NotFoundError, VerificationError
from mcpreg.store.places import places

if TYPE_CHECKING:  # the command imports it when it runs
    from mcpreg.audit import Event, Reading, Run
    from mcpreg.usecases.logs import Wanted

MAX_SHOWN = 20
MAX_LINE = 400


@click.command("logs")
@click.argument("run", required=False, shell_complete=running_now)
@click.option("-f", "--follow", is_flag=True, help="Go on as events are written.")
@click.option("--last", is_flag=True, help="Show the newest run.")
@click.option("--server", shell_complete=installed_servers, help="Only runs of this server.")
@click.option("--event", "events", multiple=True, help="Only this event; several may be given.")
@click.option("--violations", is_flag=True, help="Only what was refused or killed for.")
@click.option("--since", metavar="TIME", help="10m, 2h, 3d ago, or a time.")
@click.option("--until", metavar="TIME", help="The same.")
@json_option
def command(
    *,
    run: str | None,
    follow: bool,
    last: bool,
    server: str | None,
    events: tuple[str, ...],
    violations: bool,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """List runs, or show what happened in RUN (a prefix of its id will do), verified.

    With --event or --violations, show those of every run meant. With -f, go on until RUN has
    ended, or without RUN for ever.
    """
    from datetime import UTC, datetime

    from mcpreg.usecases import logs

    now = datetime.now(UTC)
    wanted = logs.Wanted(
        run,
        server,
        frozenset(events) | (logs.VIOLATIONS if violations else frozenset()),
        logs.moment(since, now) if since else None,
        logs.moment(until, now) if until else None,
    )
    found = logs.runs(places().state, wanted)
    if run is not None and not found:
        raise NotFoundError(f"no run {run!r} is in the audit log", hint="mcpreg logs")
    if run is not None or (last and found):
        wanted = replace(wanted, run=found[-1].run_id)
    if follow:
        _follow(wanted, as_json=as_json)
    elif wanted.run is not None:
        _show(wanted, as_json=as_json)
    elif wanted.events:
        _show_events(wanted, as_json=as_json)
    else:
        _list(found, as_json=as_json)


def _list(found: list[Run], *, as_json: bool) -> None:
    if as_json:
        fields = ("run_id", "server", "version", "started", "ended")
        emit("logs", [{field: getattr(item, field) for field in fields} for item in found])
        return
    if not found:
        note("nothing has run yet")
    for item in found[-MAX_SHOWN:]:
        ended = item.ended or "running, or crashed"
        click.echo(f"{item.run_id}  {item.started}  {clean(item.server)}@{clean(item.version)}")
        click.secho(f"  ended {ended}", dim=True)


def _show(wanted: Wanted, *, as_json: bool) -> None:
    """One run, with all that is asked for of it."""
    from mcpreg.usecases.logs import read

    seen = list(read(places().state, wanted))
    run, reading = seen[-1].run, seen[-1].end
    assert reading is not None  # noqa: S101  # a run's last one is its end
    events = [item.event for item in seen if item.event]
    if as_json:
        data = {"run": run.run_id, "server": run.server, "version": run.version}
        rows = [_row(event) for event in events]
        emit("logs", {**data, "events": rows, "problem": reading.problem}, ok=reading.intact)
    else:
        click.secho(f"{clean(run.server)}@{clean(run.version)}  run {run.run_id}", bold=True)
        for event in events:
            _print(event)
        if reading.problem:
            note(reading.problem)
    _require_intact(run, reading)
    if not as_json:
        note(f"{len(reading.events)} events, chain intact")


def _show_events(wanted: Wanted, *, as_json: bool) -> None:
    """Events of many runs; a tampered log is an error once all were shown."""
    from mcpreg.usecases.logs import read

    rows: list[dict[str, Any]] = []
    tampered: list[tuple[Run, Reading]] = []
    for seen in read(places().state, wanted):
        if seen.end is not None:
            if not seen.end.intact:
                tampered.append((seen.run, seen.end))
        elif seen.event is not None and as_json:
            rows.append({"run": seen.run.run_id, "server": seen.run.server, **_row(seen.event)})
        elif seen.event is not None:
            _print(seen.event, seen.run)
    if as_json:
        emit("logs", rows, ok=not tampered)
    for run, reading in tampered:
        _require_intact(run, reading)


def _follow(wanted: Wanted, *, as_json: bool) -> None:
    """Each event as it comes; with --json an envelope a line."""
    from mcpreg.usecases.logs import follow

    try:
        for seen in follow(places().state, wanted):
            if seen.event is not None and as_json:
                data = {"run": seen.run.run_id, "server": seen.run.server, **_row(seen.event)}
                envelope = {"mcpreg": ENVELOPE_VERSION, "command": "logs", "ok": True}
                click.echo(json.dumps({**envelope, "data": data}))
            elif seen.event is not None:
                _print(seen.event, None if wanted.run else seen.run)
            if seen.end is not None:
                _say_end(seen.run, seen.end)
    except KeyboardInterrupt:
        return  # the usual way to leave


def _say_end(run: Run, reading: Reading) -> None:
    if reading.problem and reading.intact:
        note(f"run {run.run_id}: {reading.problem}")
    _require_intact(run, reading)
    note(f"run {run.run_id} has ended; {len(reading.events)} events, chain intact")


def _require_intact(run: Run, reading: Reading) -> None:
    if not reading.intact:
        raise VerificationError(
            f"the log of run {run.run_id} was tampered with: {reading.problem}", where=str(run.path)
        )


def _row(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "time": event.time,
        "event": event.event,
        "fields": dict(event.fields),
    }


def _print(event: Event, run: Run | None = None) -> None:
    from mcpreg.audit import printable

    fields = "  ".join(f"{key}={printable(value)}" for key, value in event.fields.items() if value)
    colour = "red" if event.event in ("violation", "refused") else None
    whose = f"{run.run_id[-8:]} {clean(run.server)}  " if run else ""
    click.secho(f"{event.time}  {whose}{event.event:12} {fields}"[:MAX_LINE], fg=colour)
