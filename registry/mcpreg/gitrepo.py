"""Reading a registry from a git commit, and writing a commit without a working tree.

GitPython finds the repository and resolves names; the bulk goes through one
`git cat-file --batch`, because a process or a Python object a file does not scale to 80,000
versions. Nothing here reads the working tree, so what is built is exactly what was committed.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import git

from mcpreg.core.entry import Entry
from mcpreg.core.index import Record
from mcpreg.core.lock import LOCK_FILE, MAX_LOCK_BYTES, parse_lock
from mcpreg.core.manifest import MANIFEST_FILE, MAX_MANIFEST_BYTES, parse_manifest
from mcpreg.core.settings import SETTINGS_FILE, Settings, parse_settings
from mcpreg.errors import McpregError, NotFoundError

README_FILE = "README.md"
MAX_README_BYTES = 512 << 10  # GitHub renders no more than this either
MAX_METADATA_BYTES = 5 << 20  # python-tuf's own cap for targets metadata
_LIMITS = {
    MANIFEST_FILE: MAX_MANIFEST_BYTES,
    LOCK_FILE: MAX_LOCK_BYTES,
    README_FILE: MAX_README_BYTES,
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A registry at one commit."""

    commit: str
    committed_at: str
    entries: tuple[Entry, ...]
    tuf: Mapping[str, bytes]
    trust: Mapping[str, bytes]
    settings: Settings


