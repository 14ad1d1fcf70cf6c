"""The command table.

Commands are imported when they are called: `mcpreg --version` and `mcpreg run` must start fast.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

import mcpreg
from mcpreg.cli.failing import report, stopped, told
from mcpreg.cli.signals import hear_signals
from mcpreg.cli.streams import open_standard_streams
from mcpreg.errors import UsageError

if TYPE_CHECKING:  # a shell's tab key alone needs it
    from click.shell_completion import CompletionItem

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
    open_standard_streams()
    hear_signals()
    sys.exit(guarded(cli, "mcpreg"))


def guarded(group: click.Command, program: str) -> int:
    """Run a click command and return its exit code; no traceback reaches a person."""
    return told(lambda: _called(group, program))


def _called(group: click.Command, program: str) -> int:
    try:
        result: Any = group.main(prog_name=program, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.Abort:
        return stopped()
    except click.ClickException as error:
        from mcpreg.cli.output import wants_json

        if wants_json(sys.argv[1:]):
            return report(UsageError(error.format_message()))
        error.show()
        return 2
