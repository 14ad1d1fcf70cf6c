"""`nginx/`: the tables of `routes` and `headers` in the words of nginx.

Two files of the tree, for an nginx on the machine that the tree lies on: `http.conf` belongs into
`http {}`, `server.conf` into the `server {}` that has the tree as its `root`. nginx decodes and
normalises a path before it looks at it, so one rule answers `%2F` and `/` alike. It cannot fold or
hash: what emitted paths spell differently stands in two maps, whose keys it compares without case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from mcpreg_site import paths
from mcpreg_site.catalog import Catalog
from mcpreg_site.headers import CLASSES, EVERYWHERE, TYPES, headers_of
from mcpreg_site.routes import NOT_FOUND, PREFIXES, REWRITES, VIEWS, Rewrite
from mcpreg_site.tree import Tree

HTTP, SERVER = "nginx/http.conf", "nginx/server.conf"
_NOWHERE = "/api/none"  # no file of any tree
_BY_PATH = ("Cache-Control", "Content-Disposition")
# What a placeholder may be; a value that ends in a file's path is never taken as it comes.
_SHAPES = {
    "cursor": rf"[0-9a-f]{{{paths.CURSOR_LENGTH}}}",
    "server": "[^/]+/[^/]+",
    "key": "[^/]+(?:/[^/]+)?",
    "version": ".+",
}
_PACKED = (
    "application/ai-catalog+json application/atom+xml application/feed+json application/json "
    "application/mcp-server-card+json application/opensearchdescription+xml "
    "application/problem+json application/schema+json application/xml application/yaml "
    "image/svg+xml text/css text/javascript text/plain"
)


def nginx(catalog: Catalog) -> Tree:
    """Both files. nginx has to be reloaded when `http.conf` changes."""
    fixed = Tree({SERVER: lambda: _server().encode()}).under(catalog.base)
    return fixed | Tree({HTTP: lambda: _http(catalog).encode()}).under(catalog.whole)


def _http(catalog: Catalog) -> str:
    names = dict(_folded_names(catalog))
    versions = dict(_folded_versions(catalog))
    maps = [
        _map("$mcp_server", "$mcpreg_server", "$mcp_server", names.items()),
        _map("$mcp_server@$mcp_version", "$mcpreg_version", "$mcp_version", versions.items()),
        *(_header_map(header) for header in _BY_PATH),
        *(_query_map(number, rules) for number, _, rules in _groups() if _keys(rules)),
    ]
    size = 2048 + 64 * (len(names) + len(versions))
    return f"map_hash_max_size {size};\nmap_hash_bucket_size 512;\n\n" + "\n".join(maps)


def _folded_names(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for server in catalog.servers:
        for name in (server.name, server.name.rpartition("/")[2]):
            if paths.name_path(name) != name:
                yield name, paths.name_path(name)


def _folded_versions(catalog: Catalog) -> Iterator[tuple[str, str]]:
    for version in catalog.versions:
        segment = paths.version_segment(version.version)
        if segment != version.version:
            yield f"{version.name}@{version.version}", segment


def _groups() -> Iterator[tuple[int, str, list[Rewrite]]]:
    """The rules of each address, in the table's order; those of an encoded name are not needed."""
    merged = [rule for rule in map(_merged, REWRITES) if rule is not None]
    seen = dict.fromkeys(rule.source for rule in merged)
    for number, source in enumerate(seen):
        yield number, source, [rule for rule in merged if rule.source == source]


def _merged(rule: Rewrite) -> Rewrite | None:
    if ":server" in rule.source or (":namespace" in rule.source and rule.source.startswith(VIEWS)):
        return None
    return Rewrite(
        rule.source.replace(":namespace/:name", ":server"),
        rule.target.replace(":namespace/:name", ":server").replace(":key", ":server"),
        rule.query,
    )


def _keys(rules: Iterable[Rewrite]) -> list[str]:
    return sorted({key for rule in rules for key in rule.query})


def _query_map(number: int, rules: list[Rewrite]) -> str:
    """The file of an address by its parameters; the first rule that fits, as everywhere."""
    keys = _keys(rules)
    rows: list[tuple[str, str]] = []
    default = _NOWHERE
    for rule in rules:
        if rule.query:
            rows.append((_pattern(keys, rule, _SHAPES), _target(rule)))
            if any(value.startswith(":") for value in rule.query.values()):
                # A cursor that nobody gave leads nowhere, not to the first page again.
                rows.append((_pattern(keys, rule, {}), _NOWHERE))
        else:
            default = _target(rule)
    source = "|".join(f"$arg_{key}" for key in keys)
    return _map(source, f"$mcpreg_file_{number}", default, rows)


