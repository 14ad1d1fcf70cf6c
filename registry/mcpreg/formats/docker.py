"""Docker's registry: a folder a server with `server.yaml`, and perhaps `tools.json`, `readme.md`.

Secrets, hosts and volumes become inputs and capabilities. What a manifest has no field for is kept
under `_meta` (see `docker_kept`); unknown keys are named. Docker leaves the network open where
nothing is said; no capability does, so the entry is read with a closed one, and a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from mcpreg.core import capability
from mcpreg.core.capability import CapabilityError
from mcpreg.formats import docker_kept, strict_yaml
from mcpreg.formats.docker_inputs import Config, read_config
from mcpreg.formats.docker_tools import read_tools
from mcpreg.formats.docker_write import write_folders
from mcpreg.formats.images import version_of
from mcpreg.formats.interface import (
    Exported,
    Files,
    FormatError,
    Imported,
    Refused,
    Written,
    digest_of,
)
from mcpreg.formats.notes import Notes, shown
from mcpreg.formats.prune import prune
from mcpreg.formats.texts import DESCRIPTION_LIMIT, repository_source, shorten

FILE, TOOLS_FILE, README_FILE = "server.yaml", "tools.json", "readme.md"
NAMESPACE = "io.github.docker"
MADE_UP_VERSION = "1.0.0"
_TAG = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TRANSPORTS = {"sse": "sse", "streamable-http": "streamable-http", "http": "streamable-http"}
_KNOWN = {
    "": {"name", "image", "type", "meta", "about", "source", "remote", "run", "config", "oauth"}
    | {"dynamic", "longLived", "requirement", "tools"},
    "meta": {"category", "tags"},
    "about": {"title", "description", "icon"},
    "source": {"project", "commit", "branch", "directory", "dockerfile", "upstream"},
    "remote": {"transport_type", "url", "headers"},
    "run": {"command", "volumes", "user", "env", "allowHosts", "disableNetwork"},
    "config": {"description", "secrets", "env", "parameters", "volumes"},
}
Json = Any
Object = Mapping[str, Any]


class Docker:
    """Docker's `server.yaml` folders."""

    name = "docker"
    summary = "Docker's server.yaml with tools.json, one folder or many"
    every_version = False

    def detect(self, files: Files) -> bool:
        """By the file's name, wherever it lies."""
        return any(PurePosixPath(path).name == FILE for path in files)

    def read(self, files: Files) -> Iterator[Imported | Refused]:
        """One server a `server.yaml`."""
        paths = [path for path in sorted(files) if PurePosixPath(path).name == FILE]
        if not paths and len(files) == 1:
            paths = list(files)
        if not paths:
            raise FormatError(f"holds no {FILE}")
        for path in paths:
            try:
                yield _imported(files, path)
            except FormatError as error:
                folder = PurePosixPath(path).parent.name or path
                yield Refused(error.where or path, folder, error.message)

    def write(self, servers: Sequence[Exported]) -> Written:
        """A folder a server."""
        return write_folders(servers)


def _imported(files: Files, path: str) -> Imported | Refused:
    entry = strict_yaml.load(files[path], file=path)
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return Refused(path, path, "no object with a text name")
    notes = Notes()
    _name_unknown(entry, notes)
    server = entry["name"]
    parts = {key: _object(entry, key, notes) for key in _KNOWN if key}
    config = read_config(parts["config"], parts["run"], server, notes)
    document: dict[str, Json] = {"name": f"{NAMESPACE}/{server}"}
    long_text = _describe(document, parts["about"], server, notes)
    image = entry.get("image")
    document["version"] = version_of(image if isinstance(image, str) else "") or MADE_UP_VERSION
    _locate(document, parts, notes)
    tags = _tags(document, parts["meta"], notes)
    if entry.get("type") == "remote" or "remote" in entry:
        document["remotes"] = [_remote(parts["remote"], config)]
    elif isinstance(image, str):
        document["packages"] = [_package(image, config)]
    folder = PurePosixPath(path).parent
    tools = read_tools(entry, files.get(str(folder / TOOLS_FILE)), str(folder / TOOLS_FILE), notes)
    capabilities: dict[str, Json] = {"tools": tools}
    if "packages" in document:
        capabilities["sandbox"] = [*_network(parts["run"], notes), *config.sandbox]
    if any(capabilities.values()):
        document["capabilities"] = {key: value for key, value in capabilities.items() if value}
    document = prune(document, notes)
    docker_kept.put(document, docker_kept.kept(entry, parts, config.names), notes)
    return Imported(
        document=document,
        place=path,
        name=server,
        digest=digest_of([entry, tools]),
        tags=tags,
        notes=notes.listed(),
        readme=_readme(files.get(str(folder / README_FILE))) or long_text,
        versioned=isinstance(image, str) and version_of(image) is not None,
    )


