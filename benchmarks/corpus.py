"""A registry of any size to measure on: real entries first, then variations of them, said so.

The real ones are a public dump of the official registry (`MCPREG_DATA`, or `shared/data` beside
the checkout or above it). A variation is a real entry under another name, with a README of its own.
READMEs are made up, of the length that is usual (430 words: headings, lists, code, a table). Every
version is published, so that the site is signed, with a throw-away key.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mcpreg.core import canonical
from mcpreg.core.catalog import build_targets
from mcpreg.core.entry import Entry
from mcpreg.core.index import OFFLINE_TARGETS, CheckOutcome, Record
from mcpreg.core.manifest import Manifest
from mcpreg.core.origin import Origin
from mcpreg.core.settings import parse_settings
from mcpreg.formats.interface import Imported
from mcpreg.formats.registry import FORMATS
from mcpreg.gitrepo import NewCommit, entry_folder, record_path, write_branch
from mcpreg.trust.keys import load_signer
from mcpreg.trust.offline import load_offline
from mcpreg.trust.repository import Publication, sign_online
from mcpreg.usecases.keys import init_keys

DUMP = "upstream/registry-2025-12-12.json"
FIRST_DAY = datetime(2025, 9, 9, tzinfo=UTC)
DAYS = 400
SETTINGS = b"""[registry]
name = "bench"
title = "Measured registry"
description = "As large as the real one."
base_url = "https://registry.example"
[trust]
bin_bits = 8
"""
WORDS = (  # noqa: SIM905  # sentences read better than a list of words
    "the server reads what your agent asks for and answers with a short list so that a model "
    "can choose tools by name it keeps no state between calls and writes nothing to disk "
    "unless you give it a folder each request carries a limit a page and an order results come "
    "back as text and as structured content errors say what went wrong and what to try next "
    "configuration is by environment variables or by a file secrets never appear in logs you "
    "can run it locally or behind a proxy it speaks the newest protocol and falls back to older"
).split()


@dataclass(frozen=True)
class Corpus:
    """A repository with a branch `published`, and how it came to be."""

    repo: Path
    servers: int
    versions: int
    real: int

    def line(self) -> str:
        """What it holds, in words."""
        made = self.servers - self.real
        return f"{self.servers:,} servers, {self.versions:,} versions ({made:,} are variations)"


def data() -> Path | None:
    """The folder of real data, if this machine has it."""
    named = os.environ.get("MCPREG_DATA")
    if named:
        return Path(named)
    beside = (parent / "shared/data" for parent in Path(__file__).resolve().parents)
    return next((folder for folder in beside if (folder / DUMP).is_file()), None)


def readme(name: str, seed: int) -> bytes:
    """About 430 words of Markdown, different for every seed."""
    chance = random.Random(seed)

    def text(words: int) -> str:
        return " ".join(chance.choices(WORDS, k=words)).capitalize() + "."

    def items(words: int) -> str:
        return "\n".join(f"- **{chance.choice(WORDS)}**: {text(words)}" for _ in range(6))

    lines = [
        f"# {name}",
        f"![build](https://ci.example/{seed}.svg) [![npm](https://n.example/{seed})](https://n.example)",
        f"{text(30)} See [the docs](https://docs.example/{seed}) or `{name}`. *{text(20)}*",
        f"## Features\n\n{items(10)}",
        f'## Installation\n\n```json\n{{"mcpServers": {{"s{seed}": {{"command": "npx"}}}}}}\n```',
        "## Tools\n\n| Tool | What it does |\n|---|---|\n"
        + "\n".join(f"| `{w}_{seed}` | {text(9)} |" for w in chance.choices(WORDS, k=6)),
        f"## Configuration\n\n1. {text(25)}\n2. {text(25)}\n3. {text(25)}\n\n> {text(20)}",
        f"## Development\n\n{text(60)}\n\n```sh\nnpm ci && npm test\n```\n\n{text(40)}",
        f"## License\n\nMIT, see <https://spdx.org/licenses/MIT>. {text(12)}",
    ]
    return "\n\n".join(lines).encode()


def real_entries(folder: Path) -> list[list[dict[str, Any]]]:
    """The dump's valid documents, a list a server."""
    found: dict[str, list[dict[str, Any]]] = {}
    folded: set[str] = set()
    files = {Path(DUMP).name: (folder / DUMP).read_bytes()}
    for item in FORMATS["server-json"].read(files):
        if not isinstance(item, Imported):
            continue
        try:
            manifest = Manifest.model_validate(item.document)
            manifest.capabilities.parsed()
            entry_folder(manifest.name, manifest.version)
        except (ValidationError, ValueError):
            continue
        at = f"{manifest.name}@{manifest.version}".lower()
        if at not in folded:
            folded.add(at)
            found.setdefault(manifest.name.lower(), []).append(item.document)
    return list(found.values())


def _servers(real: list[list[dict[str, Any]]], servers: int) -> Iterator[list[dict[str, Any]]]:
    for turn in count():
        for documents in real:
            if turn == 0:
                yield documents
            else:
                name = f"{documents[0]['name'][:180]}-copy{turn}"
                yield [document | {"name": name} for document in documents]
            servers -= 1
            if servers == 0:
                return


