"""One sync of one source: fetch, convert, merge, commit; the status says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mcpreg import gitrepo
from mcpreg.core import canonical
from mcpreg.errors import McpregError
from mcpreg.gitrepo import NewCommit
from mcpreg.gitrepo.paths import SYNCED_ENDING
from mcpreg_site.sources.documents import load_sources
from mcpreg_site.sources.fetch import fetch
from mcpreg_site.sources.interface import (
    SOURCES_FOLDER,
    Checkpoint,
    Fetched,
    Reason,
    Source,
    SourceInvalidError,
    SourceUnavailableError,
    Unchanged,
)
from mcpreg_site.sources.stop import Stop
from mcpreg_site.sync import existing
from mcpreg_site.sync.candidates import Turned, convert
from mcpreg_site.sync.merge import Plan, Terms, merge
from mcpreg_site.sync.status import SYNCED, Failed, Outcome, StatusFolder, after

# A source that empties itself by accident must not take the registry with it.
MANY = 10
MAX_LINES = 200  # of a commit message: twenty-five thousand names help nobody


@dataclass(frozen=True, slots=True)
class Repository:
    """The registry's repository and the branch that imports go to."""

    path: Path
    branch: str

    @property
    def root(self) -> Path:
        """Where relative paths of file sources start."""
        with gitrepo.open_repository(self.path) as repo:
            return Path(repo.working_tree_dir or repo.git_dir)

    def head(self) -> str:
        """The branch's commit. Raises `NotFoundError`."""
        return gitrepo.commit_id(self.path, self.branch)


