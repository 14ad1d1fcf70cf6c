"""`mcpreg run --transport http`: the same run for every session, behind one loopback address."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING

from mcpreg.cli.output import note
from mcpreg.core.install import InstallRecord

if TYPE_CHECKING:
    from mcpreg.cli.run_server import RunOptions
    from mcpreg.usecases.plan import Surroundings


def serve_http(record: InstallRecord, around: Surroundings, options: RunOptions) -> int:
    """Serve until a signal. Raises `UsageError`: an input is missing, or the port is taken."""
    from mcpreg.core.inputs import variable_for
    from mcpreg.remote import listener
    from mcpreg.remote.endpoint import Serving
    from mcpreg.remote.quiet import quiet_library
    from mcpreg.usecases.answering import answered, let_in, reach
    from mcpreg.usecases.inputs import SECRET_FILE
    from mcpreg.usecases.remote import read_token

    found = answered(record.name, record.inputs, around, let_in(reach(record, around.grants)))
    # A pipe can be read once, and a person is asked once; what else there is, sessions find.
    once = {
        variable_for(name): answer.values[0]
        for name, answer in found.answers.items()
        if answer.source in (SECRET_FILE, "typed")
    }
    given = read_token(options.token_file, options.token_env, os.environ)
    token = given or secrets.token_urlsafe(32)
    name = f"{record.name}@{record.version}"
    # -P: what lies in the folder a person is in, a json.py say, is not ours to load.
    command = (sys.executable, "-P", "-m", "mcpreg", "run", *_passed_on(options), name)
    if options.arguments:
        command = (*command, "--", *options.arguments)
    environment = {key: value for key, value in os.environ.items() if key != options.token_env}
    with listener.bind(options.port) as sock, quiet_library():
        serving = Serving(
            command, {**environment, **once}, token, listener.hosts(sock), options.max_sessions
        )

        def ready() -> None:
            note(f"{name} is served at {listener.url(sock)}")
            if given is None:
                note(f"Authorization: Bearer {token}")

        signum = listener.serve(serving, sock, ready)
    return 128 + signum if signum else 0


def _passed_on(options: RunOptions) -> tuple[str, ...]:
    """The options again, as a session's own `mcpreg run` is given them."""
    return (
        *(word for item in options.grants for word in ("--grant", item)),
        *(("--as-user", options.as_user) if options.as_user else ()),
        *("--backend", options.backend, "--on-violation", options.on_violation),
        *(word for item in options.inputs for word in ("--input", item)),
        *(("--input-file", str(options.input_file)) if options.input_file else ()),
        *(("--allow-drift",) if options.allow_drift else ()),
        *(("--yes",) if options.yes else ()),
    )