def _spread(documents: list[dict[str, Any]], versions: int) -> list[dict[str, Any]]:
    """As many versions as asked for: the newest real ones, then made-up patch versions."""
    kept = documents[-versions:]
    made = (
        kept[-1] | {"version": f"{9 + number // 10}.{number % 10}.0"}
        for number in range(versions - len(kept))
    )
    return [*kept, *made]


def make(folder: Path, servers: int, versions: int) -> Corpus:
    """Write the repository into `folder`; the same arguments give the same content."""
    source = data()
    if source is None:
        raise FileNotFoundError(f"no {DUMP}: set MCPREG_DATA to the folder of real data")
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    (folder / "mcpreg.toml").write_bytes(SETTINGS)
    now = datetime.now(UTC)  # what is signed expires; the site itself knows no clock
    keys = init_keys(folder, folder.with_name(folder.name + ".keys"), now - timedelta(days=1))
    trust = {path.name: path.read_bytes() for path in (folder / "trust").iterdir()}
    real = real_entries(source)
    entries = list(_entries(real, servers, versions))
    offline = load_offline(trust)
    signer = load_signer(keys.online_uri, offline.online_keys, {})
    publication = Publication(
        build_targets(entries).files, {}, now, parse_settings(SETTINGS).trust.expiry
    )
    tuf = sign_online(publication, offline, signer)
    tuf |= {name: trust[name] for name in OFFLINE_TARGETS if name in trust}
    files = {"mcpreg.toml": SETTINGS}
    files |= {f"trust/{name}": data for name, data in trust.items()}
    files |= {f"tuf/{name}": data for name, data in tuf.items()}
    for entry in entries:
        files |= dict(files_of(entry))
    write_commit(folder, files, None)
    return Corpus(folder, servers, len(entries), min(servers, len(real)))


def write_commit(repo: Path, files: dict[str, bytes], parent: str | None) -> str:
    """A commit on `published` with these files put over those of its parent."""
    identity = ("user.name", "Bench"), ("user.email", "bench@localhost")
    for key, value in identity:
        subprocess.run(["git", "-C", str(repo), "config", key, value], check=True)
    if parent is None:
        empty = ["git", "-C", str(repo), "commit", "-q", "--allow-empty", "-m", "Begin"]
        subprocess.run(empty, check=True)
        base = subprocess.run(
            ["git", "-C", str(repo), "rev-parse", "HEAD"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    else:
        base = parent
    new = NewCommit(base=base, parents=(base,), files=files, message="Publish")
    return write_branch(repo, "published", new, expected=parent)


def files_of(entry: Entry) -> Iterator[tuple[str, bytes]]:
    """The files of a published version."""
    yield f"{entry.folder}/mcps.json", entry.manifest_bytes
    if entry.readme is not None:
        yield f"{entry.folder}/README.md", entry.readme
    if entry.origin is not None:
        yield f"{entry.folder}/source.json", entry.origin.canonical()
    if entry.record is not None:
        yield record_path(entry.folder), entry.record.canonical()


def _entries(real: list[list[dict[str, Any]]], servers: int, versions: int) -> Iterator[Entry]:
    left, sequence = versions, 0
    for number, documents in enumerate(_servers(real, servers)):
        share = max(1, round(left / (servers - number)))
        left -= share
        text = readme(documents[0]["name"], number)
        for document in _spread(documents, share):
            sequence += 1
            yield make_entry(document, sequence, versions, text)


def make_entry(document: dict[str, Any], sequence: int, total: int, text: bytes) -> Entry:
    """One published, mirrored version."""
    manifest = Manifest.model_validate(document)
    moment = FIRST_DAY + timedelta(days=DAYS) * (sequence * 7919 % total) / total
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    outcome = CheckOutcome(
        id="manifest-schema", result="pass", evidence="valid", tool_version="mcpreg 0", date=stamp
    )
    return Entry(
        name=manifest.name,
        version=manifest.version,
        folder=entry_folder(manifest.name, manifest.version),
        manifest=manifest,
        lock=None,
        lock_bytes=None,
        readme=text,
        record=Record(
            name=manifest.name,
            version=manifest.version,
            sequence=sequence,
            published_at=stamp,
            commit="d" * 40,
            manifest=manifest.digest(),
            report=(outcome,),
        ),
        manifest_bytes=canonical.pretty(manifest.document()),
        origin=Origin(
            source="upstream",
            format="server-json",
            document="sha256:" + "a" * 64,
            published_at=stamp,
        ),
    )


def cached(servers: int, versions: int) -> Corpus:
    """The corpus of this size, made once on a machine (`MCPREG_BENCH`, else the temporary folder).

    Its name holds a digest of this file and the real data's, so that another one is made anew.
    """
    source = data()
    if source is None:
        raise FileNotFoundError(f"no {DUMP}: set MCPREG_DATA to the folder of real data")
    ours = hashlib.sha256(Path(__file__).read_bytes() + (source / DUMP).read_bytes()).hexdigest()
    root = Path(os.environ.get("MCPREG_BENCH", Path(tempfile.gettempdir(), "mcpreg-bench")))
    folder = root / f"{servers}-{versions}-{ours[:12]}"
    note = folder.with_suffix(".json")
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        made = make(folder, servers, versions)
        note.write_text(json.dumps([made.servers, made.versions, made.real]))
    return Corpus(folder, *json.loads(note.read_text()))
