"""A registry in the shape of other registries, by the formats of `mcpreg.formats`.

A list of servers there holds one version of each, so it is the latest; what is deleted is left
out. What a form cannot hold comes back as losses, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.formats.interface import Exported, Format, Written
from mcpreg_site.catalog import Catalog, Version, build


def read_catalog(repo: Path, rev: str | None) -> Catalog:
    """The registry at `rev`; without one, what is published, else the commit checked out."""
    if rev is None:
        found = gitrepo.branch_exists(gitrepo.open_repository(repo), gitrepo.PUBLISHED)
        rev = gitrepo.PUBLISHED if found else "HEAD"
    return build(gitrepo.read(repo, rev))


def export(catalog: Catalog, form: Format, *, all_versions: bool = False) -> Written:
    """What is not deleted, in another form: the latest versions, or all of them."""
    return form.write([exported(version) for version in _chosen(catalog, all_versions)])


def _chosen(catalog: Catalog, all_versions: bool) -> Iterator[Version]:
    for server in catalog.shown:
        yield from server.current if all_versions else server.current[:1]


def exported(version: Version) -> Exported:
    """One version on its way out."""
    readme, origin = version.entry.readme, version.entry.origin
    return Exported(
        document=version.manifest.document(),
        readme=readme.decode(errors="replace") if readme is not None else None,
        status=version.status,
        updated_at=version.updated_at,
        metadata=origin.metadata if origin else {},
    )
