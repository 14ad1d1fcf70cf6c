"""Where things lie in a registry's repository."""

from __future__ import annotations

from mcpreg.core.names import version_folder

README_FILE = "README.md"
TIERS_FILE = "tiers.json"
PUBLISHED = "published"
"""The branch that only CI writes: main's tree, records, and signed metadata."""
SYNCED_ENDING = ".synced.json"
"""`sources/<name>.synced.json`: what a sync of that source remembers."""


def entry_folder(name: str, version: str) -> str:
    """Where a version lies: `servers/<namespace>/<name>/<version>`, the version as one segment."""
    return f"servers/{name}/{version_folder(version)}"


def record_path(folder: str) -> str:
    """Where the record of a version folder lies on the published branch."""
    return f"records/{folder.removeprefix('servers/')}.json"


def bundle_path(folder: str) -> str:
    """Where the attestation (a Sigstore bundle) of a version folder lies on that branch."""
    return f"records/{folder.removeprefix('servers/')}.sigstore.json"
