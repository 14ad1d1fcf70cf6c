"""A package index and an npm registry on 127.0.0.1, real enough for uv and npm.

PyPI side: the JSON simple API (PEP 691) with upload times (PEP 700). npm side: packuments with
`time`, and archives. What they serve is made by `wheel` and `npm_archive`. Both can attest what
they have, by PEP 740 and by npm's endpoint; `attests` off is an index from before that.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from mcpreg.core.cutoff import Cutoff

_PUBLISH = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1"
RELEASED = "2026-01-01T00:00:00Z"
RESOLVED_AT = "2026-06-01T00:00:00Z"
CUTOFF = Cutoff.at(RESOLVED_AT)
LAGGING = Cutoff(package=RESOLVED_AT, dependencies="2026-05-25T00:00:00Z")


def wheel(
    name: str,
    version: str,
    *,
    files: Mapping[str, str] | None = None,
    requires: Sequence[str] = (),
    scripts: Mapping[str, str] | None = None,
    python: str = ">=3.8",
    tag: str = "py3-none-any",
) -> bytes:
    """A wheel; `files` maps paths inside to text, `scripts` a command to `module:function`."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Python: {python}", *(f"Requires-Dist: {item}" for item in requires)]
    commands = [f"{command} = {target}" for command, target in (scripts or {}).items()]
    content = {
        **(files or {}),
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nTag: {tag}\n",
        f"{info}/entry_points.txt": "\n".join(["[console_scripts]", *commands]) + "\n",
    }
    rows = [f"{path},{_recorded(text)},{len(text.encode())}" for path, text in content.items()]
    content[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return stream.getvalue()


def _recorded(text: str) -> str:
    """A file's hash as RECORD has it (PEP 376)."""
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def npm_archive(files: Mapping[str, str], links: Mapping[str, str] | None = None) -> bytes:
    """An npm archive; `files` maps paths below `package/` to text."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size = len(text.encode())
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return stream.getvalue()


@dataclass
class LocalIndex:
    """What is served. `files` maps a path to bytes; the two lists are rendered per request."""

    url: str = ""
    wheels: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    npm: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    attests: bool = True

    def add_wheel(
        self,
        name: str,
        version: str,
        *,
        released: str = RELEASED,
        **made: Any,  # noqa: ANN401  # as `wheel`
    ) -> bytes:
        data = wheel(name, version, **made)
        tag = made.get("tag", "py3-none-any")
        filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
        self.add_file(name, filename, data, released)
        return data

    def add_file(self, name: str, filename: str, data: bytes, released: str = RELEASED) -> None:
        self.files[f"/files/{filename}"] = data
        self.wheels.setdefault(name, []).append(
            {
                "filename": filename,
                "url": f"/files/{filename}",
                "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
                "size": len(data),
                "upload-time": released,
                "yanked": False,
            }
        )

    def add_npm(
        self,
        name: str,
        version: str,
        *,
        files: Mapping[str, str] | None = None,
        links: Mapping[str, str] | None = None,
        released: str = RELEASED,
        **manifest: Any,  # noqa: ANN401  # members of package.json
    ) -> bytes:
        document = {"name": name, "version": version, **manifest}
        data = npm_archive({"package.json": json.dumps(document), **(files or {})}, links)
        path = f"/archives/{name.replace('/', '-')}-{version}.tgz"
        self.files[path] = data
        packument = self.npm.setdefault(name, {"name": name, "versions": {}, "time": {}})
        packument["time"] |= {"created": RELEASED, "modified": released, version: released}
        packument["dist-tags"] = {"latest": version}
        scripts = manifest.get("scripts", {})
        packument["versions"][version] = {
            **document,
            "hasInstallScript": "postinstall" in scripts,
            "dist": {
                "tarball": f"{self.url}{path}",
                "integrity": sri(data),
                "shasum": hashlib.sha1(data).hexdigest(),
            },
        }
        return data

    def attest_file(self, name: str, filename: str, *attestations: dict[str, Any]) -> None:
        """Serve these attestation objects (PEP 740) for a file that is there already."""
        path = f"/integrity/{filename}/provenance"
        bundle = {"publisher": {"kind": "GitHub"}, "attestations": list(attestations)}
        self.documents[path] = {"version": 1, "attestation_bundles": [bundle]}
        (row,) = (row for row in self.wheels[name] if row["filename"] == filename)
        row["provenance"] = f"{self.url}{path}"

    def attest_npm(self, name: str, version: str, *bundles: dict[str, Any]) -> None:
        """Serve these bundles as provenance, beside one of the registry's own key."""
        path = f"/-/npm/v1/attestations/{name}@{version}"
        kinds = [(_PUBLISH, {"mediaType": "of no interest"})]
        kinds += [("https://slsa.dev/provenance/v1", bundle) for bundle in bundles]
        rows = [{"predicateType": kind, "bundle": bundle} for kind, bundle in kinds]
        self.documents[path] = {"attestations": rows}
        self.npm[name]["versions"][version]["dist"]["attestations"] = {
            "url": f"https://registry.example.com{path}",
            "provenance": {"predicateType": "https://slsa.dev/provenance/v1"},
        }

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Content type and body for a path, or None."""
        path = unquote(path).partition("?")[0]
        self.asked.append(path)
        if path in self.files:
            return "application/octet-stream", self.files[path]
        if path in self.pages:
            return "text/html", self.pages[path]
        if path in self.documents:
            return "application/json", json.dumps(self.documents[path]).encode()
        kind, _, name = path.lstrip("/").partition("/")
        if kind == "simple" and name.strip("/") in self.wheels:
            body = {
                "meta": {"api-version": "1.3" if self.attests else "1.1"},
                "name": name.strip("/"),
                "files": self.wheels[name.strip("/")],
                "versions": [],
            }
            return "application/vnd.pypi.simple.v1+json", json.dumps(body).encode()
        if path.lstrip("/") in self.npm:
            return "application/json", json.dumps(self.npm[path.lstrip("/")]).encode()
        return None


def sri(data: bytes) -> str:
    """Subresource Integrity, sha512."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


class _Handler(http.server.BaseHTTPRequestHandler):
    index: LocalIndex
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        found = self.index.answer(self.path)
        kind, body = found or ("text/plain", b"not here")
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # the name http.server calls

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def local_index() -> Iterator[LocalIndex]:
    """Serve an empty index until the block ends."""
    index = LocalIndex()
    handler = type("Handler", (_Handler,), {"index": index})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


def client_settings(index: LocalIndex, folder: str) -> dict[str, str]:
    """Environment that points uv and npm at the index, with caches of their own."""
    return {
        "UV_DEFAULT_INDEX": f"{index.url}/simple",
        "UV_CACHE_DIR": f"{folder}/uv-cache",
        "npm_config_registry": f"{index.url}/",
        "npm_config_cache": f"{folder}/npm-cache",
        "npm_config_userconfig": f"{folder}/npmrc",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
