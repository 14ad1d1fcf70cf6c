"""`mcpreg publish`: a version as one commit on a branch of its own, ready for a pull request.

The commit is made in a bare clone in a temporary folder: the person's work tree, index and
branches stay as they are. Only the new branch is pushed, and never over an existing one.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import git

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.core.settings import SETTINGS_FILE, Settings, parse_settings
from mcpreg.errors import McpregError, NotFoundError, UnreachableError, UsageError
from mcpreg.evidence.namespace import Places
from mcpreg.gitrepo import PUBLISHED, NewCommit
from mcpreg.usecases import owning
from mcpreg.usecases.submission import Submission

# scheme://…, or user@host:path as ssh writes it
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:", re.IGNORECASE)
_GITHUB = re.compile(
    r"(?:https://(?:[^/@]+@)?github\.com/|(?:ssh://)?git@github\.com[:/])"
    r"([A-Za-z0-9-]+)/([\w.-]+?)(?:\.git)?/?",
    re.IGNORECASE,
)
_LOCAL = "."


@dataclass(frozen=True, slots=True)
class Target:
    """Which registry, and which branch of it.

    `repository` is a checkout's path or a URL, `remote` the checkout's remote that is pushed to,
    `upstream` the one that the pull request is for when it is another (a fork's original).
    """

    repository: str = _LOCAL
    remote: str = "origin"
    upstream: str | None = None
    branch: str | None = None
    push: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """Who submits: a GitHub login, where it was said, and where accounts and domains are asked."""

    login: str | None = None
    places: Places = field(default_factory=Places)


@dataclass(frozen=True, slots=True)
class Submitted:
    """The branch that was made. `url` opens the pull request, where the host has such a page.

    `notes` say what was pinned about the namespace, or why nothing was.
    """

    name: str
    version: str
    branch: str
    base: str
    commit: str
    pushed_to: str | None
    url: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the base comes from and where the branch goes, as git takes them."""

    base: str
    push_to: str | None
    local: git.Repo | None


_NOBODY = Person()


def submit(submission: Submission, target: Target, person: Person = _NOBODY) -> Submitted:
    """Make the branch with one commit, and push it.

    Raises:
        UsageError: the version or the branch exists already, the target makes no sense, or the
            person who was named has not proven to hold the namespace.
        NotFoundError: no such repository or remote, or it is no registry.
        UnreachableError: the remote does not answer or refuses.
    """
    place = _place(target)
    manifest = submission.manifest
    branch = target.branch or branch_name(manifest.name, manifest.version)
    with _workshop(place) as (repo, base):
        _require_branch(repo, branch, base)
        folder = gitrepo.entry_folder(manifest.name, manifest.version)
        _require_new(repo, base, folder, f"{manifest.name}@{manifest.version}")
        pinned, notes = _pinned(repo, base, place, manifest.name, person)
        new = NewCommit(
            base=repo.commit(base).hexsha,
            parents=(repo.commit(base).hexsha,),
            files={f"{folder}/{name}": data for name, data in submission.files.items()} | pinned,
            message=f"Add {manifest.name} {manifest.version}\n",
        )
        if place.push_to:
            _require_free(repo, place.push_to, branch)
        commit = gitrepo.write_branch(Path(repo.git_dir), branch, new, expected=None)
        if place.push_to:
            _push(repo, place.push_to, branch)
    base_name = base.rpartition("/")[2]
    return Submitted(
        manifest.name,
        manifest.version,
        branch,
        base_name,
        commit,
        _shown(place.push_to) if place.push_to else None,
        pull_request(place.base, place.push_to, base_name, branch) if place.push_to else None,
        notes,
    )


def _pinned(
    repo: git.Repo, base: str, place: _Place, name: str, person: Person
) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The file that pins the holder of a namespace with its first version, and what to say of it.

    Raises:
        UsageError, UnreachableError: a login was given, and it cannot be pinned.
    """
    held = name.partition("/")[0]
    path = owning.owner_file(held)
    if _holds(repo, base, path) or _settings(repo, base).trust.is_curated(name):
        return {}, ()
    login = person.login
    if login is None and place.push_to:
        login = _fork_owner(place.base, place.push_to) or owning.own_account(held)
    if login is None:
        return {}, (f"{held} is new here, and {path} must say who holds it: --github LOGIN",)
    try:
        owner = owning.claim(name, login, person.places)
    except McpregError as error:
        if person.login is not None:
            raise
        lacking = f"{held} is new here, and {path} must say who holds it, which was not written"
        return {}, (f"{lacking}: {error.message}", f"{error.hint or 'docs/namespaces.md says how'}")
    (holder,) = owner.github
    said = f"{held} is new here: {path} pins {holder.login} ({holder.id}), proven by {owner.proof}"
    pretty = canonical.pretty(owner.model_dump(mode="json", by_alias=True, exclude_none=True))
    return {path: pretty}, (f"{said}; open the pull request as that account",)


def _settings(repo: git.Repo, base: str) -> Settings:
    return parse_settings(repo.commit(base).tree.join(SETTINGS_FILE).data_stream.read())


def _fork_owner(base: str, push_to: str) -> str | None:
    """The account whose fork is pushed to; nobody is known by the registry's own repository."""
    ours, theirs = _GITHUB.fullmatch(push_to), _GITHUB.fullmatch(base)
    if ours is None or (theirs is not None and ours.groups() == theirs.groups()):
        return None
    return ours[1]


def branch_name(name: str, version: str) -> str:
    """`submit/<namespace>-<name>-<version>`, as git allows it (git-check-ref-format(1))."""
    text = f"{name.replace('/', '-')}-{version}"
    text = re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._+-]", "-", text))
    return "submit/" + re.sub(r"(\.lock)?\.*$", "", text)


