"""A real wheel with a small MCP server in it, and a package index of static files that has it."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

SERVER = '''
"""A small MCP server: answers initialize, lists two tools, and `now` does what DEED says."""
import json, os, sys

TOOLS = [{"name": "now", "description": "The time", "inputSchema": {"type": "object"}},
         {"name": "zones", "inputSchema": {"type": "object"}}]


def deed():
    return "noon"


def main():
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        method = request["method"]
        if method == "initialize":
            result = {"protocolVersion": request["params"]["protocolVersion"],
                      "capabilities": {"tools": {}}, "serverInfo": {"name": "acme", "version": "1"}}
        elif method == "tools/list":
            result = {"tools": TOOLS}
        elif method == "tools/call":
            result = {"content": [{"type": "text", "text": str(deed())}]}
        else:
            result = {}
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
'''


METADATA = "Metadata-Version: 2.1\nName: acme-clock\nVersion: {}\n"


def build_wheel(folder: Path, version: str, source: str = SERVER, *, bulk: int = 0) -> str:
    """Write `acme_clock-<version>-py3-none-any.whl`; returns its SHA-256. `bulk` adds files."""
    info = f"acme_clock-{version}.dist-info"
    files = {
        "acme_clock/__init__.py": source.encode(),
        f"{info}/METADATA": METADATA.format(version).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\nacme-clock = acme_clock:main\n",
    }
    files |= {f"acme_clock/data{number}.py": b"x = 1\n" * 500 for number in range(bulk)}
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    path = folder / f"acme_clock-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record(files: dict[str, bytes], own: str) -> bytes:
    rows = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(data)}")
    return ("\n".join([*rows, f"{own},,"]) + "\n").encode()


def write_index(site: Path, wheels: Path) -> None:
    """PEP 503 pages below `site/simple/` for every wheel in `wheels`."""
    page = site / "simple/acme-clock/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    links = []
    for wheel in sorted(wheels.glob("*.whl")):
        (page.parent / wheel.name).write_bytes(wheel.read_bytes())
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        links.append(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    page.write_text(f"<!doctype html><html><body>{''.join(links)}</body></html>")
