"""`mcpreg init`: the first manifest of a server, from a package or from its server.json.

What can be read is read: the package is installed and started once, in the sandbox and without
network, and what it lists is written down in full together with its lock. What cannot be known
(the description, the hosts it needs) is said in `Draft.notes`, for a person to complete.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mcpreg.checks.finding import Finding
from mcpreg.checks.interface import Severity
from mcpreg.core import canonical, docker_options, names, position, safety
from mcpreg.core.cutoff import Cutoff
from mcpreg.core.lock import LOCK_FILE, Lock
from mcpreg.core.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from mcpreg.core.position import StrictJSONError
from mcpreg.core.toolset import PROMPT_FIELDS, TOOL_FIELDS
from mcpreg.errors import McpregError, UsageError
from mcpreg.formats.registry import draft as start_of
from mcpreg.store.files import sync_folder, write_atomic
from mcpreg.usecases.validate import README_FILE, SERVERS_FOLDER, validate_bytes

if TYPE_CHECKING:  # starting a package imports the MCP library; a server.json needs none of it
    from mcpreg.core.toolset import Offer
    from mcpreg.packages.interface import Progress

RESOURCE_FIELDS = ("name", "uri", "uriTemplate", "title", "description", "mimeType")
_PROMPT_ARGUMENT_FIELDS = ("name", "title", "description", "required")
_PYPI = re.compile(r"pypi:([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9._+!-]*)", re.ASCII)
_NPM = re.compile(
    r"npm:((?:@[A-Za-z0-9~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*)@([0-9][A-Za-z0-9.+-]*)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest to be, as JSON, and what a person should still look at."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """What `init` made: the folder and its files, and what validation says of the manifest."""

    folder: Path
    manifest: Manifest
    lock: Lock | None
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]


def draft_from_package(text: str, *, name: str | None, description: str | None) -> Draft:
    """A draft for `pypi:NAME==VERSION` or `npm:[@SCOPE/]NAME@VERSION`.

    Raises:
        UsageError: the text is neither, or no server name follows from it and none is given.
    """
    kind, identifier, version = _parse_package(text)
    notes = []
    if description is None:
        notes.append("the description is a stand-in: say in at most 100 characters what it does")
    return Draft(
        {
            "name": name or _derived_name(kind, identifier),
            "description": description or f"{identifier}, an MCP server"[:100],
            "version": version,
            "packages": [
                {
                    "registryType": kind,
                    "identifier": identifier,
                    "version": version,
                    "transport": {"type": "stdio"},
                }
            ],
            "capabilities": {"sandbox": ["net:none"]},
        },
        (*notes, "it may do nothing so far: add the capabilities that it needs to work"),
    )


def _parse_package(text: str) -> tuple[str, str, str]:
    for kind, pattern in (("pypi", _PYPI), ("npm", _NPM)):
        match = pattern.fullmatch(text)
        if match:
            return kind, match[1], match[2]
    raise UsageError(
        f"{text!r} is not a package at an exact version",
        hint="pypi:NAME==1.2.3, npm:NAME@1.2.3 or npm:@scope/NAME@1.2.3",
    )


def _derived_name(kind: str, identifier: str) -> str:
    scope, slash, package = identifier.partition("/")
    if kind == "npm" and slash and names.is_name(f"io.github.{scope[1:]}/{package}"):
        return f"io.github.{scope[1:]}/{package}"
    raise UsageError(
        f"{identifier} does not say who publishes it",
        hint=f"--name io.github.OWNER/{identifier.rpartition('/')[2]}",
    )


def draft_from_file(path: Path, *, name: str | None, description: str | None) -> Draft:
    """A draft from a server.json of any schema version, or a manifest under an older name.

    A variable that the person sets is let in, and a folder that they name for `docker run -v`;
    everything else stays closed.

    Raises:
        UsageError: there is no such file, or it is not a JSON object.
    """
    converted = start_of("server.json", _read_object(path))
    document = converted.document
    if name is not None:
        document["name"] = name
    if description is not None:
        document["description"] = description
    notes = list(converted.notes)
    if document.get("packages") and "capabilities" not in document:
        variables = [f"env:{name}" for name in _variables(document["packages"])]
        options = list(_docker_options(document["packages"]))
        sandbox = [*variables, *docker_options.capabilities(options)]
        document["capabilities"] = {"sandbox": list(dict.fromkeys(sandbox))}
        notes += [
            f"{item.option} of docker run is not carried out: {item.why}"
            for item in options
            if isinstance(item, docker_options.Refused)
        ]
        files = any(text.startswith("fs:") for text in sandbox)
        notes.append(
            f"it may reach no {'other file' if files else 'file'} and no host so far: "
            "add what it needs to work"
        )
    return Draft(document, tuple(notes))


def _docker_options(packages: object) -> Iterator[docker_options.Found]:
    """What images were told by `docker run`, of whatever JSON stands there."""
    for package in packages if isinstance(packages, list) else ():
        is_image = isinstance(package, dict) and package.get("registryType") == "oci"
        listed = package.get("runtimeArguments") if is_image else None
        pairs = [
            (_text(item.get("name")), _text(item.get("value")))
            for item in (listed if isinstance(listed, list) else ())
            if isinstance(item, dict)
        ]
        if pairs:
            words = docker_options.words_of(pairs)
            yield from docker_options.read(words, str(package.get("identifier")))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_MANIFEST_BYTES + 1)
        if len(data) > MAX_MANIFEST_BYTES:
            raise UsageError(f"{path} is larger than {MAX_MANIFEST_BYTES >> 20} MiB")
        document = position.loads(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except StrictJSONError as error:
        where = f"{path}:{error.place.line}:{error.place.column}"
        raise UsageError(error.message, where=where, hint=f"mcpreg validate {path}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a server.json: it holds no object")
    return document


def _variables(packages: object) -> Iterable[str]:
    """Names of the variables that a person sets, of whatever JSON stands there."""
    for package in packages if isinstance(packages, list) else ():
        listed = package.get("environmentVariables") if isinstance(package, dict) else None
        for item in listed if isinstance(listed, list) else ():
            if isinstance(item, dict) and "value" not in item and isinstance(item.get("name"), str):
                yield item["name"]


def can_launch(draft: Draft) -> bool:
    """Whether the draft has a package that could be locked; a remote has not."""
    from mcpreg.usecases.lock import lockable_package

    try:
        lockable_package(_manifest(draft.document))
    except UsageError:
        return False  # of a misshapen draft, `start` says what is wrong
    return True


def start(
    draft: Draft,
    root: Path,
    *,
    launch: bool,
    force: bool,
    cutoff: Cutoff,
    progress: Progress,
) -> Started:
    """Write `servers/<namespace>/<name>/<version>/` below `root`.

    Args:
        draft: what is known so far.
        root: the registry's folder.
        launch: install and start the package once, to read what it offers and to lock it.
        force: replace an existing manifest and lock; a README is never replaced.
        cutoff: what was released later is not seen by the lock.
        progress: takes one sentence a step.

    Raises:
        UsageError: the draft is no manifest, or the folder exists and `force` is not given.
        McpregError: the package cannot be locked or does not start; nothing is written.
    """
    manifest = _manifest(draft.document)
    if not names.is_version(manifest.version):
        raise UsageError(f"{manifest.version!r} is not one exact version", hint="correct it first")
    folder = root / SERVERS_FOLDER / manifest.name / manifest.version
    if not force and os.path.lexists(folder):
        raise UsageError(f"{folder} exists", hint="--force replaces its manifest and lock")
    lock = None
    if launch:
        manifest, lock = _launched(manifest, cutoff, progress)
    data = canonical.pretty(manifest.document())
    files = {MANIFEST_FILE: data, README_FILE: readme(manifest)}
    if lock is not None:
        files[LOCK_FILE] = lock.canonical()
    _write(folder, files)
    identity = f"{manifest.name}/{manifest.version}"
    report = validate_bytes(
        data, file=(folder / MANIFEST_FILE).as_posix(), identity=identity, files=files
    )
    return Started(folder, manifest, lock, draft.notes, report.findings)


def _manifest(document: Mapping[str, Any]) -> Manifest:
    data = json.dumps(document).encode()
    try:
        return parse_manifest(data)
    except ValidationError as error:
        found = validate_bytes(data).findings
        first, *others = [item for item in found if item.severity is Severity.ERROR]
        more = f" (and {len(others)} more)" if others else ""
        raise UsageError(
            f"{first.pointer or 'the document'}: {first.message}{more}",
            hint=first.fix or "correct it, or run mcpreg validate on it to see everything",
        ) from error


def _launched(manifest: Manifest, cutoff: Cutoff, progress: Progress) -> tuple[Manifest, Lock]:
    from mcpreg.usecases.lock import make_lock

    lock, offer = make_lock(manifest, cutoff=cutoff, progress=progress)
    document = manifest.document()
    document["capabilities"] = document.get("capabilities", {}) | offered(offer)
    full = _manifest(document)
    # The lock was made for the draft; nothing in it but the digest depends on the declared tools.
    return full, lock.model_copy(update={"manifest": full.digest()})


def offered(offer: Offer) -> dict[str, Any]:
    """What a server lists, as the members of `capabilities`; nothing listed, nothing declared."""
    prompts = [_kept(item, PROMPT_FIELDS) for item in offer.prompts]
    for prompt in prompts:
        if "arguments" in prompt:
            given = prompt["arguments"]
            prompt["arguments"] = [_kept(item, _PROMPT_ARGUMENT_FIELDS) for item in given]
    resources = (*offer.resources, *offer.templates)
    found = {
        "specVersion": offer.protocol,
        "tools": [_kept(item, TOOL_FIELDS) for item in offer.tools],
        "prompts": prompts,
        "resources": [_kept(item, RESOURCE_FIELDS) for item in resources],
    }
    return {key: value for key, value in found.items() if value}


def _kept(item: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    return {key: item[key] for key in fields if item.get(key) is not None}


def readme(manifest: Manifest) -> bytes:
    """A README to complete. Tool names are plain; descriptions are others' text and stay out."""
    lines = [f"# {manifest.title or manifest.name.rpartition('/')[2]}", "", manifest.description]
    lines += ["", "## What it can touch", ""]
    lines += [f"- {sentence}" for sentence in safety.of_manifest(manifest).sentences]
    if manifest.capabilities.tools:
        lines += ["", "## Tools", ""]
        lines += [f"- `{tool.name}`" for tool in manifest.capabilities.tools]
    return ("\n".join(lines) + "\n").encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """All files at once when the folder is new; else each by itself, a README only if missing."""
    if folder.exists():
        for name, data in files.items():
            if name != README_FILE or not (folder / name).exists():
                write_atomic(folder / name, data)
        if LOCK_FILE not in files:  # it was for the manifest that is gone
            (folder / LOCK_FILE).unlink(missing_ok=True)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".mcpreg-init-", dir=folder.parent))
    try:
        staging.chmod(0o755)
        for name, data in files.items():
            write_atomic(staging / name, data)
        staging.rename(folder)
    except OSError as error:
        raise McpregError(f"{folder} cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    sync_folder(folder.parent)
