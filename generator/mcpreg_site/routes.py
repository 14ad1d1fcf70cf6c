"""The one table of API addresses: where a request goes, on a static host and in `serve` alike.

`/v0.1/servers` is a list and a prefix of other addresses, which no file system can be; so the
documents lie under `/api/v0.1/` in lower-case or hashed paths, and every host rewrites. So do
those of `/api/v1/registry`, a folder for each form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from mcpreg.core import names
from mcpreg_site import paths

API = "/api/v0.1"
PREFIXES = ("/v0.1", "/v0")  # both behave the same upstream
NOT_FOUND = f"{API}/not-found.json"
FIRST = "first"
"""The file name of a list's first page, which no cursor has."""
CHANGES = "/api/v1/changes"
VIEWS = "/api/v1/registry"
FORMS = ("toolhive", "upstream")
"""The values of `format` there; without one it is the first, as ToolHive has it."""
CURSOR = re.compile(rf"[0-9a-f]{{{paths.CURSOR_LENGTH}}}", re.ASCII)
KEY = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?", re.ASCII)
_PLACEHOLDER = re.compile(r":([a-z]+)")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Requests for `source` with all of `query` get `target`. `:word` stands for one segment.

    `:namespace` and `:name` are the parts of a server name, `:server` a whole one that the host
    left percent-encoded, `:key` such a one or ToolHive's short name; a query value is literal or
    a placeholder.
    """

    source: str
    target: str
    query: Mapping[str, str] = field(default_factory=dict)


def _rows() -> Iterator[Rewrite]:
    for prefix in PREFIXES:
        # A host takes the first match, so the most specific query comes first.
        cursor, latest = {"cursor": ":cursor"}, {"version": "latest"}
        yield Rewrite(f"{prefix}/servers", f"{API}/latest/:cursor.json", latest | cursor)
        yield Rewrite(f"{prefix}/servers", f"{API}/latest/{FIRST}.json", latest)
        yield Rewrite(f"{prefix}/servers", f"{API}/all/:cursor.json", cursor)
        yield Rewrite(f"{prefix}/servers", f"{API}/all/{FIRST}.json")
        for server in (":namespace/:name", ":server"):
            where = f"{API}/servers/{server}"
            yield Rewrite(f"{prefix}/servers/{server}/versions", f"{where}/versions.json")
            yield Rewrite(
                f"{prefix}/servers/{server}/versions/:version", f"{where}/versions/:version.json"
            )
        for word in ("health", "ping", "version"):
            yield Rewrite(f"{prefix}/{word}", f"{API}/{word}.json")
        yield Rewrite(f"{prefix}/openapi.yaml", "/openapi.yaml")


def _view_rows() -> Iterator[Rewrite]:
    for form in reversed(FORMS):  # the first needs no query, so it comes last
        query = {} if form == FORMS[0] else {"format": form}
        for word in ("info", "servers", "omitted"):
            yield Rewrite(f"{VIEWS}/{word}", f"{VIEWS}/{form}/{word}.json", query)
        for key in (":namespace/:name", ":key"):
            source, target = f"{VIEWS}/servers/{key}", f"{VIEWS}/{form}/servers/{key}.json"
            yield Rewrite(source, target, query)


def _probe_rows() -> Iterator[Rewrite]:
    # What ToolHive's own server answers at the root. A static host that answers is ready.
    for word in ("health", "readiness"):
        yield Rewrite(f"/{word}", f"{API}/health.json")


REWRITES = (*_rows(), *_view_rows(), *_probe_rows())


def resolve(raw_path: str, query: Mapping[str, str]) -> str | None:
    """The file path for a request, or None when no rule matches or a part of it is not possible.

    `raw_path` is still percent-encoded, so that `%2F` inside a name is no separator.
    """
    parts = raw_path.rstrip("/").split("/")
    for rule in REWRITES:
        found = _match(rule, parts, query)
        if found is None:
            continue
        target = _fill(rule.target, found)
        # A host would take the rule and find no file: the rules below it are not asked, or a
        # cursor that nobody gave would lead to the first page again.
        if target is not None or rule.query:
            return target
    return None


def _fill(target: str, found: Mapping[str, str]) -> str | None:
    folded: dict[str, str] = {}
    for word, value in found.items():
        safe = fold(word, value)
        if safe is None:
            return None
        folded[word] = safe
    return _PLACEHOLDER.sub(lambda match: folded[match[1]], target)


def _match(rule: Rewrite, parts: list[str], query: Mapping[str, str]) -> dict[str, str] | None:
    pattern = rule.source.split("/")
    if len(pattern) != len(parts):
        return None
    wanted = [*zip(pattern, map(unquote, parts), strict=True)]
    wanted += [(value, query.get(key, "")) for key, value in rule.query.items()]
    found: dict[str, str] = {}
    for expected, given in wanted:
        if expected.startswith(":") and given:
            found[expected[1:]] = given
        elif expected != given:
            return None
    return found


def fold(word: str, value: str) -> str | None:
    """The form of a placeholder's value in emitted paths; None when it cannot name anything.

    Whatever comes back is made of `[a-z0-9._-]` and at most one inner slash: no path escapes.
    """
    if word == "version":
        return value if value == paths.LATEST else paths.version_segment(value)
    if word == "cursor":
        return value if CURSOR.fullmatch(value) else None
    if word == "key" and KEY.fullmatch(value.lower()):
        return paths.name_path(value)
    whole = {"namespace": f"{value}/x", "name": f"x/{value}", "server": value, "key": value}[word]
    return paths.name_path(value) if names.is_name(whole) else None


def api_url(name: str, version: str | None = None) -> str:
    """The public address of a server's versions, or of one version."""
    base = f"/v0.1/servers/{name.replace('/', '%2F')}/versions"
    return base if version is None else f"{base}/{quote(version, safe='')}"
