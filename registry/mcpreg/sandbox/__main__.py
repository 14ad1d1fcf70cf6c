"""`python -m mcpreg.sandbox PLAN.json`: run a serialised plan, standard streams passed through.

Exit status: the server's own (128 + signal when one ended it), 6 after a violation, 1 and one
line on standard error when the sandbox could not be set up, 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mcpreg.errors import McpregError, SandboxKilledError
from mcpreg.sandbox.choice import choose_backend
from mcpreg.sandbox.identity import choose_identity
from mcpreg.sandbox.planfile import load_plan
from mcpreg.sandbox.runner import run


class EventFile:
    """A `Recorder` that appends JSON lines to a file; without a file it forgets."""

    def __init__(self, path: Path | None) -> None:
        self._descriptor = (
            None
            if path is None
            else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        )

    def record(self, event: str, /, **fields: object) -> None:
        """Write one line, whole."""
        if self._descriptor is not None:
            line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event}
            os.write(self._descriptor, json.dumps({**line, **fields}).encode() + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, run, and turn the outcome into an exit status."""
    parser = argparse.ArgumentParser(prog="python -m mcpreg.sandbox", description=__doc__)
    parser.add_argument("plan", type=Path, metavar="PLAN.json")
    parser.add_argument("--events", type=Path, metavar="FILE", help="append events as JSON lines")
    parser.add_argument(
        "--on-violation", choices=("kill", "deny"), default="kill", help="deny: record and go on"
    )
    parser.add_argument("--as-user", metavar="USER", help="as root: run the server as this user")
    parser.add_argument("--backend", choices=("auto", "bubblewrap", "docker"), default="auto")
    options = parser.parse_args(arguments)
    try:
        plan = load_plan(options.plan)
        backend = choose_backend(options.backend, plan)
        granted = [bind.source for bind in plan.binds if bind.role == "grant"]
        outcome = run(
            plan,
            recorder=EventFile(options.events),
            as_user=choose_identity(options.as_user, granted),
            on_violation=options.on_violation,
            backend=backend,
        )
    except (McpregError, OSError) as error:
        hint = getattr(error, "hint", None)
        sys.stderr.write(f"mcpreg: {error}{f' ({hint})' if hint else ''}\n")
        return error.exit_code if isinstance(error, McpregError) else 1
    if outcome.violation:
        sys.stderr.write(
            f"mcpreg: killed: reached for {outcome.violation.kind} {outcome.violation.target}\n"
        )
        return SandboxKilledError.exit_code
    return outcome.exit_code if outcome.exit_code is not None else 128 + (outcome.signal or 0)


if __name__ == "__main__":
    sys.exit(main())
