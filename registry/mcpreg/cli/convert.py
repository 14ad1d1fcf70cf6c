"""`mcpreg convert IN --to FORMAT`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcpreg.cli.output import emit, json_option, note
from mcpreg.errors import UsageError

if TYPE_CHECKING:  # formats load slowly, and --help needs none
    from mcpreg.usecases.convert import Conversion

README_FILE = "README.md"
MAX_SHOWN = 100
FORMATS = "mcps, server-json, toolhive, upstream, docker, kpkg, mcpb, mcp-servers"


@click.command("convert")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--from", "form", default="auto", show_default=True, help=f"One of {FORMATS}.")
@click.option("--to", "target", required=True, help="One of the same.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="File or new folder [default: standard output, if it is one file].",
)
@click.option("--namespace", help="For servers whose own form has none, such as io.github.you.")
@json_option
def command(
    *,
    source: Path,
    form: str,
    target: str,
    output: Path | None,
    namespace: str | None,
    as_json: bool,
) -> int:
    """Convert the manifests in IN (a file, a folder, an archive, or - for standard input).

    Permissions, hosts and volumes become capabilities and back. What the target cannot hold, and
    what had to be repaired, is said on standard error, a line each. Exit code 1 when a whole server
    is left out.
    """
    from mcpreg.usecases.convert import MAX_BYTES, convert, read_input, save

    if str(source) == "-":
        files = {"stdin": sys.stdin.buffer.read(MAX_BYTES)}
    else:
        files = read_input(source)
    done = convert(files, form, target, namespace)
    if output is not None and done.written.files:
        save(done.written.files, output)
    elif not as_json:
        _print(done)
    _say(done, everything=as_json)
    if as_json:
        emit("convert", _document(done, output), ok=done.complete)
    return 0 if done.complete else 1


def _print(done: Conversion) -> None:
    """The one file that matters, on standard output as it is."""
    files = {path: data for path, data in done.written.files.items() if path != README_FILE}
    if not files:
        return
    if len(files) > 1:
        raise UsageError(
            f"{done.target} makes {len(files)} files of this", hint="name a folder with --output"
        )
    sys.stdout.buffer.write(*files.values())
    if len(done.written.files) > 1:
        note(f"{README_FILE} is left out: --output names a folder for both")


def _say(done: Conversion, *, everything: bool) -> None:
    shown = done.told if everything else done.told[:MAX_SHOWN]
    for item in shown:
        note(f"{'left out: ' if item.left_out else ''}{item}")
    if len(shown) < len(done.told):
        note(f"and {len(done.told) - len(shown)} more; --json shows all")
    note(f"{done.servers} servers from {done.source} to {done.target}, {len(done.told)} remarks")


def _document(done: Conversion, output: Path | None) -> dict[str, object]:
    files = done.written.files
    return {
        "from": done.source,
        "to": done.target,
        "servers": done.servers,
        "remarks": [asdict(item) for item in done.told],
        "files": sorted(files)
        if output is not None
        else {path: data.decode() for path, data in files.items()},
    }
