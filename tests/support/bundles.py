"""MCPB bundles made here: a small server for Node, one for Python, and a program of its own."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core.manifest import Manifest
from tiny_package import SERVER

CLOCK = "io.github.acme/clock"
NODE_SERVER = """
const { noon } = require("tiny-clock");
const readline = require("node:readline").createInterface({ input: process.stdin });
const tools = [
  { name: "now", description: "The time", inputSchema: { type: "object" } },
  { name: "zones", inputSchema: { type: "object" } },
];
readline.on("line", (line) => {
  const request = JSON.parse(line);
  if (!("id" in request)) return;
  const version = (request.params || {}).protocolVersion;
  const answers = {
    initialize: () => ({
      protocolVersion: version,
      capabilities: { tools: {} },
      serverInfo: { name: "acme", version: "1" },
    }),
    "tools/list": () => ({ tools }),
    "tools/call": () => ({ content: [{ type: "text", text: noon(process.argv.slice(2)) }] }),
  };
  const result = (answers[request.method] || (() => ({})))();
  process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id: request.id, result }) + "\\n");
});
"""
NODE_FILES = {
    "server/index.js": NODE_SERVER,
    "node_modules/tiny-clock/package.json": json.dumps({"name": "tiny-clock", "version": "2.1.0"}),
    "node_modules/tiny-clock/index.js": (
        'exports.noon = (words) => ["noon", process.env.MODE, ...words].join(" ");\n'
    ),
}
PYTHON_FILES = {
    "server/main.py": SERVER.replace('return "noon"', "from tiny_clock import noon; return noon()")
    + "\nmain()\n",
    "server/lib/tiny_clock/__init__.py": "def noon():\n    return 'noon'\n",
    "server/lib/tiny_clock-2.1.dist-info/METADATA": "Name: tiny-clock\nVersion: 2.1\n",
}


@dataclass
class Made:
    """A bundle's bytes and the manifest that names it."""

    data: bytes
    manifest: dict[str, Any]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass
class Recipe:
    """What goes into a bundle; tests change pieces of it."""

    kind: str = "node"
    files: dict[str, str | bytes] = field(default_factory=lambda: dict(NODE_FILES))
    config: dict[str, Any] = field(
        default_factory=lambda: {
            "command": "node",
            "args": ["${__dirname}/server/index.js"],
            "env": {"MODE": "fast"},
        }
    )
    entry_point: str = "server/index.js"
    more: dict[str, Any] = field(default_factory=dict)

    def document(self, version: str = "1.0.0") -> dict[str, Any]:
        return {
            "manifest_version": "0.2",
            "name": "clock",
            "version": version,
            "description": "Tells the time",
            "author": {"name": "acme"},
            "server": {
                "type": self.kind,
                "entry_point": self.entry_point,
                "mcp_config": self.config,
            },
            **self.more,
        }

    def pack(self, version: str = "1.0.0") -> bytes:
        files = {"manifest.json": json.dumps(self.document(version)), **self.files}
        return packed(files)


def packed(files: Mapping[str, str | bytes], modes: Mapping[str, int] | None = None) -> bytes:
    """A zip of these files, deflated, each with its mode (0644 unless told)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | (modes or {}).get(name, 0o644)) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def python_recipe() -> Recipe:
    """A Python bundle with its one dependency in `server/lib`."""
    return Recipe(
        "python",
        dict(PYTHON_FILES),
        {
            "command": "python3",
            "args": ["${__dirname}/server/main.py"],
            "env": {"PYTHONPATH": "${__dirname}/server/lib"},
        },
        "server/main.py",
    )


def uv_recipe(*dependencies: str, **tool: Any) -> Recipe:  # noqa: ANN401  # JSON
    """A Python bundle (manifest 0.4) whose dependencies lie on an index; `tool` is [tool.uv]."""
    listed = ", ".join(json.dumps(item) for item in dependencies)
    settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in tool.items())
    return Recipe(
        "uv",
        {
            "src/main.py": PYTHON_FILES["server/main.py"],
            "pyproject.toml": (
                '[project]\nname = "Acme_Clock"\nversion = "1.0.0"\nrequires-python = ">=3.11"\n'
                f"dependencies = [{listed}]\n[tool.uv]\n{settings}"
            ),
        },
        {},
        "src/main.py",
    )


def binary_recipe(program: bytes) -> Recipe:
    """A bundle whose program is a Python of its own, which takes its library from the sandbox."""
    return Recipe(
        "binary",
        {"bin/clock": program, "server.py": SERVER + "\nmain()\n"},
        {"command": "bin/clock", "args": ["${__dirname}/server.py"]},
        "bin/clock",
    )


def bundle_manifest(url: str, data: bytes, version: str = "1.0.0", **package: Any) -> Manifest:  # noqa: ANN401  # JSON
    """The manifest of a server that is this bundle at this address."""
    document = {
        "name": CLOCK,
        "description": "Answers questions about clocks",
        "version": version,
        "packages": [
            {
                "registryType": "mcpb",
                "identifier": url,
                "fileSha256": hashlib.sha256(data).hexdigest(),
                "transport": {"type": "stdio"},
                **package,
            }
        ],
        "license": "MIT",
        "capabilities": {"tools": [{"name": "now"}, {"name": "zones"}], "sandbox": ["net:none"]},
    }
    return Manifest.model_validate(document)