def _place(target: Target) -> _Place:
    if _URL.match(target.repository):
        if not target.push:
            raise UsageError(
                "without a push nothing would be left of the branch",
                hint="give --repo a checkout's path, or drop --no-push",
            )
        return _Place(target.upstream or target.repository, target.repository, None)
    repo = gitrepo.open_repository(Path(target.repository))
    if not target.push:
        return _Place(_LOCAL, None, repo)
    push_to = _remote(repo, target.remote)
    upstream = target.upstream
    if upstream is None and any(remote.name == "upstream" for remote in repo.remotes):
        upstream = "upstream"  # the name that GitHub's own command gives a fork's original
    if upstream is None:
        return _Place(push_to, push_to, repo)
    return _Place(upstream if _URL.match(upstream) else _remote(repo, upstream), push_to, repo)


def _remote(repo: git.Repo, name: str) -> str:
    """A remote's address; a relative path is one from the checkout's top."""
    found = next((remote for remote in repo.remotes if remote.name == name), None)
    if found is None:
        known = ", ".join(remote.name for remote in repo.remotes) or "none"
        raise NotFoundError(
            f"{repo.working_tree_dir or repo.git_dir} has no remote {name!r} (it has {known})",
            hint="git remote add, or --remote NAME, or --no-push for a local branch",
        )
    url = str(found.url)
    if _URL.match(url):
        return url
    return str(Path(repo.working_tree_dir or repo.git_dir, url).resolve())


@contextmanager
def _workshop(place: _Place) -> Iterator[tuple[git.Repo, str]]:
    """A repository to make the commit in, and the name of the base there."""
    if place.push_to is None and place.local is not None:
        yield place.local, _local_base(place.local)
        return
    with tempfile.TemporaryDirectory(prefix="mcpreg-publish-") as scratch:
        repo = _clone(place, scratch)
        try:
            if place.local is not None:
                _sign_as(repo, place.local)
            yield repo, repo.head.reference.path
        finally:
            repo.close()


def _local_base(repo: git.Repo) -> str:
    for name in ("refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master"):
        try:
            repo.commit(name)
        except (git.BadName, ValueError):
            continue
        return name if not name.endswith("HEAD") else str(repo.git.symbolic_ref(name))
    raise NotFoundError("there is no branch main to start from", hint="git branch main")


def _clone(place: _Place, folder: str) -> git.Repo:
    """Commits and folders of the default branch; no file's content is needed to add one."""
    # A fork may lack the commit that a shallow clone begins with, and git then refuses the push.
    depth = {"depth": 1} if place.base == place.push_to and _URL.match(place.base) else {}
    try:
        repo = git.Repo.clone_from(
            place.base,
            folder,
            bare=True,
            single_branch=True,
            filter="blob:none",
            **depth,  # type: ignore[arg-type]  # options of git-clone(1), any of them
        )
        repo.head.commit  # noqa: B018  # an empty repository has none, and says so here
    except ValueError as error:
        raise NotFoundError(f"{_shown(place.base)} has no commit on its default branch") from error
    except (git.GitCommandError, git.UnsafeProtocolError) as error:
        raise _unreachable(f"cannot read {_shown(place.base)}", error) from error
    return repo


