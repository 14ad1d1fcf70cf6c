"""The command table, and the one place where errors become words and exit codes.

Commands are imported when they are called: `mcpreg --version` and `mcpreg run` must start fast.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

import mcpreg
from mcpreg.errors import InternalError, McpregError, UnreachableError, UsageError

if TYPE_CHECKING:  # a shell's tab key alone needs it
    from click.shell_completion import CompletionItem

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Name -> (module, one line of help). The help stands here so that --help imports nothing either.
COMMANDS = {
    "init": ("mcpreg.cli.init", "Start a manifest from a package or a server.json."),
    "validate": ("mcpreg.cli.validate", "Check manifests; say every problem at once."),
    "lock": ("mcpreg.cli.lock", "Write mcps-lock.json, or check that it is still right."),
    "pack": ("mcpreg.cli.pack", "Pack a version into one .mcp file, reproducibly."),
    "publish": ("mcpreg.cli.publish", "Submit a server: check it, and push a branch for it."),
    "search": ("mcpreg.cli.search", "Find servers in the registries you trust."),
    "info": ("mcpreg.cli.info", "Show a server, and what it would be able to touch."),
    "install": ("mcpreg.cli.install", "Verify and install a server."),
    "update": ("mcpreg.cli.update", "Show what a newer version changes, and go there or back."),
    "list": ("mcpreg.cli.list", "Show what is installed."),
    "uninstall": ("mcpreg.cli.uninstall", "Remove an installed server."),
    "verify": ("mcpreg.cli.verify", "Verify a server again, every file of it."),
    "vet": ("mcpreg.cli.vet", "Say whether this machine's policies allow a server."),
    "run": ("mcpreg.cli.run", "Run a server in its sandbox, speaking MCP on stdio."),
    "inputs": ("mcpreg.cli.inputs", "Show what a server wants to be given, and keep answers."),
    "login": ("mcpreg.cli.login", "Sign in to a remote server that wants it."),
    "logout": ("mcpreg.cli.logout", "Forget the sign-in to a remote server."),
    "ps": ("mcpreg.cli.ps", "Show what runs now."),
    "stop": ("mcpreg.cli.stop", "End what runs."),
    "logs": ("mcpreg.cli.logs", "Show what sandboxed servers did and were refused."),
    "client": ("mcpreg.cli.client", "Connect MCP clients to installed servers."),
    "registry": ("mcpreg.cli.registry", "Say which registries this machine trusts."),
    "convert": ("mcpreg.cli.convert", "Convert manifests from and to other formats."),
    "doctor": ("mcpreg.cli.doctor", "Look at this machine: what works, and what mends the rest."),
    "help": ("mcpreg.cli.help", "Explain capabilities, trust, exit codes, files."),
    "completion": ("mcpreg.cli.completion", "Print what makes a shell complete our words."),
    "ci": ("mcpreg.cli.ci", "What a registry's own workflows call."),
}


class LazyGroup(click.Group):
    """A click group that imports a command's module when it is needed."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the table's order, which is the order of a server's life."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        if cmd_name not in self.table:
            return None
        module = importlib.import_module(self.table[cmd_name][0])
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """From the table: click's own way imports every command to see whether it is hidden."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [
            CompletionItem(name, help=text)
            for name, (_, text) in self.table.items()
            if name.startswith(incomplete)
        ]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table's own words, so that --help imports no command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.table.items()])


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(mcpreg.__version__, prog_name="mcpreg")
def cli() -> None:
    """Find, verify and run MCP servers without trusting them."""


def main() -> None:
    """Entry point: run, translate every failure into words, exit with SPEC section 5's code."""
    _open_standard_streams()
    sys.exit(guarded(cli, "mcpreg"))


def _open_standard_streams() -> None:
    # A closed stdout would be the number that the next file gets: the audit log, say.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def guarded(group: click.Command, program: str) -> int:  # noqa: PLR0911  # one return a kind
    """Run a click command and return its exit code; no traceback reaches a person."""
    try:
        result: Any = group.main(prog_name=program, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except McpregError as error:
        return _report(error)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return 130
    except click.ClickException as error:
        from mcpreg.cli.output import wants_json

        if wants_json(sys.argv[1:]):
            return _report(UsageError(error.format_message()))
        error.show()
        return 2
    except BrokenPipeError:
        # Whoever read our output has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:
        return _report(
            McpregError(
                error.strerror or str(error),
                where=str(error.filename or "") or None,
                hint="make room and run it again; nothing was left half-done"
                if error.errno in _FULL
                else None,
            )
        )
    except Exception as error:  # noqa: BLE001  # the last door: our fault, said in one line
        return _report(_unexpected(error), cause=error)


def _unexpected(error: Exception) -> McpregError:
    if isinstance(error, ImportError) and "git executable" in str(error):
        # GitPython says so when it is imported, at length.
        return McpregError("git is not installed", hint="apt-get install git")
    return InternalError(
        f"unexpected {type(error).__name__}: {error}",
        hint="this is a defect of mcpreg; MCPREG_DEBUG=1 shows where",
    )


def _report(error: McpregError, cause: Exception | None = None) -> int:
    from mcpreg.cli.output import say_error

    if os.environ.get("MCPREG_DEBUG"):
        import traceback

        traceback.print_exception(cause or error)
    say_error(_with_way_out(error))
    return error.exit_code


def _with_way_out(error: McpregError) -> McpregError:
    """What was missing offline comes with the command that would have fetched it."""
    from mcpreg.store.network import VARIABLE, is_offline

    if not isinstance(error, UnreachableError) or not is_offline():
        return error
    import shlex

    words = [word for word in sys.argv[1:] if word != "--offline"]
    off = f"{VARIABLE}=0 " if "--offline" not in sys.argv else ""
    online = f"with a network: {off}mcpreg {shlex.join(words)}"
    error.hint = f"{error.hint}\n{online}" if error.hint else online
    return error
