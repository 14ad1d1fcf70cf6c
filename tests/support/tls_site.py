"""A web site over TLS on loopback, under whatever name it is asked by."""

from __future__ import annotations

import datetime
import http.server
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mcpreg.evidence.web import Web

NAMES = ("example.com", "api.example", "elsewhere.example", "localhost")


def make_certificate(folder: Path, hosts: Iterable[str] = NAMES) -> Path:
    """A self-signed certificate for these hosts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "double")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(one) for one in hosts])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "double.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


@dataclass
class Site:
    """Serves `pages` (path to status and body; a redirect's body is where to).

    `dribble` sends a byte every so many seconds; `no_head` answers HEAD with 405.
    """

    certificate: Path
    pages: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and `Authorization` of each request."""
    no_head: bool = False
    dribble: float | None = None

    def __enter__(self) -> Site:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self._answer(*outer.pages.get(self.path, (404, b"")))

            def do_HEAD(self) -> None:
                missing = (405, b"") if outer.no_head else (404, b"")
                self._answer(*(missing if outer.no_head else outer.pages.get(self.path, missing)))

            def _answer(self, status: int, body: bytes) -> None:
                outer.asked.append((self.command, self.path, self.headers["Authorization"]))
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                if outer.dribble is None:
                    self.wfile.write(body)
                    return
                for byte in body:
                    self.wfile.write(bytes((byte,)))
                    time.sleep(outer.dribble)

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that goes away is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.port = self._server.server_address[1]
        return self

    def url(self, path: str = "/", host: str = "example.com") -> str:
        """An address on this site."""
        return f"https://{host}:{self.port}{path}"

    def web(self, **changes: object) -> Web:
        """A client that trusts this site and finds it under every name."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        seconds = changes.get("seconds", 10.0)
        assert isinstance(seconds, float)
        return Web(lookup=lambda *_: ["127.0.0.1"], tls=trust, private=True, seconds=seconds)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
