"""`mcpreg ci check`: every check of every version that a pull request changes, or main has new.

In a pull request only what changed is checked; on main, whatever `published` lacks (never the
push's difference: runs get superseded). What decides (settings, owners, approvals, exceptions) is
read from the base branch, never from the submission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from mcpreg import gitrepo
from mcpreg.checks.case import Submitter
from mcpreg.checks.finding import Finding, visible
from mcpreg.checks.interface import Example, RuleInfo, Severity
from mcpreg.core.entry import Entry
from mcpreg.core.lock import LOCK_FILE
from mcpreg.core.manifest import ACCEPTED_FILES, MANIFEST_FILE
from mcpreg.core.names import Reference
from mcpreg.core.origin import ORIGIN_FILE, STATUS_FILE
from mcpreg.core.report import ReportedFinding, VersionReport
from mcpreg.core.reviews import OWNERS_FOLDER
from mcpreg.errors import McpregError, NotFoundError
from mcpreg.gitrepo import PUBLISHED, README_FILE, Change, Snapshot
from mcpreg.store.files import write_atomic
from mcpreg.usecases import marking, owning
from mcpreg.usecases.gather import Sources, gather
from mcpreg.usecases.handed import report_file
from mcpreg.usecases.owning import Offered
from mcpreg.usecases.report import Facts, VersionFolder, folder_of, report_on
from mcpreg.usecases.surroundings import Registry

VERSION_FILES = (*ACCEPTED_FILES, LOCK_FILE, README_FILE, "LICENSE", ORIGIN_FILE, STATUS_FILE)
TREE_RULE = RuleInfo(
    id="pull-request-shape",
    severity=Severity.ERROR,
    rationale=(
        "A pull request adds plain files of a version. A link would decide what CI reads, a "
        "removed version would break those who run it, and some files only a sync writes. With a "
        "namespace's first version it pins the account that proved to hold it, and no other."
    ),
    fires=Example(),
    silent=Example(),
)
_DEPTH = 5  # servers/<namespace>/<name>/<version>/<file>
_PUBLISHED_ONLY = ("records/", "tuf/")  # with them on main, nothing is published any more
_IMMUTABLE = (*ACCEPTED_FILES, LOCK_FILE)
_AT_ONCE = 2  # versions: each installs, scans and starts a server


@dataclass(frozen=True, slots=True)
class Options:
    """What to look at, and how. `now` (UTC) dates the reports."""

    now: datetime
    sources: Sources
    submitter: Submitter | None = None
    progress: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: a report a version, problems of the tree itself, and paths for maintainers.

    `outside` are changed paths that are no part of a version; people with the right to approve
    them must look. `unjudged` are version folders whose check broke off, and why; they have no
    report and cannot be published.
    """

    reports: tuple[VersionReport, ...]
    tree: tuple[ReportedFinding, ...] = ()
    outside: tuple[str, ...] = ()
    unjudged: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing keeps a version out."""
        return (
            not self.broken
            and not self.unjudged
            and not any(report.failed for report in self.reports)
        )

    @property
    def broken(self) -> tuple[ReportedFinding, ...]:
        """The tree's own errors; its warnings are for reviewers."""
        return tuple(finding for finding in self.tree if finding.severity == "error")


def check_changes(repository: Path, base: str, rev: str, options: Options) -> Checked:
    """Check what `rev` changes since it left `base`.

    Raises:
        NotFoundError: no such commit, or the base is no registry.
        McpregError: the base branch itself is not valid.
    """
    changed = gitrepo.changes(repository, base, rev)
    before = gitrepo.read(repository, base)
    commit = gitrepo.commit_id(repository, rev)
    # A file that is removed changes its version, too; a folder that is gone has nothing to check.
    paths = filter(None, dict.fromkeys(_folder(item.path) for item in changed))
    shown = ((path, gitrepo.show(repository, commit, path)) for path in paths)
    kept = {_folder(item.path) for item in changed if item.status != "deleted"}
    folders = [VersionFolder(path, files, commit) for path, files in shown if files or path in kept]
    published = _published(repository)
    registry = Registry(
        before,
        published,
        options.now,
        options.submitter,
        arriving=tuple(_named(folder) for folder in folders),
    )
    reports = _reports(folders, registry, options)
    offered = Offered(
        changed=changed,
        files=gitrepo.show(repository, commit, OWNERS_FOLDER),
        reports=reports,
        submitter=options.submitter,
        places=None if options.sources.offline else options.sources.places,
    )
    return Checked(
        reports=reports,
        tree=(
            *_of_tree(changed, before, published),
            *owning.findings(offered, registry),
            *marking.findings(
                changed,
                before.entries,
                lambda path: gitrepo.show(repository, commit, _above(path)).get(_last(path)),
                synced=_is_sync(changed),
                now=options.now,
            ),
        ),
        outside=tuple(visible(item.path) for item in changed if not _inside(item.path)),
    )


def check_unpublished(
    repository: Path, rev: str, options: Options, only: Sequence[Reference] = ()
) -> Checked:
    """Check every version that `rev` has and the published branch lacks, or those named alone.

    Each by itself: one whose check breaks off has no report, and the others have theirs.

    Raises:
        NotFoundError: nothing new has such a name.
    """
    main = gitrepo.read(repository, rev)
    published = _published(repository)
    known = {entry.folder for entry in published.entries if entry.record} if published else set()
    new = [item for item in main.entries if item.folder not in known]
    for wanted in only:
        if not any(_is(item, wanted) for item in new):
            raise NotFoundError(
                f"{rev} has no {wanted} that is not published yet",
                hint="published versions were checked when they were published",
            )
    folders = [
        folder_of(item, main.commit)
        for item in new
        if not only or any(_is(item, wanted) for wanted in only)
    ]
    return _each(folders, Registry(main, published, options.now), options)


