"""The one place where errors become words and exit codes (SPEC section 5)."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from mcpreg.errors import InternalError, McpregError, UnreachableError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def told(call: Callable[[], int]) -> int:
    """Call, and give the exit code; no traceback reaches a person."""
    try:
        return call()
    except McpregError as error:
        return report(error)
    except KeyboardInterrupt:
        return stopped()
    except BrokenPipeError:
        # Whoever read our output has left: not all of it was read, and there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:
        return report(
            McpregError(
                error.strerror or str(error),
                where=str(error.filename or "") or None,
                hint="make room and run it again; nothing was left half-done"
                if error.errno in _FULL
                else None,
            )
        )
    except Exception as error:  # noqa: BLE001  # the last door: our fault, said in one line
        return report(_unexpected(error), cause=error)


def report(error: McpregError, cause: Exception | None = None) -> int:
    """Say an error, and give its exit code."""
    from mcpreg.cli.output import say_error

    if os.environ.get("MCPREG_DEBUG"):
        import traceback

        traceback.print_exception(cause or error)
    say_error(_with_way_out(error))
    return error.exit_code


def stopped() -> int:
    """Say that a person ended it, and give a shell's exit code for that."""
    from mcpreg.cli.output import say

    say("stopped")
    return 130


def _unexpected(error: Exception) -> McpregError:
    if isinstance(error, ImportError) and "git executable" in str(error):
        # GitPython says so when it is imported, at length.
        return McpregError("git is not installed", hint="apt-get install git")
    return InternalError(
        f"unexpected {type(error).__name__}: {error}",
        hint="this is a defect of mcpreg; MCPREG_DEBUG=1 shows where",
    )


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
