"""`mcpreg-site keys init | new | status | rotate | sign`."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcpreg.cli.output import clean, emit, json_option, note
from mcpreg.errors import UsageError
from mcpreg.store.places import places

if TYPE_CHECKING:  # cryptography loads slowly, and --help needs none
    from mcpreg.usecases.keys_rotate import Ceremony
    from mcpreg.usecases.keys_status import RoleStatus, Status

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_URI = "file:PATH, env:NAME, or a KMS address such as awskms:alias/mcpreg"
_repository = click.option(
    "--repo",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The repository [default: here].",
)
_trusted_root = click.option(
    "--trusted-root", type=_FILE, help="A private Sigstore's trusted root, for mode sigstore."
)


@click.group("keys")
def command() -> None:
    """Make, show, renew and replace the keys a registry signs with (docs/keys.md)."""


@command.command("init")
@_repository
@click.option(
    "--keys",
    "folder",
    type=click.Path(path_type=Path),
    help="Where the private keys go; outside the repository.",
)
@click.option("--online-key", metavar="URI", help=f"An online key that exists: {_URI}.")
@_trusted_root
@json_option
def init(
    repo: Path,
    folder: Path | None,
    online_key: str | None,
    trusted_root: Path | None,
    as_json: bool,
) -> None:
    """Make three offline keys (two must sign) and one online key, and the first signed root."""
    from mcpreg.usecases.keys import init_keys

    folder = (folder or places().data / "keys" / repo.resolve().name).resolve()
    made = init_keys(
        repo.resolve(),
        folder,
        _now(),
        online_key=online_key,
        trusted_root=trusted_root.read_bytes() if trusted_root else None,
    )
    if as_json:
        emit(
            "keys init",
            {
                "keys": str(made.folder),
                "rootSha256": made.root,
                "onlineKey": made.online_uri,
                "commit": [str(path) for path in made.committed],
            },
        )
        return
    click.echo(f"private keys   {made.folder}  (take the offline ones off this machine)")
    click.echo(f"root SHA-256   {made.root}  (tell your users, somewhere else than the site)")
    click.echo(f"online key     {made.online_uri}")
    click.echo("next: commit trust/, then mcpreg ci publish --online-key " + made.online_uri)


@command.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def new(file: Path, as_json: bool) -> None:
    """Make one key: the private half into FILE, the public half into FILE.pub."""
    from mcpreg.trust.keys import make_key

    public = make_key(file)
    if as_json:
        emit("keys new", {"private": str(file), "public": str(public)})
        return
    click.echo(f"{file} is yours alone; {public} is what a rotation adds")


@command.command("status")
@_repository
@click.option("--url", help="Look at what this host serves as well.")
@json_option
def show_status(repo: Path, url: str | None, as_json: bool) -> int:
    """Show each role's keys, threshold and days left; exit 1 when something needs doing."""
    from mcpreg.usecases.keys_status import status

    found = status(repo.resolve(), _now(), url=url)
    if as_json:
        emit("keys status", _status_document(found), ok=not found.warnings)
    else:
        for row in found.roles:
            _show_role(row)
        if found.pending is not None:
            click.echo("a rotation waits for signatures:")
            _show_ceremony(found.pending)
        for warning in found.warnings:
            note(f"warning: {warning}")
    return 1 if found.warnings else 0


def _show_role(row: RoleStatus) -> None:
    days = row.left.total_seconds() / 86_400
    click.secho(clean(f"{row.place} {row.role}"), bold=True, nl=False)
    click.echo(
        f" version {row.version}, until {row.expires:%Y-%m-%d %H:%M} UTC ({days:.1f} days), "
        f"{row.threshold} of {len(row.keys)} keys"
    )
    for key in row.keys:
        click.echo(clean(f"    {key}"))


def _status_document(found: Status) -> dict[str, Any]:
    return {
        "roles": [
            {
                "place": row.place,
                "role": row.role,
                "version": row.version,
                "threshold": row.threshold,
                "keys": list(row.keys),
                "expires": f"{row.expires:%Y-%m-%dT%H:%M:%SZ}",
                "secondsLeft": int(row.left.total_seconds()),
                "warning": row.warning,
            }
            for row in found.roles
        ],
        "pending": _ceremony_document(found.pending) if found.pending else None,
        "warnings": list(found.warnings),
    }


