"""How other registries come in, as tables: `docs/imports.md` is what this prints.

    python scripts/import_table.py UPSTREAM_DUMP TOOLHIVE_FOLDER DOCKER_FOLDER > docs/imports.md

The first is a dump of the official registry, the others a copy of ToolHive's files and a folder of
Docker's submissions. A source that is not there is left out, and said to be.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mcpreg.formats.interface import Imported, Refused
from mcpreg.formats.registry import FORMATS
from mcpreg.usecases.listing import check

PAIRS_TEST = Path(__file__).parent.parent / "tests/registry/test_format_toolhive_data.py"
MAX_EXAMPLES = 3  # names beside a rule or a repair


@dataclass
class Row:
    """The counts of one input."""

    title: str
    total: int = 0
    plain: int = 0
    repaired: int = 0
    refused: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def count(self, entries: Iterable[Imported | Refused]) -> Row:
        """Judge every entry as a sync would."""
        for entry in entries:
            self.total += 1
            reasons = sorted(set(_reasons(entry)))
            if reasons:
                self.refused += 1
                self._add(self.rules, reasons, entry.name)
                continue
            notes = sorted({kind_of(note) for note in getattr(entry, "notes", ())})
            self.plain += not notes
            self.repaired += bool(notes)
            self._add(self.notes, notes, entry.name)
        return self

    def _add(self, counter: Counter[str], reasons: list[str], name: str) -> None:
        for reason in reasons:
            counter[reason] += 1
            names = self.examples.setdefault(reason, [])
            if name not in names and len(names) < MAX_EXAMPLES:
                names.append(name)


def _reasons(entry: Imported | Refused) -> Iterator[str]:
    if isinstance(entry, Refused):
        yield f"`format`: {kind_of(entry.reason)}"
        return
    for finding in check(entry.document):
        yield f"`{finding.rule}`: {kind_of(finding.message)}"


def kind_of(note: str) -> str:
    """A note without its positions, names and numbers."""
    text = re.sub(r"\[\d+\]", "[]", note)
    text = re.sub(r"'[^']*'(?!\w)", "'…'", text)
    text = re.sub(r"is written \S+", "is written …", text)
    text = re.sub(r"\b\d+ (characters|bytes|more)", r"n \1", text)
    return text.replace("|", "\\|")


def read(form: str, files: dict[str, bytes]) -> Iterator[Imported | Refused]:
    """The entries of some files in a format."""
    yield from FORMATS[form].read(files)


def folder(path: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        file.relative_to(path).as_posix(): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def rows(upstream: Path, toolhive: Path, docker: Path) -> Iterator[Row]:
    """One row an input."""
    for title, form, path in (
        ("official registry, dump of 2025-12-12", "server-json", upstream),
        ("ToolHive, registry", "toolhive", toolhive / "registry.legacy.2026-02-18.json"),
        ("ToolHive, envelope", "upstream", toolhive / "upstream-registry.json"),
    ):
        if path.is_file():
            yield Row(title).count(read(form, {path.name: path.read_bytes()}))
    if docker.is_dir() and "docker" in FORMATS:
        yield Row("Docker, submissions").count(read("docker", folder(docker)))


def table(heads: Iterable[str], lines: Iterable[Iterable[object]]) -> Iterator[str]:
    """A Markdown table."""
    titles = list(heads)
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "---|" * len(titles)
    for line in lines:
        yield "| " + " | ".join(map(str, line)) + " |"
    yield ""


def page(found: list[Row]) -> Iterator[str]:
    """The whole of docs/imports.md."""
    yield from (
        "# What other registries hold, and what becomes of it",
        "",
        "Made by `python scripts/import_table.py UPSTREAM_DUMP TOOLHIVE_FOLDER DOCKER_FOLDER`;",
        "do not edit. An entry is *refused* when a rule of the listed kind says so (shape, name",
        "and version, the grammar of capabilities: SPEC section 3.4), *noted* when something of it",
        "was repaired or has no place in a manifest, and *plain* otherwise. An entry that counts",
        "under several notes stands in each of their lines.",
        "",
    )
    yield from table(
        ("source", "entries", "plain", "noted", "refused"),
        ((row.title, row.total, row.plain, row.repaired, row.refused) for row in found),
    )
    for row in found:
        yield from (f"## {row.title}", "")
        for head, counter in (("refused by", row.rules), ("note", row.notes)):
            if counter:
                lines = sorted(counter.items(), key=lambda item: (-item[1], item[0]))
                yield from table(
                    (head, "entries", "such as"),
                    ((what, n, ", ".join(row.examples[what])) for what, n in lines),
                )
        if not row.rules:
            yield from ("None is refused.", "")
    yield from differences()


def differences() -> Iterator[str]:
    """Where ToolHive's own converter and ours do not agree, from the test that holds them."""
    yield from (
        "## ToolHive's converter and ours",
        "",
        "ToolHive publishes inputs of its converter with the outputs that it expects. Ours are the",
        "same but for these fields (`*` is the image or address that the extension is kept under).",
        "",
    )
    known: dict[tuple[str, str], str] = runpy.run_path(str(PAIRS_TEST))["DIFFERENCES"]
    yield from table(
        ("example", "field", "why"),
        ((f"`{pair}`", f"`{path}`", why) for (pair, path), why in known.items()),
    )


def main(arguments: list[str]) -> int:
    """Print the page."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(rows(*map(Path, arguments)))
    print("\n".join(page(found)).rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