def open_repository(path: Path) -> git.Repo:
    """The repository that holds `path`. Raises `NotFoundError` when there is none."""
    try:
        return git.Repo(path, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise NotFoundError(
            f"{path} is not in a git repository", hint="run inside one, or: git init"
        ) from error


def resolve(repo: git.Repo, rev: str) -> git.Commit:
    """The commit that `rev` names. Raises `NotFoundError`."""
    try:
        return repo.commit(rev)
    except (git.BadName, git.BadObject, ValueError, IndexError) as error:
        raise NotFoundError(f"there is no commit {rev!r} in {repo.git_dir}") from error


def branch_exists(repo: git.Repo, name: str) -> bool:
    """Whether a local branch of that name exists."""
    return any(head.name == name for head in repo.heads)


def read(path: Path, rev: str) -> Snapshot:
    """Read the registry at `rev`.

    Raises:
        NotFoundError: no repository, no such commit, or no `mcpreg.toml` in it.
        McpregError: a manifest, lock or record in the commit is not valid; `where` names it.
    """
    repo = open_repository(path)
    commit = resolve(repo, rev)
    files = _read_files(repo, commit)
    if SETTINGS_FILE not in files:
        raise NotFoundError(
            f"commit {commit.hexsha[:12]} has no {SETTINGS_FILE}",
            hint="a registry repository has one at its root",
        )
    return Snapshot(
        commit=commit.hexsha,
        committed_at=_rfc3339(commit.committed_date),
        entries=tuple(_entries(files)),
        tuf=_below(files, "tuf/"),
        trust=_below(files, "trust/"),
        settings=parse_settings(files[SETTINGS_FILE]),
    )


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _below(files: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {
        path.removeprefix(prefix): data for path, data in files.items() if path.startswith(prefix)
    }


def _read_files(repo: git.Repo, commit: git.Commit) -> dict[str, bytes]:
    listing = repo.git.ls_tree("-r", "-z", "--full-tree", commit.hexsha)
    wanted: list[tuple[str, str]] = []
    for line in filter(None, listing.split("\0")):
        meta, _, path = line.partition("\t")
        mode, kind, oid = meta.split(" ")
        # Symbolic links (120000) and submodules (160000) are not data.
        if kind == "blob" and mode in ("100644", "100755") and _is_wanted(path):
            wanted.append((path, oid))
    return dict(_cat_files(repo, wanted))


def _is_wanted(path: str) -> bool:
    if path == SETTINGS_FILE or path.startswith(("records/", "tuf/", "trust/")):
        return True
    return path.startswith("servers/") and path.rpartition("/")[2] in _LIMITS


def _cat_files(repo: git.Repo, wanted: list[tuple[str, str]]) -> Iterable[tuple[str, bytes]]:
    # The requests come from a file: a pipe would fill up while git waits for us to read.
    with tempfile.TemporaryFile() as requests:
        requests.write("".join(f"{oid}\n" for _, oid in wanted).encode())
        requests.seek(0)
        process = subprocess.Popen(
            ["git", "--git-dir", str(repo.git_dir), "cat-file", "--batch"],
            stdin=requests,
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None  # noqa: S101  # Popen was given a pipe
            for path, oid in wanted:
                header = process.stdout.readline().split()
                if len(header) != 3:
                    raise McpregError(f"git cannot read {path} ({oid})")
                data = process.stdout.read(int(header[2]))
                process.stdout.read(1)
                yield path, _capped(path, data)


def _capped(path: str, data: bytes) -> bytes:
    limit = _LIMITS.get(path.rpartition("/")[2], MAX_METADATA_BYTES)
    if len(data) > limit:
        raise McpregError(f"{path} has {len(data)} bytes; at most {limit}", where=path)
    return data


def _entries(files: Mapping[str, bytes]) -> Iterable[Entry]:
    for path in sorted(files):
        folder, _, name = path.rpartition("/")
        if name == MANIFEST_FILE and path.startswith("servers/"):
            yield _entry(folder, files)


def _entry(folder: str, files: Mapping[str, bytes]) -> Entry:
    where = f"{folder}/{MANIFEST_FILE}"
    try:
        manifest = parse_manifest(files[where])
        where = f"{folder}/{LOCK_FILE}"
        lock_bytes = files.get(where)
        lock = parse_lock(lock_bytes) if lock_bytes is not None else None
        where = f"records/{folder.removeprefix('servers/')}.json"
        record_bytes = files.get(where)
        record = Record.model_validate_json(record_bytes) if record_bytes is not None else None
    except ValueError as error:
        raise McpregError(
            f"{where} is not valid: {_first_line(error)}",
            where=where,
            hint=f"mcpreg validate {folder}",
        ) from error
    expected = f"servers/{manifest.name}/{manifest.version}"
    if folder != expected:
        raise McpregError(f"{folder} holds {manifest.name}@{manifest.version}", where=folder)
    return Entry(
        name=manifest.name,
        version=manifest.version,
        folder=folder,
        manifest=manifest,
        lock=lock,
        lock_bytes=lock_bytes,
        readme=files.get(f"{folder}/{README_FILE}"),
        record=record,
        manifest_bytes=files[f"{folder}/{MANIFEST_FILE}"],
    )


def _first_line(error: ValueError) -> str:
    return str(error).partition("\n")[0]


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to make: the tree of `base` with `files` added or replaced."""

    base: str
    parents: tuple[str, ...]
    files: Mapping[str, bytes]
    message: str


def write_branch(path: Path, branch: str, new: NewCommit, *, expected: str | None) -> str:
    """Make the commit and move `branch` to it, only if the branch is still at `expected`.

    The work tree and the index of the user are not touched. Returns the commit's id.

    Raises:
        McpregError: somebody moved the branch meanwhile; nothing changed.
    """
    repo = open_repository(path)
    with tempfile.TemporaryDirectory(prefix="mcpreg-index-") as folder:
        environment = {
            **_fallback_identity(repo),
            **os.environ,
            "GIT_INDEX_FILE": str(Path(folder) / "index"),
        }

        def run(*arguments: str, data: bytes | None = None) -> str:
            done = subprocess.run(
                ["git", "--git-dir", str(repo.git_dir), *arguments],
                input=data,
                env=environment,
                capture_output=True,
                check=False,
            )
            if done.returncode:
                raise McpregError(
                    f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}"
                )
            return done.stdout.decode().strip()

        run("read-tree", new.base)
        lines = [
            f"100644 {run('hash-object', '-w', '--stdin', data=data)}\t{name}\0"
            for name, data in sorted(new.files.items())
        ]
        run("update-index", "-z", "--index-info", data="".join(lines).encode())
        tree = run("write-tree")
        parents = [word for parent in new.parents for word in ("-p", parent)]
        commit = run("commit-tree", tree, *parents, "-F", "-", data=new.message.encode())
        # The old value makes this a compare-and-swap; forty zeros mean "must not exist yet".
        run("update-ref", f"refs/heads/{branch}", commit, expected or "0" * 40)
        return commit


def _fallback_identity(repo: git.Repo) -> dict[str, str]:
    """Who commits when neither git nor the environment says so, as on a fresh machine."""
    with repo.config_reader() as config:
        if config.has_option("user", "email"):
            return {}
    roles = ("AUTHOR", "COMMITTER")
    names = {f"GIT_{role}_NAME": "mcpreg" for role in roles}
    return names | {f"GIT_{role}_EMAIL": "mcpreg@localhost" for role in roles}
