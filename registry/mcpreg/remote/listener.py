"""The socket and the HTTP server in front of an `Endpoint`: loopback, and nothing else."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import anyio
import uvicorn

from mcpreg.errors import UsageError
from mcpreg.remote.ending import ending_signals
from mcpreg.remote.endpoint import PATH, Endpoint, Serving

HOST = "127.0.0.1"


def bind(port: int) -> socket.socket:
    """A listening socket of this machine; any free port for 0. Raises `UsageError`: it is taken."""
    try:
        return socket.create_server((HOST, port))
    except (OSError, OverflowError) as error:
        raise UsageError(f"port {port} of {HOST} cannot be had: {error}") from error


def hosts(sock: socket.socket) -> tuple[str, ...]:
    """What a client of ours writes into `Host`."""
    port = sock.getsockname()[1]
    return (f"{HOST}:{port}", f"localhost:{port}")


def url(sock: socket.socket) -> str:
    """Where the endpoint is."""
    return f"http://{HOST}:{sock.getsockname()[1]}{PATH}"


def serve(serving: Serving, sock: socket.socket, ready: Callable[[], None]) -> int | None:
    """Serve until one of `ending_signals`, and say which; every session has ended then."""
    endpoint = Endpoint(serving)
    server = uvicorn.Server(
        uvicorn.Config(
            endpoint,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
    )

    heard: list[int] = []

    def end(signum: int, _frame: object) -> None:
        # uvicorn takes two of them over, and raises them again when it has shut down.
        heard.append(signum)
        server.should_exit = True

    async def both() -> None:
        async with endpoint.running():
            ready()
            await server.serve(sockets=[sock])

    before = {signum: signal.signal(signum, end) for signum in ending_signals()}
    try:
        anyio.run(both)
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
    return heard[0] if heard else None
