"""`mcpreg stop`."""

from __future__ import annotations

import click

from mcpreg.cli.completing import running_now
from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.errors import UsageError
from mcpreg.store.places import places

_WORDS = {
    "ended": "ended",
    "killed": "did not end when asked, and was killed",
    "gone": "had ended already",
}


@click.command("stop")
@click.argument("run", required=False, shell_complete=running_now)
@click.option("--all", "every", is_flag=True, help="All that are meant; all runs without RUN.")
@click.option(
    "--grace", type=click.FloatRange(0, 3600), default=5.0, show_default=True,
    metavar="SECONDS", help="How long it may take to end by itself.",
)  # fmt: skip
@json_option
def command(run: str | None, every: bool, grace: float, as_json: bool) -> None:
    """End RUN: an id as `mcpreg ps` shows it, its beginning, or a server's name."""
    from mcpreg.usecases.runs import select_runs, stop

    if run is None and not every:
        raise UsageError("which run?", hint="mcpreg ps; or --all")
    stopped = [stop(item, grace) for item in select_runs(places().state, run, every=every)]
    if as_json:
        emit("stop", [{"run": done.run.run.run_id, "how": done.how} for done in stopped])
        return
    for done in stopped:
        item = done.run.run
        click.echo(f"{item.run_id}  {clean(item.server)}@{clean(item.version)}  {_WORDS[done.how]}")
    if not stopped:
        note("nothing runs")
