"""`netlify.toml`: the tables of `routes` and `headers` in the words of a static host.

A rewrite rule cannot fold or hash, so each name and version that emitted paths spell differently
gets a rule of its own before the general ones.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from urllib.parse import quote

from mcpreg_site import paths
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.headers import CLASSES, EVERYWHERE
from mcpreg_site.routes import API, FORMS, NOT_FOUND, PREFIXES, REWRITES, VIEWS, Rewrite
from mcpreg_site.tree import Content, Part, Tree

FILE = "netlify.toml"
# The one at the root of a registry's repository.
PREVIEW = """\
# CI signs a tree and deploys the finished folder, which has a netlify.toml of its own. What Netlify
# builds by itself is a preview: it has no keys, and its pages say that they are unsigned.
# This file is generated: python -m mcpreg_site.netlify > netlify.toml

[build]
publish = "public"
command = \"\"\"
python -m pip install --require-hashes -r requirements/registry.lock &&
python -m pip install --no-deps --no-build-isolation . &&
mcpreg-site build --output public\"\"\"

[build.environment]
PYTHON_VERSION = "3.11"

"""
# Netlify slows down beyond 10,000 rules; the rest is still served where paths are folded.
MAX_EXCEPTIONS = 8000


def netlify(catalog: Catalog) -> Tree:
    """The tree's own `netlify.toml`: deploy the folder as it is."""
    return Tree({}, [Part(FILE, catalog.key(FILE, catalog.whole), partial(_file, catalog))])


def _file(catalog: Catalog) -> Mapping[str, Content]:
    # Beyond the limit those of the official API win.
    servers = (rule for server in catalog.servers for rule in _exceptions(server))
    views = (rule for server in catalog.shown for rule in _view_exceptions(server.name))
    exceptions = islice(chain(servers, views), MAX_EXCEPTIONS)
    return {FILE: f'[build]\npublish = "."\n\n{configuration(exceptions)}'.encode()}


def configuration(exceptions: Iterable[Rewrite] = ()) -> str:
    """Headers and redirects as TOML; without exceptions it is the same for every registry."""
    blocks = [_headers("/*", EVERYWHERE.items())]
    blocks += [_headers(kind.pattern, kind.headers.items()) for kind in CLASSES]
    blocks += [_redirect(rule) for rule in (*exceptions, *REWRITES)]
    unknown = (*PREFIXES, VIEWS)
    blocks += [_redirect(Rewrite(f"{prefix}/*", NOT_FOUND), 404) for prefix in unknown]
    return "\n".join(blocks)


def _exceptions(server: Server) -> Iterator[Rewrite]:
    folded = paths.name_path(server.name)
    named = [
        (version.version, paths.version_segment(version.version)) for version in server.versions
    ]
    odd = [(version, segment) for version, segment in named if version != segment]
    if not odd and folded == server.name:
        return
    where = f"{API}/servers/{folded}"
    for prefix in PREFIXES:
        for name in (server.name, server.name.replace("/", "%2F")):
            for version, segment in odd:
                for text in _spellings(version):
                    source = f"{prefix}/servers/{name}/versions/{text}"
                    yield Rewrite(source, f"{where}/versions/{segment}.json")
            if folded != server.name:
                base = f"{prefix}/servers/{name}/versions"
                yield Rewrite(base, f"{where}/versions.json")
                yield Rewrite(f"{base}/:version", f"{where}/versions/:version.json")


def _view_exceptions(name: str) -> Iterator[Rewrite]:
    folded = paths.name_path(name)
    if folded != name:
        for form in reversed(FORMS):
            query = {} if form == FORMS[0] else {"format": form}
            target = f"{VIEWS}/{form}/servers/{folded}.json"
            for text in (name, name.replace("/", "%2F")):
                yield Rewrite(f"{VIEWS}/servers/{text}", target, query)


def _spellings(version: str) -> Iterator[str]:
    """A version as a host may see it: percent-encoded, and decoded where a rule can hold that."""
    encoded = quote(version, safe="")
    yield encoded
    # A rule takes `:` and `*` for placeholders, and no white space.
    if encoded != version and not re.search(r"[:*\s]", version):
        yield version


def _headers(pattern: str, values: Iterable[tuple[str, str]]) -> str:
    lines = [f"    {key} = {_text(value)}" for key, value in values]
    return "\n".join(["[[headers]]", f"  for = {_text(pattern)}", "  [headers.values]", *lines, ""])


def _redirect(rule: Rewrite, status: int = 200) -> str:
    query = ", ".join(f"{key} = {_text(value)}" for key, value in rule.query.items())
    lines = [
        "[[redirects]]",
        f"  from = {_text(rule.source)}",
        *([f"  query = {{ {query} }}"] if query else []),
        f"  to = {_text(rule.target)}",
        f"  status = {status}",
        "",
    ]
    return "\n".join(lines)


def _text(value: str) -> str:
    # A JSON string is a TOML basic string, DEL apart.
    return json.dumps(value).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    sys.stdout.write(PREVIEW + configuration())
