"""The static scan: our rules, run by semgrep over the published package's own source.

What is scanned is hostile: it is copied under names of ours, because semgrep honours ignore files
and skips folders by name, and comments that switch rules off are not honoured. Nothing of it runs.
What could not be read as source is said, never passed over.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from mcpreg.core.evidence import Missing, Scan, ScanFinding
from mcpreg.errors import McpregError
from mcpreg.evidence.installed import Installed
from mcpreg.evidence.semgrep import Semgrep

MAX_FILE = 16 << 20  # bytes; the largest real bundle seen has 6 MB
MAX_TOTAL = 128 << 20
MAX_FILES = 20_000
MAX_FINDINGS = 200
MAX_REPEATED = 3  # findings of one rule in one file
MAX_UNREAD = 50
_MAX_MESSAGE = 500
_LANGUAGES = {
    ".py": ".py",
    ".pyw": ".py",
    ".pth": ".py",
    ".js": ".js",
    ".mjs": ".js",
    ".cjs": ".js",
    ".jsx": ".js",
    ".ts": ".ts",
    ".mts": ".ts",
    ".cts": ".ts",
    ".tsx": ".tsx",
    ".sh": ".sh",
}
_DECLARATIONS = (".d.ts", ".d.mts", ".d.cts", ".pyi")
_COMPILED = (".so", ".node", ".wasm", ".dll", ".dylib", ".exe", ".asar", ".pyd")
# Compiled from a language that is published as source: what it hides, nobody was to read.
_BYTECODE = (".pyc", ".pyo", ".jsc")
_SHEBANGS = ((b"python", ".py"), (b"node", ".js"), (b"sh", ".sh"))


@dataclass(slots=True)
class _Sources:
    """Files copied for the scan: the name in the copy to the name in the package."""

    names: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    bytecode: list[str] = field(default_factory=list)
    size: int = 0


def scan(installed: Installed, semgrep: Semgrep) -> Scan | Missing:
    """Scan the own package's files. `Missing` when semgrep itself failed."""
    with tempfile.TemporaryDirectory(prefix="mcpreg-scan-") as folder:
        copy = Path(folder, "source")
        copy.mkdir()
        sources = _copied(installed, copy)
        try:
            document = semgrep.run(copy, Path(folder)) if sources.names else {}
        except McpregError as error:
            return Missing(f"the static scan failed: {error.message}")
    unread = [*sources.unread, *_unparsed(document, sources.names)]
    found = [*map(_of_bytecode, sources.bytecode), *_findings(document, sources.names)]
    return Scan(
        files=len(sources.names),
        findings=tuple(_shortened(found)[:MAX_FINDINGS]),
        tool=semgrep.version,
        unread=tuple(unread[:MAX_UNREAD]),
    )


def _copied(installed: Installed, target: Path) -> _Sources:
    sources = _Sources()
    for name in installed.own_files:
        path = installed.root / name
        ending = _language(path)
        if ending is None:
            suffix = PurePosixPath(name).suffix.lower()
            if suffix in _BYTECODE:
                sources.bytecode.append(name)
            elif suffix in _COMPILED:
                sources.unread.append(f"{name} is compiled")
            continue
        size = path.stat().st_size
        if size > MAX_FILE:
            sources.unread.append(f"{name} is larger than {MAX_FILE >> 20} MiB")
        elif len(sources.names) >= MAX_FILES or sources.size + size > MAX_TOTAL:
            sources.unread.append(f"{name} is beyond {MAX_FILES} files or {MAX_TOTAL >> 20} MiB")
        else:
            copied = f"f{len(sources.names)}{ending}"
            shutil.copyfile(path, target / copied)
            sources.names[copied] = name
            sources.size += size
    return sources


def _language(path: Path) -> str | None:
    """The ending under which semgrep reads the file; None: no source of a language we know."""
    name = path.name.lower()
    if name.endswith(_DECLARATIONS):
        return None
    ending = _LANGUAGES.get(path.suffix.lower())
    if ending is not None or path.suffix:
        return ending
    with path.open("rb") as stream:
        first = stream.readline(256)
    if not first.startswith(b"#!"):
        return None
    return next((ending for word, ending in _SHEBANGS if word in first), None)


def _findings(document: Mapping[str, Any], names: Mapping[str, str]) -> list[ScanFinding]:
    found = {
        ScanFinding(
            rule=str(result["check_id"]).rpartition(".")[2],
            severity=_severity(result["extra"]["severity"]),
            path=names[PurePosixPath(result["path"]).name],
            line=int(result["start"]["line"]),
            message=" ".join(str(result["extra"]["message"]).split())[:_MAX_MESSAGE],
        )
        for result in document.get("results", ())
    }
    return list(found)


def _of_bytecode(name: str) -> ScanFinding:
    return ScanFinding("bytecode", "error", name, 1, "code is shipped without its source")


def _shortened(found: Iterable[ScanFinding]) -> list[ScanFinding]:
    """Errors first, and of a rule in a file the first few only: a bundle repeats itself."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for item in sorted(found, key=lambda item: (item.severity, item.path, item.line, item.rule)):
        seen[item.rule, item.path] += 1
        if seen[item.rule, item.path] <= MAX_REPEATED:
            kept.append(item)
    return kept


def _severity(word: str) -> Literal["error", "warning"]:
    return "error" if word == "ERROR" else "warning"


def _unparsed(document: Mapping[str, Any], names: Mapping[str, str]) -> Iterable[str]:
    """Files that semgrep could not parse, whole or in part, or had no time for."""
    problems: dict[str, str] = {}
    for error in document.get("errors", ()):
        kind = error.get("type")
        word = kind[0] if isinstance(kind, list) and kind else kind
        name = names.get(PurePosixPath(str(error.get("path") or "")).name)
        if name is not None:
            rule = str(error.get("rule_id") or "").rpartition(".")[2]
            by = f" by {rule}" if rule else ""
            problems.setdefault(name, f"{name} could not be read whole{by} ({word})")
    read = {PurePosixPath(path).name for path in document.get("paths", {}).get("scanned", ())}
    for copied, name in names.items():
        if copied not in read:
            problems.setdefault(name, f"{name} was not read")
    return sorted(problems.values())