@dataclass(frozen=True, slots=True)
class Options:
    """How to sync: `full` ignores what is known from the last time, `dry` writes nothing."""

    full: bool = False
    dry: bool = False
    allow_many: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What one sync did, or would do."""

    source: str
    changed: bool
    message: str
    commit: str | None = None
    plan: Plan = field(default_factory=Plan)
    turned: tuple[Turned, ...] = ()
    error: McpregError | None = None

    @property
    def refused(self) -> tuple[Turned, ...]:
        """Entries that a rule keeps out."""
        return tuple(item for item in self.turned if item.rule != "filter")

    @property
    def unwanted(self) -> tuple[Turned, ...]:
        """Entries that the filter leaves out."""
        return tuple(item for item in self.turned if item.rule == "filter")


def declared(repository: Repository) -> tuple[Source, ...]:
    """The sources that the branch declares.

    Raises:
        UsageError: a document under `sources/` is not valid.
    """
    files = gitrepo.show(repository.path, repository.head(), SOURCES_FOLDER)
    return load_sources(files)


def sync(
    repository: Repository,
    source: Source,
    options: Options,
    *,
    names: frozenset[str],
    progress: Callable[[str], None] = lambda _: None,
    stop: Stop | None = None,
) -> Report:
    """Bring one source's entries to what it now holds: one commit, or nothing.

    Args:
        repository: where to read and commit.
        source: what to sync.
        options: how.
        names: all declared sources.
        progress: is told what happens.
        stop: when asked, a fetch is left off; what follows it is finished.

    Raises:
        SourceUnavailableError, SourceInvalidError: the source failed; nothing changed.
        McpregError: the branch moved meanwhile, or too much would vanish; nothing changed.
        StoppedError: the fetch was left off; nothing changed.
    """
    head = repository.head()
    before = _checkpoint(repository, head, source)
    fetched = fetch(
        source,
        before,
        root=repository.root,
        full=options.full,
        progress=progress,
        stop=stop,
    )
    if isinstance(fetched, Unchanged):
        return Report(source.name, changed=False, message="nothing changed at the source")
    progress(f"{source.name}: reading {len(fetched.files)} documents")
    offer = convert(source, fetched)
    progress(f"{source.name}: merging {len(offer.candidates)} entries")
    held = existing.read(repository.path, head)
    terms = Terms(
        source=source.name,
        declared=names,
        every_version=offer.format.every_version,
        partial=fetched.partial,
        now=_now(),
    )
    plan = merge(held, offer.candidates, offer.turned, terms)
    if not options.allow_many:
        _refuse_many(source, plan, sum(1 for _ in held.of_source(source.name)))
    message = _summary(plan, offer.turned)
    commit = None
    if not options.dry:
        commit = _commit(repository, source, fetched, plan, head)
    return Report(source.name, not plan.is_empty, message, commit, plan, offer.turned)


def _checkpoint_path(source: Source) -> str:
    return f"{SOURCES_FOLDER}/{source.name}{SYNCED_ENDING}"


def _checkpoint(repository: Repository, head: str, source: Source) -> Checkpoint | None:
    files = gitrepo.show(repository.path, head, SOURCES_FOLDER)
    data = files.get(f"{source.name}{SYNCED_ENDING}")
    if data is None:
        return None
    try:
        return Checkpoint.model_validate_json(data)
    except ValueError as error:
        raise McpregError(
            f"{_checkpoint_path(source)} is not valid",
            where=_checkpoint_path(source),
            hint="remove the file and sync again: everything is fetched anew",
        ) from error


def _refuse_many(source: Source, plan: Plan, held: int) -> None:
    if len(plan.retired) >= MANY and 2 * len(plan.retired) > held:
        raise SourceInvalidError(
            f"source {source.name} would retire {len(plan.retired)} of its {held} versions",
            hint="if that is right: mcpreg-site sync --allow-many",
        )


def _commit(repository: Repository, source: Source, fetched: Fetched, plan: Plan, head: str) -> str:
    """The import and its checkpoint as one commit; the branch moves to it or stays."""
    checkpoint = Checkpoint(
        source=source.name,
        config=source.config,
        content=fetched.content,
        validators=dict(fetched.validators),
    )
    document = canonical.pretty(checkpoint.model_dump(mode="json", by_alias=True))
    return gitrepo.write_branch(
        repository.path,
        repository.branch,
        NewCommit(
            base=head,
            parents=(head,),
            files=plan.files | {_checkpoint_path(source): document},
            removed=frozenset(plan.removed),
            message=_message(source, plan),
        ),
        expected=head,
        follow=True,
    )


def _message(source: Source, plan: Plan) -> str:
    lines = [f"Sync {source.name}: {_summary(plan, ())}", ""]
    lines += [f"+ {label}" for label in plan.added]
    lines += [f"~ {label}" for label in plan.changed]
    lines += [f"- {label}" for label in plan.retired]
    shown = lines[:MAX_LINES]
    more = len(lines) - len(shown)
    return "\n".join([*shown, *([f"and {more} more"] if more else [])]) + "\n"


def _summary(plan: Plan, turned: tuple[Turned, ...]) -> str:
    refused = sum(item.rule != "filter" for item in turned)
    counts = {
        "added": len(plan.added),
        "changed": len(plan.changed),
        "retired": len(plan.retired),
        "unchanged": plan.unchanged,
        "in conflict": len(plan.conflicts),
        "refused": refused,
        "filtered out": len(turned) - refused,
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "no entries"


@dataclass(frozen=True, slots=True)
class Job:
    """Syncs of some sources under the same circumstances."""

    repository: Repository
    options: Options
    statuses: StatusFolder
    names: frozenset[str]
    """All declared sources, whether or not they are synced now."""
    stop: Stop = field(default_factory=Stop)
    """When asked, a fetch is left off; what follows it is finished."""

    def run(self, source: Source, progress: Callable[[str], None] = lambda _: None) -> Report:
        """`sync`, its end written to the source's status; a failure is in the report's `error`.

        Raises:
            StoppedError: the fetch was left off; nothing changed, the status neither.
        """
        failed: Failed = None
        try:
            report = sync(
                self.repository,
                source,
                self.options,
                names=self.names,
                progress=progress,
                stop=self.stop,
            )
        except SourceUnavailableError as error:
            report, failed = _failure(source, error), Reason.UNAVAILABLE
        except SourceInvalidError as error:
            report, failed = _failure(source, error), Reason.INVALID
        except McpregError as error:
            report, failed = _failure(source, error), SYNCED
        if not self.options.dry:
            self._tell(source, report, failed)
        return report

    def _tell(self, source: Source, report: Report, failed: Failed) -> None:
        before = self.statuses.read(source.name)
        counts = report.changed or before is None
        # What the last import left out is still left out when nothing changed since.
        still = not failed and not report.changed and before is not None and before.phase == "Ready"
        outcome = Outcome(
            before.message if still and before else report.message,
            content=None if failed else _content(self.repository, source),
            servers=_count(self.repository, source) if counts and not failed else None,
            failed=failed,
        )
        self.statuses.write(source, after(before, outcome, _now()))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _failure(source: Source, error: McpregError) -> Report:
    return Report(source.name, changed=False, message=error.message, error=error)


def _content(repository: Repository, source: Source) -> str | None:
    checkpoint = _checkpoint(repository, repository.head(), source)
    return checkpoint.content if checkpoint else None


def _count(repository: Repository, source: Source) -> int:
    held = existing.read(repository.path, repository.head())
    alive = (item for item in held.of_source(source.name) if item.status != "deleted")
    return len({item.folder.rpartition("/")[0] for item in alive})
