"""Manifests as ToolHive's registry document: valid by its schema, or named as lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcpreg.core import canonical
from mcpreg.core.position import to_text
from mcpreg.formats.extension import write_extension
from mcpreg.formats.images import tag_of, version_of
from mcpreg.formats.interface import PUBLISHER_KEY, Exported, Loss, Written
from mcpreg.formats.kept import STACKLOK, Kept, find
from mcpreg.formats.shapes import CONTAINER, REMOTE
from mcpreg.formats.texts import repository_source, shorten
from mcpreg.formats.variables import entries_of, lose_env

FORM_VERSION = "1.0.0"  # of the registry document
NEVER = "1970-01-01T00:00:00Z"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]+[a-z0-9]", re.ASCII)
_IMAGE = re.compile(
    r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9]([a-z0-9._-]*[a-z0-9])?)*"
    r"(:([a-zA-Z0-9][a-zA-Z0-9._-]*))?",
    re.ASCII,
)
_LOCALHOST = re.compile(r"http://localhost(?::([1-9][0-9]{0,4}))?", re.ASCII)
_MAX_PORT = 65535
_DESCRIPTION = range(10, 501)  # characters
_DEFAULT_TIER = "Community"
_DEFAULT_VERSION = "1.0.0"
# Top-level keys with no place, and packages' keys that an image does not need.
_NOWHERE = ("title", "websiteUrl", "icons", "license", "requiredConsents", "dependencies")
_NOT_OF_IMAGES = ("registryBaseUrl", "fileSha256", "runtimeHint", "runtimeArguments")
# Kept by the reader for the way back; the writer asks for them by name.
_CONSUMED = frozenset(("description", "target_port", "version", "args", "transport"))
Json = Any
Object = Mapping[str, Any]


class _LeftOutError(Exception):
    """The form cannot hold the server at all."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One server on its way, and what it loses."""

    server: Exported
    kept: Kept
    losses: list[Loss] = field(default_factory=list)

    def lost(self, pointer: str, reason: str) -> None:
        """Name something that is not held."""
        self.losses.append(Loss(self.server.document["name"], pointer, reason))


def write_registry(servers: Sequence[Exported]) -> Written:
    """One `registry.json` and what it cannot hold."""
    entries: dict[str, dict[str, Json]] = {"servers": {}, "remote_servers": {}}
    losses: list[Loss] = []
    for server in servers:
        job = _Job(server, find(server.document))
        name = server.document["name"]
        bare = name.rpartition("/")[2]
        try:
            _require_free(bare, entries)
            kind, entry = _entry(job)
        except _LeftOutError as error:
            losses.append(Loss(name, "", str(error)))
            continue
        entries[kind][bare] = entry
        losses += job.losses
    document = {
        "version": FORM_VERSION,
        "last_updated": newest(server.updated_at for server in servers),
        **{kind: those for kind, those in entries.items() if those or kind == "servers"},
    }
    return Written({"registry.json": canonical.pretty(document)}, tuple(losses))


def _require_free(bare: str, entries: Mapping[str, Object]) -> None:
    if not _NAME.fullmatch(bare):
        raise _LeftOutError(f"{bare!r} is no name there: a-z, 0-9 and - inside, three or more")
    if any(bare in those for those in entries.values()):
        raise _LeftOutError(f"there is another server that is {bare} there")


def newest(times: Iterable[str | None]) -> str:
    """The latest of some RFC 3339 times; the year 1970 when there is none. Never the clock's."""
    known: dict[datetime, str] = {}
    for time in times:
        try:
            moment = datetime.fromisoformat(time or "")
        except ValueError:
            continue
        if moment.tzinfo is not None:
            known.setdefault(moment, time or "")
    return known[max(known)] if known else NEVER


def _entry(job: _Job) -> tuple[str, dict[str, Json]]:
    server, document = job.server, job.server.document
    if server.status == "deleted":
        raise _LeftOutError("it is deleted, and there only Active and Deprecated are known")
    packages, remotes = document.get("packages", ()), document.get("remotes", ())
    image = next((i for i, item in enumerate(packages) if item["registryType"] == "oci"), None)
    if image is None and not remotes:
        raise _LeftOutError("it has neither a container image nor a remote")
    entry = _identity(job)
    if image is not None:
        entry |= _container(packages[image], f"/packages/{image}", job)
    else:
        entry |= _remote(remotes[0], job)
    for index in range(len(packages)):
        if index != image:
            job.lost(f"/packages/{index}", "there is room for one image only")
    for index in range(len(remotes)):
        if image is not None or index > 0:
            job.lost(f"/remotes/{index}", "there is room for one address only")
    entry |= _extension(job, container=image is not None)
    if not entry.get("tools"):
        raise _LeftOutError("it names no tools, and there at least one must be named")
    return ("servers" if image is not None else "remote_servers"), entry


def _identity(job: _Job) -> dict[str, Json]:
    document = job.server.document
    for key in _NOWHERE:
        if key in document:
            job.lost(f"/{key}", f"there is no {key}")
    _lose_other_publishers(job)
    entry: dict[str, Json] = {}
    namespace = document["name"].partition("/")[0]
    if namespace != STACKLOK:
        entry["name"] = document["name"]  # beside the key, which has no room for a namespace
    entry["description"] = _description(job)
    return entry | _repository(document.get("repository", {}), job)


def _repository(repository: Object, job: _Job) -> dict[str, Json]:
    url = repository.get("url", "")
    for key, value in repository.items():
        if key != "url" and (key != "source" or value != repository_source(url)):
            job.lost(f"/repository/{key}", "there is only the address of a repository")
    return {"repository_url": url} if url else {}


