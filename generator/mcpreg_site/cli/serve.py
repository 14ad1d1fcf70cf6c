"""`mcpreg-site serve`."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from mcpreg.errors import UsageError

GRACE = 10  # seconds that requests in flight get after a SIGTERM


@click.command("serve")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("public"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--access-log", is_flag=True, help="A line a request; none without.")
def command(folder: Path, port: int, host: str, *, access_log: bool) -> None:
    """Serve a built site, and the API queries that a static host cannot answer.

    A new build into the same FOLDER shows at once. Port 0 takes a free one. /metrics speaks to
    Prometheus. A SIGTERM lets the requests in flight finish.
    """
    import uvicorn  # --help needs no server

    from mcpreg_site.publish import is_site
    from mcpreg_site.server.app import create_app

    if not is_site(folder):
        raise UsageError(
            f"{folder} is not a site built by mcpreg-site",
            hint=f"mcpreg-site build --output {folder}",
        )
    listener = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    click.echo(f"serving {folder} at http://{name}:{listener.getsockname()[1]}/  (Ctrl-C stops)")
    config = uvicorn.Config(
        create_app(folder),
        log_level="info" if access_log else "warning",
        server_header=False,
        access_log=access_log,
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything is said, so that a taken port is a sentence and not a log line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # before anybody is told the address
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            hint="another program has it? choose one with --port, or --port 0",
        ) from error
    return listener
