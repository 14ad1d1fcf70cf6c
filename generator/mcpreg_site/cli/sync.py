"""`mcpreg-site sync`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.output import clean, emit, json_option, note, progress
from mcpreg.errors import NotFoundError, UsageError

if TYPE_CHECKING:  # git and pydantic load slowly, and --help needs neither
    from mcpreg_site.sources.interface import Source
    from mcpreg_site.sync.run import Job, Report
    from mcpreg_site.sync.status import StatusFolder

MAX_SHOWN = 20


@click.command("sync")
@click.argument("names", nargs=-1)
@click.option("--watch", is_flag=True, help="Keep on, each source at its own interval.")
@click.option("--status", is_flag=True, help="Show how the last syncs ended, and sync nothing.")
@click.option("--explain", is_flag=True, help="Say of every entry what happens to it, and why.")
@click.option("--dry-run", is_flag=True, help="Fetch and compare, but commit nothing.")
@click.option("--full", is_flag=True, help="Fetch everything again, whatever is known already.")
@click.option("--allow-many", is_flag=True, help="Retire more than half of a source's versions.")
@click.option("--branch", help="The branch to commit to [default: the one checked out].")
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path(),
    help="The registry's repository [default: here].",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("public"),
    show_default=True,
    help="The site's folder; statuses go to its status/.",
)
@json_option
def command(
    *,
    names: tuple[str, ...],
    watch: bool,
    status: bool,
    explain: bool,
    dry_run: bool,
    full: bool,
    allow_many: bool,
    branch: str | None,
    repo: Path,
    output: Path,
    as_json: bool,
) -> int:
    """Bring the entries of other registries in: every source under sources/, or those in NAMES.

    What a source holds becomes listed entries, in one commit a source or not at all. Nothing that
    somebody submitted, that another source owns, or that is published with other content is ever
    replaced; such conflicts are listed.
    """
    from mcpreg_site.sync.run import Job, Options, Repository, declared
    from mcpreg_site.sync.status import StatusFolder

    repository = Repository(repo, branch or _current_branch(repo))
    sources = declared(repository)
    chosen = _chosen(sources, names)
    statuses = StatusFolder(output.absolute())
    if status:
        _show_statuses(chosen, statuses, as_json=as_json)
        return 0
    dry = dry_run or explain
    job = Job(
        repository,
        Options(full=full or explain, dry=dry, allow_many=allow_many),
        statuses,
        frozenset(source.name for source in sources),
    )
    if not dry:
        statuses.prune(sources)
    if watch:
        return _watch(job, chosen)
    reports, left_off = _sync_all(job, chosen)
    if as_json:
        done = not left_off and all(not report.error for report in reports)
        emit("sync", [document(report) for report in reports], ok=done)
    else:
        for report in reports:
            _show(report, explain=explain)
    if left_off:
        note("stopped by a signal; a source that is not named above is as it was")
        return 128 + left_off  # as a shell says it
    return max((report.error.exit_code for report in reports if report.error), default=0)


def _sync_all(job: Job, sources: list[Source]) -> tuple[list[Report], int]:
    """The reports, and the signal that left the rest undone; 0 when nothing is."""
    from mcpreg_site.sources.stop import StoppedError
    from mcpreg_site.sync.watch import stopped_by_signals

    reports: list[Report] = []
    with stopped_by_signals() as stop:
        job = replace(job, stop=stop)
        try:
            for source in sources:
                reports.append(job.run(source, progress))  # noqa: PERF401  # kept when one is not
        except StoppedError:
            return reports, stop.signal
    return reports, 0


def _current_branch(repo: Path) -> str:
    from mcpreg import gitrepo

    found = gitrepo.open_repository(repo)
    if found.head.is_detached:
        raise UsageError("no branch is checked out", hint="name one: --branch main")
    return str(found.active_branch.name)


def _chosen(sources: tuple[Source, ...], names: tuple[str, ...]) -> list[Source]:
    known = {source.name: source for source in sources}
    for name in names:
        if name not in known:
            raise NotFoundError(
                f"there is no source {name!r}",
                hint=f"sources/ declares {', '.join(known) or 'none'}; commit what you added",
            )
    if not known:
        raise NotFoundError(
            "the branch declares no sources", hint="docs/sources.md shows a document; commit it"
        )
    return [known[name] for name in names] or list(sources)


def _watch(job: Job, sources: list[Source]) -> int:
    import random
    import time

    from mcpreg_site.sync.watch import Schedule, stopped_by_signals, watch

    schedule = Schedule(sources, at=time.monotonic(), spread=random.Random())  # noqa: S311  # jitter
    if not schedule:
        raise UsageError(
            "no source has an interval", hint="syncPolicy.interval in its document, such as 1h"
        )
    with stopped_by_signals() as stop:
        job = replace(job, stop=stop)
        watch(schedule, lambda source: _show(job.run(source, progress)), stop, time.monotonic)
    return 0


def _show(report: Report, *, explain: bool = False) -> None:
    if report.error is not None:
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(clean(f"{report.source}: {report.error.message}"), err=True)
        if report.error.hint:
            note(report.error.hint)
        return
    click.echo(clean(f"{report.source}: {report.message}"))
    limit = None if explain else MAX_SHOWN
    if explain:
        for label in report.plan.added + report.plan.changed:
            click.echo(clean(f"  takes   {label}"))
        for label in report.plan.retired:
            click.echo(clean(f"  retires {label}"))
        for item in report.unwanted:
            click.echo(clean(f"  leaves  {item.name}: {item.because}"))
    _list(
        "conflict",
        [f"{c.name}@{c.version} {c.because}" for c in report.plan.conflicts],
        limit,
    )
    _list(
        "refused", [f"{t.place}: {t.name}: {t.because} [{t.rule}]" for t in report.refused], limit
    )


def _list(what: str, lines: list[str], limit: int | None) -> None:
    for line in lines[:limit]:
        note(f"{what}: {line}")
    if limit is not None and len(lines) > limit:
        note(f"{what}: and {len(lines) - limit} more; --explain shows all")


def document(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    plan = report.plan
    return {
        "source": report.source,
        "changed": report.changed,
        "message": report.message,
        "commit": report.commit,
        "added": plan.added,
        "updated": plan.changed,
        "retired": plan.retired,
        "unchanged": plan.unchanged,
        "conflicts": [
            {"name": c.name, "version": c.version, "because": c.because} for c in plan.conflicts
        ],
        "turned": [
            {"name": t.name, "version": t.version, "place": t.place, "rule": t.rule}
            | {"because": t.because}
            for t in report.turned
        ],
        "error": report.error and {"kind": report.error.kind, "hint": report.error.hint},
    }


def _show_statuses(sources: list[Source], statuses: StatusFolder, *, as_json: bool) -> None:
    from mcpreg_site.sync.status import Status

    rows = [(source, statuses.read(source.name) or Status(phase="Pending")) for source in sources]
    if as_json:
        documents = [
            {"name": source.name, "status": status.model_dump(mode="json", by_alias=True)}
            for source, status in rows
        ]
        emit("sync", documents)
        return
    for source, status in rows:
        click.secho(clean(f"{source.name} "), bold=True, nl=False)
        click.echo(clean(f"{status.phase}  {source.kind}  {status.server_count} servers"))
        click.echo(clean(f"  last sync {status.last_sync_time or 'never'}  {status.message}"))
        if status.sync_attempts:
            click.echo(f"  {status.sync_attempts} attempts since then failed")
        for condition in status.conditions:
            click.echo(clean(f"  {condition.type}={condition.status} {condition.message}"))