def _lose_other_publishers(job: _Job) -> None:
    publisher = job.server.document.get("_meta", {}).get(PUBLISHER_KEY, {})
    for name, value in publisher.items() if isinstance(publisher, dict) else ():
        if name != STACKLOK:
            job.lost(to_text(("_meta", PUBLISHER_KEY, name)), "there is no room for publishers")
            continue
        for key in value if isinstance(value, dict) else ():
            if key != job.kept.key:
                job.lost(to_text(("_meta", PUBLISHER_KEY, name, key)), "is of another package")


def _description(job: _Job) -> str:
    text: str = job.server.document["description"]
    full = job.kept.values.get("description")
    if isinstance(full, str) and len(full) in _DESCRIPTION and shorten(full) == text:
        return full
    if len(text) not in _DESCRIPTION:
        raise _LeftOutError(f"its description has {len(text)} characters, and there 10 are asked")
    return text


def _container(package: Object, pointer: str, job: _Job) -> dict[str, Json]:
    image = _image(package, pointer, job)
    version = job.server.document["version"]
    if version != (version_of(image) or _DEFAULT_VERSION):
        job.lost("/version", "there is no version but the image's tag")
    for key in _NOT_OF_IMAGES:
        if key in package:
            job.lost(f"{pointer}/{key}", f"there is no {key}")
    entry: dict[str, Json] = {"image": image}
    entry |= _transport(package["transport"], f"{pointer}/transport", job)
    arguments = list(_arguments(package, pointer, job))
    if arguments:
        entry["args"] = arguments
    variables = package.get("environmentVariables", ())
    listed = entries_of(variables, "env_vars", f"{pointer}/environmentVariables", job.lost)
    if listed:
        entry["env_vars"] = listed
    lose_env({**job.server.document, "packages": [package]}, job.lost)
    return entry


def _image(package: Object, pointer: str, job: _Job) -> str:
    image: str = package["identifier"]
    if "@" in image:
        image = image.partition("@")[0]
        if tag_of(image) is None:
            raise _LeftOutError("its image is named by digest only, which has no place there")
        job.lost(f"{pointer}/identifier", "there is no place for the image's digest")
    if "version" in package and tag_of(image) is None:
        image = f"{image}:{package['version']}"
        job.lost(f"{pointer}/version", "becomes the image's tag")
    elif "version" in package:
        job.lost(f"{pointer}/version", "there is no version beside the image's tag")
    if not _IMAGE.fullmatch(image):
        raise _LeftOutError(f"{image[:80]!r} is no image reference there")
    return image


def _transport(transport: Object, pointer: str, job: _Job) -> dict[str, Json]:
    if transport["type"] == "stdio":
        port = job.kept.values.get("target_port")
        is_port = type(port) is int and 1 <= port <= _MAX_PORT
        return {"transport": "stdio", **({"target_port": port} if is_port else {})}
    for key in ("headers", "variables"):
        if key in transport:
            job.lost(f"{pointer}/{key}", f"there are no {key} of a container")
    match = _LOCALHOST.fullmatch(transport["url"])
    port = int(match[1]) if match and match[1] else None
    if match is None or (port or 1) > _MAX_PORT:
        job.lost(f"{pointer}/url", "there is only a port of localhost")
        return {"transport": transport["type"]}
    return {"transport": transport["type"], **({"target_port": port} if port else {})}


def _arguments(package: Object, pointer: str, job: _Job) -> Iterator[str]:
    for index, item in enumerate(package.get("packageArguments", ())):
        place = f"{pointer}/packageArguments/{index}"
        value = item.get("value")
        if value is None or "variables" in item:
            job.lost(place, "there are only fixed arguments")
            continue
        if set(item) != {"type", "value"}:
            job.lost(place, "there are only texts, without names and descriptions")
        if item["type"] == "named":
            yield item["name"]
        yield value


def _remote(remote: Object, job: _Job) -> dict[str, Json]:
    if job.server.document["version"] != _DEFAULT_VERSION:
        job.lost("/version", "there is no version of a remote")
    if "variables" in remote:
        job.lost("/remotes/0/variables", "there are no templates")
    for index, _ in enumerate(job.server.document.get("capabilities", {}).get("sandbox", ())):
        job.lost(f"/capabilities/sandbox/{index}", "there are no permissions of a remote")
    entry: dict[str, Json] = {"url": remote["url"], "transport": remote["type"]}
    headers = entries_of(remote.get("headers", ()), "headers", "/remotes/0/headers", job.lost)
    return entry | ({"headers": headers} if headers else {})


def _extension(job: _Job, *, container: bool) -> dict[str, Json]:
    form = CONTAINER if container else REMOTE
    kept = Kept(job.kept.key, {k: v for k, v in job.kept.values.items() if k not in _CONSUMED})

    def lost(pointer: str, reason: str) -> None:
        if container or not pointer.startswith("/capabilities/sandbox"):
            job.lost(pointer, reason)  # a remote's grants are named already

    entry = write_extension(job.server, kept, form, container=container, lost=lost)
    if not container:
        entry.pop("permissions", None)
    overview = entry.pop("overview", None)
    if overview is not None and overview != job.kept.values.get("description"):
        job.lost("readme", "there is no README")
    entry.pop("tool_definitions", None)
    for index, tool in enumerate(job.server.document.get("capabilities", {}).get("tools", ())):
        if len(tool) > 1:
            job.lost(f"/capabilities/tools/{index}", "there are only names of tools")
    entry.setdefault("tier", _DEFAULT_TIER)
    return entry
