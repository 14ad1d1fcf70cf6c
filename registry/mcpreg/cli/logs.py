"""`mcpreg logs [RUN]`."""

from __future__ import annotations

import click

from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.errors import NotFoundError, VerificationError
from mcpreg.store.places import places

MAX_SHOWN = 20


@click.command("logs")
@click.argument("run", required=False)
@click.option("--last", is_flag=True, help="Show the newest run.")
@click.option("--server", help="Only runs of this server.")
@json_option
def command(run: str | None, last: bool, server: str | None, as_json: bool) -> None:
    """List runs, or show what happened in RUN (a prefix of its id will do), verified."""
    from mcpreg.audit import list_runs

    runs = [item for item in list_runs(places().state) if server in (None, item.server)]
    if run is not None:
        runs = [item for item in runs if item.run_id.startswith(run)]
        if not runs:
            raise NotFoundError(f"no run {run!r} is in the audit log", hint="mcpreg logs")
    if run is not None or (last and runs):
        _show(runs[-1].run_id, as_json=as_json)
        return
    if as_json:
        fields = ("run_id", "server", "version", "started", "ended")
        emit("logs", [{field: getattr(item, field) for field in fields} for item in runs])
        return
    if not runs:
        note("nothing has run yet")
    for item in runs[-MAX_SHOWN:]:
        ended = item.ended or "running, or crashed"
        click.echo(f"{item.run_id}  {item.started}  {clean(item.server)}@{clean(item.version)}")
        click.secho(f"  ended {ended}", dim=True)


def _show(run_id: str, *, as_json: bool) -> None:
    from mcpreg.audit import list_runs, printable, read_run

    run = next(item for item in list_runs(places().state) if item.run_id == run_id)
    reading = read_run(run.path)
    if as_json:
        events = [
            {"seq": e.seq, "time": e.time, "event": e.event, "fields": dict(e.fields)}
            for e in reading.events
        ]
        data = {"run": run_id, "server": run.server, "version": run.version, "events": events}
        emit("logs", {**data, "problem": reading.problem}, ok=reading.intact)
    else:
        click.secho(f"{clean(run.server)}@{clean(run.version)}  run {run_id}", bold=True)
        for event in reading.events:
            fields = "  ".join(
                f"{key}={printable(value)}" for key, value in event.fields.items() if value
            )
            colour = "red" if event.event in ("violation", "refused") else None
            click.secho(f"{event.time}  {event.event:12} {fields}"[:400], fg=colour)
        if reading.problem:
            note(reading.problem)
    if not reading.intact:
        raise VerificationError(
            f"the log of run {run_id} was tampered with: {reading.problem}", where=str(run.path)
        )
    if not as_json:
        note(f"{len(reading.events)} events, chain intact")
