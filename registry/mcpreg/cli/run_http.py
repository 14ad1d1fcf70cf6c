"""`mcpreg run --transport http`: the same run for every session, behind one loopback address."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mcpreg.cli.output import note
from mcpreg.core.install import InstallRecord

if TYPE_CHECKING:
    from mcpreg.usecases.plan import Surroundings


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """`options` are those of `mcpreg run` that every session is started with."""

    port: int
    max_sessions: int
    token_file: Path | None
    token_env: str | None
    options: tuple[str, ...]
    arguments: tuple[str, ...]


def serve_http(record: InstallRecord, around: Surroundings, chosen: HttpOptions) -> int:
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
    given = read_token(chosen.token_file, chosen.token_env, os.environ)
    token = given or secrets.token_urlsafe(32)
    name = f"{record.name}@{record.version}"
    command = (sys.executable, "-m", "mcpreg", "run", *chosen.options, name)
    if chosen.arguments:
        command = (*command, "--", *chosen.arguments)
    environment = {key: value for key, value in os.environ.items() if key != chosen.token_env}
    with listener.bind(chosen.port) as sock, quiet_library():
        serving = Serving(
            command, {**environment, **once}, token, listener.hosts(sock), chosen.max_sessions
        )

        def ready() -> None:
            note(f"{name} is served at {listener.url(sock)}")
            if given is None:
                note(f"Authorization: Bearer {token}")

        signum = listener.serve(serving, sock, ready)
    return 128 + signum if signum else 0
