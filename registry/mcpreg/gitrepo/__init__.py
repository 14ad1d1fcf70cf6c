"""The registry's repository: what a commit holds, and new commits without a work tree.

Nothing here reads the work tree, so what is built is exactly what was committed.
"""

from mcpreg.gitrepo.paths import README_FILE, entry_folder, record_path
from mcpreg.gitrepo.read import Snapshot, read, show
from mcpreg.gitrepo.repository import branch_exists, open_repository, resolve
from mcpreg.gitrepo.write import NewCommit, write_branch

__all__ = [
    "README_FILE",
    "NewCommit",
    "Snapshot",
    "branch_exists",
    "entry_folder",
    "open_repository",
    "read",
    "record_path",
    "resolve",
    "show",
    "write_branch",
]