def _pattern(keys: Iterable[str], rule: Rewrite, shapes: Mapping[str, str]) -> str:
    return "~^" + r"\|".join(_parameter(rule.query.get(key), shapes) for key in keys) + "$"


def _parameter(value: str | None, shapes: Mapping[str, str]) -> str:
    if value is None:
        return "[^|]*"
    if not value.startswith(":"):
        return re.escape(value)
    word = value[1:]
    return f"(?<mcp_{word}>{shapes[word]})" if word in shapes else "[^|]+"


def _target(rule: Rewrite) -> str:
    text = rule.target
    for word in ("server", "version"):
        text = text.replace(f":{word}", f"${{mcpreg_{word}}}")
    return text.replace(":cursor", "${mcp_cursor}")


def _header_map(header: str) -> str:
    default = headers_of("/index.html").get(header, "")
    rows = [
        (_path_pattern(kind.pattern), kind.headers[header])
        for kind in CLASSES
        if header in kind.headers
    ]
    return _map("$uri", _header_variable(header), default, rows)


def _path_pattern(pattern: str) -> str:
    return "~^" + re.escape(pattern.rstrip("*")) + ("" if pattern.endswith("*") else "$")


def _header_variable(header: str) -> str:
    return "$mcpreg_" + header.lower().replace("-", "_")


def _map(source: str, variable: str, default: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"    {_text(key)} {_text(value)};" for key, value in rows]
    begin = f"map {_text(source)} {variable} {{"
    return "\n".join([begin, f"    default {_text(default)};", *lines, "}", ""])


def _server() -> str:
    headers = [*EVERYWHERE.items(), *((name, _header_variable(name)) for name in _BY_PATH)]
    lines = [
        "index index.html;",
        "absolute_redirect off;",
        "server_tokens off;",
        "etag on;",
        "gzip on; gzip_static on; gzip_vary on; gzip_proxied any; gzip_min_length 600;",
        f"gzip_types {_PACKED};",
        "charset utf-8; charset_types text/css text/javascript text/plain;",
        "# With libnginx-mod-http-brotli-static: brotli_static on;",
        "error_page 404 /404.html;",
        "default_type application/octet-stream;",
        *_types(),
        # At this level alone: one add_header in a location would hide all of these.
        *(f"add_header {name} {_text(value)} always;" for name, value in headers),
        "if ($request_method = OPTIONS) { return 204; }",
        "",
        *_typed_locations(),
        *(_location(number, source, rules) for number, source, rules in _groups()),
        *(_unknown(prefix) for prefix in (*PREFIXES, VIEWS)),
        r"location ~ /\.(?!well-known/) { return 404; }",
    ]
    return "\n".join(lines) + "\n"


def _types() -> Iterator[str]:
    yield "types {"
    for extension, kind in TYPES.items():
        yield f"    {kind.partition(';')[0]} {extension};"
    yield "}"


def _typed_locations() -> Iterator[str]:
    """The classes of files whose type does not follow from their extension."""
    kinds = [(kind.pattern, kind.headers.get("Content-Type")) for kind in CLASSES]
    for pattern, kind in (*kinds, (NOT_FOUND, "application/problem+json")):
        if kind is not None:
            where = f"^~ {pattern.rstrip('*')}" if pattern.endswith("*") else f"= {pattern}"
            yield f"location {where} {{ types {{}} default_type {_text(kind)}; }}"


def _location(number: int, source: str, rules: list[Rewrite]) -> str:
    pattern = re.escape(source).replace(":key", f"(?<mcp_server>{_SHAPES['key']})")
    for word in ("server", "version"):
        pattern = pattern.replace(f":{word}", f"(?<mcp_{word}>{_SHAPES[word]})")
    where = f"= {source}" if ":" not in source else f"~ {_text(f'^{pattern}$')}"
    target = f"$mcpreg_file_{number}" if _keys(rules) else _target(rules[0])
    return f"location {where} {{ error_page 404 {NOT_FOUND}; try_files {target} =404; }}"


def _unknown(prefix: str) -> str:
    return f"location {prefix}/ {{ error_page 404 {NOT_FOUND}; try_files $uri =404; }}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