def _name_unknown(entry: Object, notes: Notes) -> None:
    for holder, known in _KNOWN.items():
        members = entry.get(holder) if holder else entry
        for key in members if isinstance(members, dict) else ():
            if key not in known:
                notes.add((holder, key) if holder else (key,), "an unknown key, left out")


def _object(entry: Object, key: str, notes: Notes) -> Object:
    value = entry.get(key)
    if value is not None and not isinstance(value, dict):
        notes.add((key,), "not an object, left out")
    return value if isinstance(value, dict) else {}


def _describe(document: dict[str, Json], about: Object, server: str, notes: Notes) -> str | None:
    """Title and description; the whole description when it had to be shortened."""
    title, text = about.get("title"), about.get("description")
    if isinstance(title, str) and title.strip():
        document["title"] = shorten(title)
        if document["title"] != title:
            notes.add(("about", "title"), "shortened or respaced")
    known = text if isinstance(text, str) and text.strip() else document.get("title", server)
    document["description"] = shorten(known)
    if not isinstance(text, str) or not text.strip():
        notes.add(("about", "description"), "missing; the title stands in")
    elif document["description"] != text:
        notes.add(("about", "description"), f"shortened from {len(text)} characters")
        return text if len(text) > DESCRIPTION_LIMIT else None
    return None


def _locate(document: dict[str, Json], parts: Mapping[str, Object], notes: Notes) -> None:
    source, icon = parts["source"], parts["about"].get("icon")
    project, folder = source.get("project"), source.get("directory")
    if isinstance(project, str) and project.startswith(("https://", "http://")):
        document["repository"] = {"url": project, "source": repository_source(project)}
        if isinstance(folder, str):
            document["repository"]["subfolder"] = folder
    elif project is not None:
        notes.add(("source", "project"), "no http address, left out")
    if isinstance(icon, str) and icon.startswith("https://") and len(icon) <= 255:
        document["icons"] = [{"src": icon}]
    elif icon is not None:
        notes.add(("about", "icon"), "no https address of 255 characters, left out")


def _tags(document: dict[str, Json], meta: Object, notes: Notes) -> tuple[str, ...]:
    """The source's own tags, category first; those that we can write go to the document."""
    category, listed = meta.get("category"), meta.get("tags")
    words = [category, *(listed if isinstance(listed, list) else ())]
    own = tuple(dict.fromkeys(word for word in words if isinstance(word, str)))
    ours = [tag for tag in dict.fromkeys(_tag(word) for word in own) if tag]
    for word in own:
        if _tag(word) != word:
            notes.add(("meta", "tags"), f"'{shown(word)}' is written {_tag(word) or 'not at all'}")
    if ours:
        document["tags"] = ours
    return own


def _tag(word: str) -> str | None:
    tag = re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-")
    return tag if _TAG.fullmatch(tag) else None


def _package(image: str, config: Config) -> dict[str, Json]:
    inputs = {
        "runtimeArguments": config.mounts,
        "packageArguments": config.arguments,
        "environmentVariables": config.variables,
    }
    return {
        "registryType": "oci",
        "identifier": image,
        "transport": {"type": "stdio"},
        **{key: value for key, value in inputs.items() if value},
    }


def _remote(remote: Object, config: Config) -> dict[str, Json]:
    kind = _TRANSPORTS.get(str(remote.get("transport_type")), "streamable-http")
    result: dict[str, Json] = {"type": kind, "url": remote.get("url", "")}
    headers = remote.get("headers")
    if isinstance(headers, dict) and headers:
        result["headers"] = [config.header(name, str(value)) for name, value in headers.items()]
    return result


def _network(run: Object, notes: Notes) -> Iterator[str]:
    if run.get("disableNetwork") is True:
        yield "net:none"
        return
    listed = run.get("allowHosts")
    if not isinstance(listed, list) or not listed:
        notes.add(("run",), "no word about the network, which Docker leaves open; closed")
        return
    good = []
    for host in listed:
        try:
            good.append(str(capability.parse(f"net:egress:{host}")).removeprefix("net:egress:"))
        except CapabilityError:
            notes.add(("run", "allowHosts"), f"no capability for '{shown(str(host))}'; kept aside")
    if good:
        yield "net:egress:" + ",".join(dict.fromkeys(good))


def _readme(data: bytes | None) -> str | None:
    return data.decode(errors="replace") if data else None
