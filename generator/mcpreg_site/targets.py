"""`/tuf/` and `/targets/`: what `mcpreg` reads, exactly the bytes that were signed."""

from __future__ import annotations

from mcpreg.core import canonical
from mcpreg.core.index import OFFLINE_TARGETS, blob_path
from mcpreg_site.catalog import Catalog
from mcpreg_site.tree import Content, Tree


def targets(catalog: Catalog) -> Tree:
    """Metadata as committed, targets under hash-prefixed names, blobs at content addresses.

    A commit without TUF emits none of it: what nobody signed must not look installable.
    """
    if not catalog.signed:
        return Tree({})
    contents: dict[str, Content] = {f"tuf/{name}": data for name, data in catalog.tuf.items()}
    files = dict(catalog.targets.files)
    # Signed by the offline role itself; the branch keeps them with the metadata.
    files |= {path: catalog.tuf[path] for path in OFFLINE_TARGETS if path in catalog.tuf}
    contents |= {target_file(path, data): data for path, data in files.items()}
    contents |= {blob_path(digest): data for digest, data in catalog.targets.blobs.items()}
    return Tree(contents)


def target_file(path: str, data: bytes) -> str:
    """Where consistent snapshots put a target (TUF section 6.2): `<hash>.` before its name."""
    folder, slash, name = path.rpartition("/")
    digest = canonical.sha256(data).removeprefix("sha256:")
    return f"targets/{folder}{slash}{digest}.{name}"
