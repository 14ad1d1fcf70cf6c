"""A container registry on loopback that speaks the distribution-spec, and an image to put into it.

Serves manifests and blobs by digest (and by nothing else), HEAD and GET, behind an anonymous token
like the public ones. `tamper` lets it lie about one digest.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import platform
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
TOKEN = "for-anybody"
PYTHON = Path("/usr/bin/python3.11")


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class OciRegistry:
    """What is stored, by digest; manifests with their media type."""

    address: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tamper: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add_blob(self, content: bytes) -> dict[str, Any]:
        self.blobs[digest(content)] = content
        return {"digest": digest(content), "size": len(content)}

    def add_image(self, layer: bytes, config: dict[str, Any], **changes: Any) -> str:  # noqa: ANN401  # JSON
        """Store an image of one layer (a tar) behind an index; returns the index's digest."""
        document = {
            "architecture": MACHINE,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        } | changes
        packed = gzip.compress(layer, compresslevel=1, mtime=0)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                **self.add_blob(json.dumps(document).encode()),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    **self.add_blob(packed),
                }
            ],
        }
        inner = self.add_manifest(MANIFEST, manifest)
        rows = [
            {**inner, "mediaType": MANIFEST, "platform": {"architecture": MACHINE, "os": "linux"}},
            # What builders add beside an image, and no engine runs.
            {
                **inner,
                "mediaType": MANIFEST,
                "platform": {"architecture": "unknown", "os": "unknown"},
            },
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}
        return str(self.add_manifest(INDEX, index)["digest"])

    def add_manifest(self, kind: str, document: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(document).encode()
        self.manifests[digest(content)] = (kind, content)
        return {"digest": digest(content), "size": len(content)}


@contextmanager
def serving() -> Iterator[OciRegistry]:
    """A registry on a free port, stopped at the end."""
    registry = OciRegistry()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            registry.asked.append(self.path)
            if self.path.startswith("/token?"):
                self.reply(200, "application/json", json.dumps({"token": TOKEN}).encode())
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.reply(401, "application/json", b"{}")
            else:
                self.reply(*self.stored())

        def stored(self) -> tuple[int, str, bytes]:
            kind, _, name = self.path.rpartition("/")
            if kind.endswith("/manifests") and name in registry.manifests:
                media, content = registry.manifests[name]
                if media in self.headers.get("Accept", ""):
                    return 200, media, registry.tamper.get(name, content)
            if kind.endswith("/blobs") and name in registry.blobs:
                content = registry.tamper.get(name, registry.blobs[name])
                return 200, "application/octet-stream", content
            return 404, "application/json", b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}'

        def reply(self, status: int, kind: str, content: bytes) -> None:
            self.send_response(status)
            if status == 401:
                realm = f"http://{registry.address}/token"
                challenge = f'Bearer realm="{realm}",service="test",scope="pull"'
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


def python_layer(server: str) -> bytes:
    """A root file system with this machine's Python and `/srv/server.py`."""
    out = io.BytesIO()
    linked = subprocess.run(["ldd", str(PYTHON)], capture_output=True, text=True, check=True)
    libraries = [Path(word) for word in linked.stdout.split() if word.startswith("/")]
    library = PYTHON.parent.parent / "lib" / PYTHON.name
    modules = [*library.glob("*.py")]
    for package in ("collections", "encodings", "importlib", "json", "re"):
        modules += library.joinpath(package).rglob("*.py")
    with tarfile.open(fileobj=out, mode="w") as tar:
        files = (PYTHON, *libraries, *modules, Path("/srv/server.py"))
        for folder in sorted({parent for path in files for parent in path.parents} - {Path("/")}):
            entry = tarfile.TarInfo(str(folder)[1:])
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path in (PYTHON, *libraries, *modules):
            tar.add(path.resolve(), str(path)[1:], recursive=False)
        content = server.encode()
        entry = tarfile.TarInfo("srv/server.py")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()
