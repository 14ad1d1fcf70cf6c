"""A few hosts of the Internet that answer on this machine, over TLS, for one command.

    unshare --mount --net python local_internet.py SETTINGS.json COMMAND...

In the namespaces every address is local, the hosts resolve to one that looks public, and the
certificate's authority stands among those of the system. SETTINGS has `certificate` (a PEM file
with key) and `pages`: host to path to [type of content, text]; a path stands for all below it, and
the answer is the same however it is asked for. `asked`, a file, gets a line a request.
"""

from __future__ import annotations

import http.server
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ADDRESS = "1.2.3.4"
AUTHORITIES = Path("/etc/ssl/certs")


def arrange(folder: Path, hosts: list[str], certificate: Path) -> None:
    """Routes, names and authorities, for this namespace only."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "route", "add", "local", "default", "dev", "lo"], check=True)
    names = [f"{ADDRESS} {host} {host}." for host in hosts]  # the runner asks with a final dot
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names]) + "\n")
    trusted = folder / "authorities"
    trusted.mkdir()
    bundle = trusted / "ca-certificates.crt"
    if (AUTHORITIES / bundle.name).exists():
        shutil.copy(AUTHORITIES / bundle.name, bundle)
    with bundle.open("a") as stream:
        stream.write(certificate.read_text().partition("-----END PRIVATE KEY-----\n")[2])
    for source, target in ((folder / "hosts", Path("/etc/hosts")), (trusted, AUTHORITIES)):
        subprocess.run(["mount", "--bind", source, target], check=True)


def serve(pages: dict[str, dict[str, list[str]]], certificate: Path, asked: Path) -> None:
    """Answer on port 443 until this process ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self) -> None:
            host = self.headers["Host"].partition(":")[0]
            length = int(self.headers["Content-Length"] or 0)
            body = self.rfile.read(length).decode(errors="replace")
            with asked.open("a") as stream:
                line = {"host": host, "method": self.command, "path": self.path, "body": body}
                stream.write(json.dumps({**line, "headers": dict(self.headers)}) + "\n")
            known = pages.get(host, {})
            path = max((path for path in known if self.path.startswith(path)), default=None)
            kind, text = ("text/plain", "nothing here") if path is None else known[path]
            self.send_response(404 if path is None else 200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_HEAD = answer  # noqa: N815  # http.server's names

    server = http.server.ThreadingHTTPServer(("", 443), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> int:
    settings = json.loads(Path(sys.argv[1]).read_text())
    certificate = Path(settings["certificate"])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # whoever the server runs as reads the authorities
        arrange(Path(folder), list(settings["pages"]), certificate)
        serve(settings["pages"], certificate, Path(settings["asked"]))
        return subprocess.run(sys.argv[2:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