def _sign_as(repo: git.Repo, person: git.Repo) -> None:
    """The commit is by whom the person's checkout says, where it says so for itself."""
    with person.config_reader() as theirs, repo.config_writer() as ours:
        for key in ("name", "email"):
            value = theirs.get_value("user", key, "")
            if value:
                ours.set_value("user", key, str(value))


def _require_branch(repo: git.Repo, branch: str, base: str) -> None:
    try:
        repo.git.check_ref_format(f"refs/heads/{branch}")
    except git.GitCommandError as error:
        raise UsageError(f"{branch!r} is no name for a branch", hint="--branch NAME") from error
    if branch in (base.rpartition("/")[2], PUBLISHED) or branch.startswith("-"):
        raise UsageError(f"{branch} is not for submissions", hint="--branch submit/NAME")


def _require_new(repo: git.Repo, base: str, folder: str, what: str) -> None:
    if not _holds(repo, base, SETTINGS_FILE):
        raise NotFoundError(
            f"the repository is no registry: it has no {SETTINGS_FILE}",
            hint="mcpreg publish --repo with the registry's path or address",
        )
    if _holds(repo, base, folder):
        raise UsageError(
            f"{what} is in the registry already, and versions never change",
            hint="raise the version, lock and publish again",
            where=folder,
        )
    if gitrepo.branch_exists(repo, PUBLISHED) and _holds(
        repo, PUBLISHED, gitrepo.record_path(folder)
    ):
        raise UsageError(f"{what} was published before", hint="raise the version", where=folder)


def _holds(repo: git.Repo, rev: str, path: str) -> bool:
    try:
        repo.commit(rev).tree.join(path)
    except KeyError:
        return False
    return True


def _require_free(repo: git.Repo, url: str, branch: str) -> None:
    """Refuse a branch that the remote has: it may be an open pull request, with its reviews."""
    try:
        there = repo.git.ls_remote("--", url, f"refs/heads/{branch}")
    except git.GitCommandError as error:
        raise _unreachable(f"cannot read {_shown(url)}", error) from error
    if there:
        raise UsageError(
            f"{_shown(url)} has a branch {branch} already",
            hint="is it submitted already? choose another with --branch, or delete that one",
        )


def _push(repo: git.Repo, url: str, branch: str) -> None:
    try:
        # The empty lease: only if the branch is still not there.
        repo.git.push(
            f"--force-with-lease=refs/heads/{branch}:",
            "--",
            url,
            f"refs/heads/{branch}:refs/heads/{branch}",
        )
    except git.GitCommandError as error:
        raise _unreachable(f"cannot push to {_shown(url)}", error) from error


def _unreachable(what: str, error: Exception) -> McpregError:
    said = getattr(error, "stderr", "") or str(error)
    lines = [line.strip() for line in str(said).splitlines() if line.strip(" '")]
    why = next((line for line in reversed(lines) if "fatal" in line or "error" in line), "")
    return UnreachableError(
        f"{what}: {_without_secrets(why or (lines or ['git gave no reason'])[-1])}",
        hint="may you push there? otherwise fork it, and publish from a clone of your fork",
    )


def _without_secrets(text: str) -> str:
    return re.sub(r"(?<=://)[^/\s@]+@", "", text)


def _shown(url: str) -> str:
    """An address without the token that some put into it."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def pull_request(base: str, push_to: str, base_branch: str, branch: str) -> str | None:
    """The page of GitHub that opens the pull request; None for other hosts."""
    ours, theirs = _GITHUB.fullmatch(push_to), _GITHUB.fullmatch(base)
    if ours is None or theirs is None:
        return None
    owner = "" if ours.groups() == theirs.groups() else f"{ours[1]}:"
    head = quote(f"{owner}{branch}", safe="/:")
    return f"https://github.com/{theirs[1]}/{theirs[2]}/compare/{base_branch}...{head}?expand=1"


def document(done: Submitted) -> Mapping[str, object]:
    """The result as JSON."""
    return {
        "name": done.name,
        "version": done.version,
        "branch": done.branch,
        "base": done.base,
        "commit": done.commit,
        "pushedTo": done.pushed_to,
        "pullRequest": done.url,
        "notes": list(done.notes),
    }
