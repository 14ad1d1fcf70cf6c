"""`mcpreg update [NAME…]`: see what changes, agree to what widens, and go there or back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.output import clean, emit, json_option, offline_option, progress, say
from mcpreg.core.names import parse_reference
from mcpreg.errors import McpregError, PolicyError, UsageError
from mcpreg.store.places import places

if TYPE_CHECKING:  # pydantic loads slowly
    from mcpreg.core.difference import Changes
    from mcpreg.usecases.update import Update


@click.command("update")
@click.argument("servers", nargs=-1)
@click.option("--check", is_flag=True, help="Only show what would change; exit 1 when anything.")
@click.option("--yes", is_flag=True, help="Agree to what widens, unasked.")
@click.option("--rollback", is_flag=True, help="Go back to the version installed before.")
@offline_option
@json_option
def command(servers: tuple[str, ...], check: bool, yes: bool, rollback: bool, as_json: bool) -> int:
    """Update SERVERS, all that are installed when none is named.

    Shows what the new version may touch, which tools and descriptions changed, variables,
    artifacts and signer. What widens is asked about again. The old version stays installed until
    mcpreg uninstall, and --rollback returns to it.
    """
    from mcpreg.usecases import update
    from mcpreg.usecases.vet import require_permitted

    where = places()
    names = [parse_reference(server).name for server in servers]
    if rollback:
        return _roll_back(names, as_json=as_json)
    require_permitted(where, grants=False, yes=yes, drift=False)
    done: list[dict[str, Any]] = []
    failed: McpregError | None = None
    for name in names or update.installed_names(where):
        try:
            found = update.available(where, name)
            if found is None:
                _say(f"{name} is up to date", as_json=as_json)
                continue
            if not as_json:
                _show(found)
            if not check:
                update.apply(where, found, _agree(found, yes=yes, as_json=as_json), progress)
                _say(f"updated {name} to {found.latest.version}", as_json=as_json)
            done.append(_document(found))
        except McpregError as error:
            if len(names) == 1:
                raise
            # The others are not held up by one that cannot be updated.
            say(f"{clean(name)}: {clean(error.message)}", fg="red")
            failed = error
    if as_json:
        emit("update", {"updates": done, "applied": not check}, ok=failed is None)
    if failed is not None:
        return failed.exit_code
    return 1 if check and done else 0


def _roll_back(names: list[str], *, as_json: bool) -> int:
    from mcpreg.usecases import update

    if len(names) != 1:
        raise UsageError("--rollback takes one server", hint="mcpreg update --rollback NAME")
    gone, back = update.roll_back(places(), names[0])
    if as_json:
        emit("update", {"name": names[0], "removed": gone, "version": back})
    else:
        click.echo(clean(f"{names[0]} is at {back} again; {gone} was removed"))
    return 0


def _say(text: str, *, as_json: bool) -> None:
    if not as_json:
        click.echo(clean(text))


def _agree(found: Update, *, yes: bool, as_json: bool) -> str | None:
    from mcpreg.cli.asking import can_ask

    if not found.asks:
        return None
    if yes:
        return "--yes"
    if as_json or not can_ask():
        raise PolicyError(
            f"{found.latest.name}@{found.latest.version} may do more or offers something else, and "
            "nobody can be asked here",
            hint=f"mcpreg update {found.latest.name} in a terminal, or --yes",
        )
    if not click.confirm("Update?", default=False, err=True):
        raise PolicyError(f"{found.latest.name} stays at {found.current.version}")
    return "asked"


def _show(found: Update) -> None:
    name, before, after = found.latest.name, found.current.version, found.latest.version
    click.secho(clean(f"{name} {before} → {after}"), bold=True)
    change = found.difference
    if change is None:
        click.echo("  the installed version is gone from its registry: nothing to compare with")
        return
    for item in change.widened:
        click.secho(clean(f"  + {item.sentence}"), fg="yellow")
    for item in change.narrowed:
        click.echo(clean(f"  - no longer: {item.sentence}"))
    _show_changes("tool", change.tools)
    _show_changes("prompt", change.prompts)
    _show_changes("variable", change.variables)
    for sentence in filter(None, (change.instructions, change.runtime, change.entry)):
        click.echo(clean(f"  ~ {sentence}"))
    its = change.dependencies
    if its and found.artifacts:
        counts = f"{len(its.added)} new, {len(its.removed)} gone, {len(its.changed)} changed"
        click.echo(f"  ~ artifacts: {found.artifacts[0]} → {found.artifacts[1]} ({counts})")
    if not (change.widened or change.narrowed):
        click.echo("  it may touch what it could before")


def _show_changes(what: str, changes: Changes) -> None:
    for mark, items in (("+", changes.added), ("-", changes.removed), ("~", changes.changed)):
        for item in items:
            click.echo(clean(f"  {mark} {what} {item}"))


def _document(found: Update) -> dict[str, Any]:
    change = found.difference
    document: dict[str, Any] = {
        "name": found.latest.name,
        "from": found.current.version,
        "to": found.latest.version,
        "asks": found.asks,
        "compared": change is not None,
    }
    if change is None:
        return document
    return document | {
        "widened": [item.sentence for item in change.widened],
        "narrowed": [item.sentence for item in change.narrowed],
        **{
            key: {
                "added": list(changes.added),
                "removed": list(changes.removed),
                "changed": list(changes.changed),
            }
            for key, changes in (
                ("tools", change.tools),
                ("prompts", change.prompts),
                ("variables", change.variables),
                ("dependencies", change.dependencies),
            )
        },
    }
