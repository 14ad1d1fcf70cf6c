"""`/tuf/` and `/targets/`: what `mcpreg` reads, exactly the bytes that were signed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mcpreg.core import canonical
from mcpreg.core.index import OFFLINE_TARGETS, blob_path, index_target
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.tree import Content, Own, Part, Tree, key_of


def targets(catalog: Catalog) -> Tree:
    """Metadata as committed, targets under hash-prefixed names, blobs at content addresses.

    A commit without TUF emits none of it: what nobody signed must not look installable. The search
    index has a part of its own.
    """
    if not catalog.signed:
        return Tree({})
    # Signed by the offline role itself; the branch keeps them with the metadata.
    offline = {path: catalog.tuf[path] for path in OFFLINE_TARGETS if path in catalog.tuf}
    contents: dict[str, bytes] = {f"tuf/{name}": data for name, data in catalog.tuf.items()}
    contents |= {target_file(path, data): data for path, data in offline.items()}
    parts = [
        Part(path, key_of(path, canonical.sha256(data)), partial(dict, {path: data}))
        for path, data in contents.items()
    ]
    return Tree({}, parts, own=[Own(catalog.servers, _server)])


def _server(server: Server) -> Mapping[str, Content]:
    loaded = server.load()
    blobs: dict[str, Content] = {blob_path(sha256): data for sha256, data in loaded.blobs.items()}
    return blobs | {target_file(index_target(server.name), loaded.index): loaded.index}


def target_file(path: str, data: bytes) -> str:
    """Where consistent snapshots put a target (TUF section 6.2): `<hash>.` before its name."""
    folder, slash, name = path.rpartition("/")
    digest = canonical.sha256(data).removeprefix("sha256:")
    return f"targets/{folder}{slash}{digest}.{name}"
