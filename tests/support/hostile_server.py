"""A web server that answers whatever a test wants, and remembers what it was asked and sent."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import ipaddress
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CHUNK = bytes(64 << 10)


class Exchange(http.server.BaseHTTPRequestHandler):
    """One request. Routes call `reply`, `redirect`, `endless` or `drip`."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:  # the base class calls it so
        self.server.owner.seen.append(self.path)
        self.server.owner.headers_seen.append(dict(self.headers))
        route = self.server.owner.routes.get(urlsplit(self.path).path)
        if route is None:
            self.reply(b"nothing here", status=404)
        else:
            route(self)

    @property
    def query(self) -> dict[str, str]:
        return {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()}

    def reply(
        self, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.put(body)

    def redirect(self, location: str, status: int = 302) -> None:
        self.reply(b"", status=status, headers={"Location": location})

    def endless(self, length: int | None = None) -> None:
        """A body that ends when the client hangs up, or after `length` bytes."""
        self.close_connection = True
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        sent = 0
        while length is None or sent < length:
            self.put(CHUNK)
            sent += len(CHUNK)

    def drip(self, data: bytes, pause: float) -> None:
        """One byte at a time, as they are: headers are the caller's."""
        self.close_connection = True
        for number in data:
            self.put(bytes([number]))
            self.wfile.flush()
            time.sleep(pause)

    def put(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server.owner.sent += len(data)

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        # Clients that hang up are the point of these tests.
        with contextlib.suppress(OSError, ValueError):
            super().handle()


Route = Callable[[Exchange], None]


class _Server(http.server.ThreadingHTTPServer):
    owner: HostileServer

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a failed TLS handshake, a client that hung up


class HostileServer:
    """Routes by path; `seen` are the requests, `sent` the bytes that went out."""

    def __init__(self, tls: tuple[Path, Path] | None = None, address: str = "127.0.0.1") -> None:
        self.routes: dict[str, Route] = {}
        self.seen: list[str] = []
        self.headers_seen: list[dict[str, str]] = []
        self.sent = 0
        self._server = _Server((address, 0), Exchange)
        self._server.owner = self
        self.port: int = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://{address}:{self.port}"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def route(self, path: str) -> Callable[[Route], Route]:
        def register(handler: Route) -> Route:
            self.routes[path] = handler
            return handler

        return register

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def hostile_server(tls: tuple[Path, Path] | None = None) -> Iterator[HostileServer]:
    server = HostileServer(tls)
    try:
        yield server
    finally:
        server.close()


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """A certificate for these names and 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([*map(x509.DNSName, names), address]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    public, private = folder / "cert.pem", folder / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private
