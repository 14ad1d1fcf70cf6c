"""`mcpreg publish [SOURCE]`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import clean, emit, json_option, note, progress
from mcpreg.cli.pack import say_findings

if TYPE_CHECKING:
    from mcpreg.usecases.submit import Submitted


@click.command("publish")
@click.argument("source", default=".")
@click.option(
    "--repo",
    default=".",
    show_default=True,
    metavar="PATH|URL",
    help="The registry: a checkout of it or of your fork, or its address.",
)
@click.option("--remote", default="origin", show_default=True, help="The remote to push to.")
@click.option(
    "--upstream",
    metavar="REMOTE|URL",
    help="Where the pull request goes, from a fork [default: the remote `upstream`, if any].",
)
@click.option("--branch", help="The branch to make [default: submit/NAMESPACE-NAME-VERSION].")
@click.option("--push/--no-push", default=True, help="Without: a local branch only.")
@click.option("--name", help="The server's name, for a SOURCE that has none: namespace/name.")
@click.option("--description", help="What it does, in at most 100 characters.")
@click.option(
    "--github",
    metavar="LOGIN",
    help="The account that opens the pull request [default: your fork's, or the namespace's].",
)
@click.option("--no-launch", is_flag=True, help="Do not install and start a package to lock it.")
@json_option
def command(
    *,
    source: str,
    repo: str,
    remote: str,
    upstream: str | None,
    branch: str | None,
    push: bool,
    name: str | None,
    description: str | None,
    github: str | None,
    no_launch: bool,
    as_json: bool,
) -> None:
    """Submit SOURCE to a registry: check it, commit it to a branch of its own, and push that.

    SOURCE is a version folder, a .mcp, .kpkg or .mcpb file, a server.json, or a package
    (npm:NAME@VERSION, pypi:NAME==VERSION), which is installed and started once in the sandbox to
    lock it. With a namespace's first version comes the file that pins who holds it. Your
    checkout's files, index and branches stay as they are.
    """
    from mcpreg.core.cutoff import Cutoff
    from mcpreg.evidence.namespace import Places
    from mcpreg.usecases.pack import InvalidError
    from mcpreg.usecases.submission import Wishes, prepare
    from mcpreg.usecases.submit import Person, Target, document, submit

    cutoff = Cutoff.settled(datetime.now(UTC))
    wishes = Wishes(cutoff, name, description, not no_launch, progress)
    try:
        submission = prepare(source, wishes)
    except InvalidError as error:
        say_findings("publish", error, as_json=as_json)
        raise
    progress(f"submitting {submission.manifest.name}@{submission.manifest.version}")
    person = Person(github, Places(github_token=os.environ.get("GITHUB_TOKEN") or None))
    done = submit(submission, Target(repo, remote, upstream, branch, push), person)
    notes = [*submission.notes, *done.notes]
    for text in notes:
        note(f"note: {text}")
    if as_json:
        emit("publish", {**document(done), "notes": notes})
    else:
        _print(done)


def _print(done: Submitted) -> None:
    click.echo(clean(f"{done.name}@{done.version} is commit {done.commit[:12]} on {done.branch}"))
    if done.pushed_to is None:
        click.echo(clean(f"next: git push origin {done.branch}, then open a pull request"))
    elif done.url is None:
        click.echo(clean(f"next: open a pull request from {done.branch} at {done.pushed_to}"))
    else:
        click.echo(clean(f"next: open the pull request at {done.url}"))
