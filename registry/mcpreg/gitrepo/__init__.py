"""The registry's repository: what a commit holds, and new commits without a work tree.

Nothing but `draft` reads the work tree, so what is built is exactly what was committed.
"""

from mcpreg.gitrepo.changes import Change, changes
from mcpreg.gitrepo.draft import draft
from mcpreg.gitrepo.objects import Objects
from mcpreg.gitrepo.outline import Outline, ServerFolder, read_outline
from mcpreg.gitrepo.paths import (
    PUBLISHED,
    README_FILE,
    SYNCED_ENDING,
    TIERS_FILE,
    bundle_path,
    entry_folder,
    record_path,
)
from mcpreg.gitrepo.read import Snapshot, read, show
from mcpreg.gitrepo.repository import branch_exists, commit_id, open_repository, resolve
from mcpreg.gitrepo.write import NewCommit, write_branch

__all__ = [
    "PUBLISHED",
    "README_FILE",
    "SYNCED_ENDING",
    "TIERS_FILE",
    "Change",
    "NewCommit",
    "Objects",
    "Outline",
    "ServerFolder",
    "Snapshot",
    "branch_exists",
    "bundle_path",
    "changes",
    "commit_id",
    "draft",
    "entry_folder",
    "open_repository",
    "read",
    "read_outline",
    "record_path",
    "resolve",
    "show",
    "write_branch",
]