@command.command("rotate")
@_repository
@click.option("--role", type=click.Choice(["online", "offline"]), help="Whose keys change.")
@click.option("--key", "new_key", metavar="URI", help=f"The new online key: {_URI}.")
@click.option("--add", multiple=True, metavar="[NAME=]URI", help="An offline holder's public key.")
@click.option("--remove", multiple=True, metavar="NAME|ID", help="An offline holder who leaves.")
@click.option("--threshold", type=click.IntRange(min=1), help="How many holders must sign.")
@click.option("--renew", is_flag=True, help="Only move the dates of root and targets.")
@click.option("--policy", is_flag=True, help="Take the trust policy of mcpreg.toml.")
@_trusted_root
@json_option
def rotate(
    *,
    repo: Path,
    role: str | None,
    new_key: str | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    threshold: int | None,
    renew: bool,
    policy: bool,
    trusted_root: Path | None,
    as_json: bool,
) -> None:
    """Draft the next root and targets into trust/pending/, for the holders to sign."""
    from mcpreg.usecases import keys_rotate

    offline = bool(add or remove or threshold is not None)
    if (role == "online") != (new_key is not None):
        raise UsageError("--role online and --key URI go together", hint=f"--key {_URI}")
    if (role == "offline") != offline:
        raise UsageError("--role offline goes with --add, --remove or --threshold")
    request = keys_rotate.Request(
        online=new_key,
        add=add,
        remove=remove,
        threshold=threshold,
        renew=renew,
        policy=policy,
        trusted_root=trusted_root.read_bytes() if trusted_root else None,
    )
    drafted = keys_rotate.rotate(repo.resolve(), request, os.environ, _now())
    if as_json:
        emit("keys rotate", _ceremony_document(drafted))
        return
    _show_ceremony(drafted)
    click.echo("next: commit trust/pending/; each holder pulls and runs mcpreg-site keys sign")


@command.command("sign")
@_repository
@click.option("--key", "uri", required=True, metavar="URI", help=f"Your key: {_URI}.")
@click.option("--yes", is_flag=True, help="Agree to the changes shown without being asked.")
@json_option
def sign(repo: Path, uri: str, yes: bool, as_json: bool) -> None:
    """Sign the pending rotation as one holder; the last signature needed puts it in force."""
    from mcpreg.usecases import keys_rotate

    def agree(shown: Ceremony) -> bool:
        if yes:
            return True
        if as_json or not sys.stdin.isatty():
            raise UsageError("nobody is there to agree", hint="read the changes, then add --yes")
        _show_changes(shown)
        return click.confirm("Sign this?", err=True)

    signed = keys_rotate.sign(repo.resolve(), uri, os.environ, agree)
    if as_json:
        emit("keys sign", _ceremony_document(signed))
        return
    _show_ceremony(signed)
    if signed.done:
        click.echo("complete: commit trust/, then mcpreg ci publish")
    else:
        click.echo("next: commit trust/pending/ and pass it on")


def _show_changes(ceremony: Ceremony) -> None:
    for change in ceremony.changes:
        click.echo(clean(f"  {change}"))


def _show_ceremony(ceremony: Ceremony) -> None:
    _show_changes(ceremony)
    for quorum in ceremony.quorums:
        waiting = ", ".join(ceremony.labels.get(keyid, keyid[:12]) for keyid in quorum.unsigned)
        rest = f"{quorum.missing} missing of: {waiting}" if quorum.missing else "complete"
        click.echo(clean(f"  {quorum.what}: {len(quorum.signed)} of {quorum.threshold}, {rest}"))


def _ceremony_document(ceremony: Ceremony) -> dict[str, Any]:
    return {
        "changes": list(ceremony.changes),
        "signatures": [
            {
                "file": quorum.what.partition(" by ")[0],
                "by": quorum.what.partition(" by ")[2],
                "threshold": quorum.threshold,
                "signed": list(quorum.signed),
                "missing": quorum.missing,
            }
            for quorum in ceremony.quorums
        ],
        "files": [str(path) for path in ceremony.files],
        "complete": ceremony.done,
    }


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
