"""Run a plan as `python -m mcpreg.sandbox` does, with what only tests may choose.

`launch.py PLAN EVENTS OPTIONS`: OPTIONS is JSON with `deny` (record and go on), `as_user`,
`backend` and `resolve` (host name to addresses that are connected to unchecked, for listeners of
the test; or `public:ADDRESS` to have them checked like any other).
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mcpreg.errors import McpregError
from mcpreg.sandbox import Resolver, choose_identity, resolve_public, run
from mcpreg.sandbox.__main__ import EventFile
from mcpreg.sandbox.planfile import load_plan


def resolver(table: dict[str, str]) -> Resolver:
    def resolve(host: str, port: int) -> Sequence[str]:
        text = table[host]
        checked = text.removeprefix("public:")
        if checked == text:
            return [text]
        return resolve_public(host, port, lookup=lambda _host, _port: [checked])

    return resolve


def main() -> int:
    options = json.loads(sys.argv[3])
    start = functools.partial(run, resolver=resolver(options.get("resolve", {})))
    start = functools.partial(start, backend=options.get("backend", "bubblewrap"))
    if options.get("deny"):
        start = functools.partial(start, on_violation="deny")
    try:
        outcome = start(
            load_plan(Path(sys.argv[1])),
            recorder=EventFile(Path(sys.argv[2])),
            as_user=choose_identity(options.get("as_user"), ()),
        )
    except McpregError as error:
        sys.stderr.write(f"mcpreg: {error} ({error.hint})\n")
        return error.exit_code
    if outcome.violation:
        return 6
    return outcome.exit_code if outcome.exit_code is not None else 128 + (outcome.signal or 0)


if __name__ == "__main__":
    sys.exit(main())