def _each(folders: Sequence[VersionFolder], registry: Registry, options: Options) -> Checked:
    def check(folder: VersionFolder) -> VersionReport | str:
        try:
            return check_folder(folder, registry, options)
        except McpregError as error:
            return error.message
        except Exception as error:  # noqa: BLE001  # a defect of ours that one version brings out
            return f"our fault: {type(error).__name__}: {error}"

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(zip(folders, pool.map(check, folders), strict=True))
    return Checked(
        tuple(item for _, item in found if isinstance(item, VersionReport)),
        unjudged={folder.path: visible(item) for folder, item in found if isinstance(item, str)},
    )


def _is(entry: Entry, wanted: Reference) -> bool:
    return entry.name == wanted.name and wanted.version in (None, entry.version)


def _published(repository: Path) -> Snapshot | None:
    repo = gitrepo.open_repository(repository)
    return gitrepo.read(repository, PUBLISHED) if gitrepo.branch_exists(repo, PUBLISHED) else None


def _reports(
    folders: Iterable[VersionFolder], registry: Registry, options: Options
) -> tuple[VersionReport, ...]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(lambda folder: check_folder(folder, registry, options), folders))


def check_folder(folder: VersionFolder, registry: Registry, options: Options) -> VersionReport:
    """Gather, judge and report one version."""
    options.progress(f"checking {folder.identity}")
    manifest = folder.manifest()
    name, _, version = folder.identity.rpartition("/")
    surroundings = registry.around(
        folder.path,
        manifest.name if manifest else name,
        manifest.version if manifest else version,
    )
    evidence = gather(folder, manifest, surroundings, options.sources, options.progress)
    decided = registry.base.exceptions(folder.path)
    return report_on(folder, Facts(surroundings, evidence, decided), options.now)


def _folder(path: str) -> str | None:
    """The version folder that a path lies in."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[: _DEPTH - 1]) if _inside(path) and len(parts) >= _DEPTH else None


def _inside(path: str) -> bool:
    return path.startswith("servers/")


def _named(folder: VersionFolder) -> tuple[str, str]:
    """Name and version as the folder's path has them."""
    name, _, version = folder.identity.rpartition("/")
    return name, version


def _is_sync(changed: Iterable[Change]) -> bool:
    return any(item.path.endswith(gitrepo.SYNCED_ENDING) for item in changed)


def _above(path: str) -> str:
    return path.rpartition("/")[0]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _of_tree(
    changed: Iterable[Change], base: Snapshot, published: Snapshot | None
) -> Iterator[ReportedFinding]:
    """What is wrong with the change as a whole, whatever the manifests say."""
    changed = list(changed)
    synced = _is_sync(changed)
    known = {entry.folder for entry in base.entries}
    # A version that was left out of every publication may go: nobody runs it.
    never = {entry.folder for entry in published.entries if not entry.record} if published else ()
    for item in changed:
        folder, name = _folder(item.path), PurePosixPath(item.path).name
        if item.path.startswith(_PUBLISHED_ONLY) and item.status != "deleted":
            yield _tree_finding(item, f"belongs on the branch {PUBLISHED}", "remove the file")
        if not _inside(item.path):
            continue
        if item.kind != "file":
            yield _tree_finding(item, f"is a {item.kind}", "submit plain files only")
        elif folder is None or item.path != f"{folder}/{name}" or name not in VERSION_FILES:
            kept = ", ".join(VERSION_FILES[:-2])
            yield _tree_finding(item, "is no file of a version", f"a version has {kept}")
        elif name in ACCEPTED_FILES and name != MANIFEST_FILE and folder in known:
            fix = f"the manifest is {MANIFEST_FILE}; a new version has a folder of its own"
            yield _tree_finding(item, "is a second manifest", fix)
        elif item.status == "deleted" and folder in known.difference(never) and name in _IMMUTABLE:
            yield _tree_finding(
                item, "is removed, but versions are immutable", "mcpreg ci delete retires one"
            )
        elif name == ORIGIN_FILE and not synced:
            yield _tree_finding(item, "is written by mcpreg-site sync only", "remove the file")
        elif name == STATUS_FILE and folder not in known:
            yield _tree_finding(item, "retires a version that is only arriving", "remove the file")


def _tree_finding(item: Change, what: str, fix: str) -> ReportedFinding:
    path = visible(item.path)
    return ReportedFinding(
        severity="error", message=f"{path} {what}", file=path, line=1, column=1, fix=fix
    )


def findings_of(checked: Checked) -> Iterator[Finding]:
    """Everything that was found, as findings of rules."""
    yield from (_finding(TREE_RULE.id, item) for item in checked.tree)
    for report in checked.reports:
        for check in report.checks:
            yield from (_finding(check.id, item) for item in check.findings)


def _finding(rule: str, item: ReportedFinding) -> Finding:
    return Finding(
        rule=rule,
        severity=Severity(item.severity),
        message=item.message,
        file=item.file,
        line=item.line,
        column=item.column,
        pointer="",
        fix=item.fix,
    )


def save(checked: Checked, folder: Path) -> None:
    """Write one report a version below `folder`, as `<namespace>/<name>/<version>.report.json`."""
    for report in checked.reports:
        write_atomic(folder / report_file(report.folder), report.canonical())
