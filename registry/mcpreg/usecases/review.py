"""What maintainers and reviewers decide about a version, written as files that others review.

Each decision is one file below `reviews/` in the work tree; it counts once it is on main. Nothing
here commits: people look at the file first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import git

from mcpreg import gitrepo
from mcpreg.checks.exceptions import LONGEST, NEVER_EXCEPTED
from mcpreg.checks.registry import CASE_RULES, RULES
from mcpreg.core.difference import Side, digest_of, widening
from mcpreg.core.entry import Entry
from mcpreg.core.names import Reference
from mcpreg.core.reviews import (
    APPROVAL_FILE,
    EXCEPTIONS_FILE,
    REVIEWS_FOLDER,
    Approval,
    Exceptions,
    RuleException,
)
from mcpreg.core.settings import ReviewerSettings
from mcpreg.core.tier import ReviewKind
from mcpreg.errors import McpregError, NotFoundError, UsageError
from mcpreg.gitrepo import PUBLISHED, Snapshot
from mcpreg.store.files import write_atomic
from mcpreg.usecases.admission import digests_of
from mcpreg.usecases.report import VersionFolder
from mcpreg.usecases.surroundings import Registry


@dataclass(frozen=True, slots=True)
class Written:
    """A decision that now lies in the work tree: its path in the repository, and what it says."""

    path: str
    told: tuple[str, ...] = ()


class WorkTree:
    """A checked-out registry: what its HEAD holds, and where decisions are written."""

    def __init__(self, repository: Path) -> None:
        """Raises `NotFoundError` without a registry, `UsageError` without a work tree."""
        self.repo: git.Repo = gitrepo.open_repository(repository)
        if self.repo.working_tree_dir is None:
            raise UsageError(
                f"{repository} has no work tree to write to", hint="run in a clone of the registry"
            )
        self.root = Path(self.repo.working_tree_dir)
        self.main: Snapshot = gitrepo.read(self.root, "HEAD")

    def published(self) -> Snapshot | None:
        """The published branch, if there is one here."""
        if not gitrepo.branch_exists(self.repo, PUBLISHED):
            return None
        return gitrepo.read(self.root, PUBLISHED)

    def versions(self, reference: Reference) -> tuple[Entry, ...]:
        """The versions that a reference names: one, or all. Raises `NotFoundError`."""
        named = [entry for entry in self.main.entries if entry.name == reference.name]
        found = [entry for entry in named if reference.version in (None, entry.version)]
        if not found:
            has = ", ".join(entry.version for entry in named[-5:])
            raise NotFoundError(
                f"HEAD has no {reference}",
                hint=f"it has {has}" if has else "names are as in servers/",
            )
        return tuple(found)

    def version(self, reference: Reference) -> Entry:
        """The one version that a reference names. Raises `UsageError` when it names none."""
        require_version(reference)
        return self.versions(reference)[0]

    def write(self, path: str, data: bytes) -> None:
        """Replace a file of the work tree. Raises `McpregError` if a link leads out of it."""
        target = self.root / path
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise McpregError(f"{path} leads out of the repository", where=path)
        write_atomic(target, data)

    def person(self) -> str:
        """Who git says is at work, `Name <mail>`. Raises `UsageError` when it does not."""
        reader = self.repo.config_reader()
        name, mail = (str(reader.get_value("user", key, "")) for key in ("name", "email"))
        if not name:
            raise UsageError(
                "git does not know who you are", hint="say it: --by NAME, or set git's user.name"
            )
        return f"{name} <{mail}>" if mail else name


def require_version(reference: Reference) -> str:
    """The version of a reference. Raises `UsageError` without one."""
    if reference.version is None:
        raise UsageError(
            f"{reference} names no version", hint=f"a decision is about one: {reference}@1.0.0"
        )
    return reference.version


@dataclass(frozen=True, slots=True)
class Decision:
    """What every decision has: about what, why, by whom (None: as git knows them), and when."""

    reference: Reference
    reason: str
    now: datetime
    by: str | None = None


def approve(repository: Path, rev: str, decision: Decision) -> Written:
    """Let one very difference through: what `rev` has against the last approved version.

    Raises:
        NotFoundError: no such version at `rev`, or nothing is published that it widens.
        McpregError: nothing widens, or the version is published already.
    """
    tree = WorkTree(repository)
    version = require_version(decision.reference)
    folder = gitrepo.entry_folder(decision.reference.name, version)
    new = _side(tree, rev, folder, decision.reference)
    around = Registry(tree.main, tree.published(), decision.now).around(
        folder, decision.reference.name, version
    )
    if around.published is not None:
        raise McpregError(f"{decision.reference} is published already")
    if around.previous is None:
        raise NotFoundError(
            f"no other version of {decision.reference.name} is published, so nothing is held",
            hint=f"is the branch here? git fetch origin {PUBLISHED}:{PUBLISHED}",
        )
    widened = widening(Side(around.previous.manifest, around.previous.lock), new).widened
    if not widened:
        raise McpregError(
            f"{decision.reference} does not go beyond {around.previous.version}: "
            "there is nothing to approve"
        )
    approval = Approval(
        name=decision.reference.name,
        version=version,
        previous=around.previous.version,
        difference=digest_of(widened),
        approved_by=decision.by or tree.person(),
        approved_at=decision.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        reason=_reason(decision.reason),
    )
    path = _path(folder, APPROVAL_FILE)
    tree.write(path, approval.canonical())
    return Written(path, tuple(dict.fromkeys(item.sentence for item in widened)))


def _side(tree: WorkTree, rev: str, folder: str, reference: Reference) -> Side:
    commit = gitrepo.resolve(tree.repo, rev).hexsha
    files = VersionFolder(folder, gitrepo.show(tree.root, commit, folder), commit)
    manifest = files.manifest()
    if manifest is None or (manifest.name, manifest.version) != (reference.name, reference.version):
        raise NotFoundError(
            f"{rev} has no {reference} that can be read",
            hint="the branch of a pull request: git fetch origin pull/NUMBER/head:BRANCH, "
            "then --rev BRANCH",
        )
    return Side(manifest, files.lock())


def except_rule(repository: Path, rev: str, decision: Decision, rule: str, last: date) -> Written:
    """Excuse one version at `rev` from one rule up to and including a day (UTC).

    Raises:
        NotFoundError: no such version at `rev`, or no such rule.
        UsageError: the rule is never excepted, or the day is past or too far off.
    """
    _require_exceptable(rule)
    today = decision.now.date()
    if not today <= last <= today + LONGEST:
        raise UsageError(
            f"{last} is not within the next {LONGEST.days} days",
            hint=f"--expires {today + LONGEST} at the latest",
        )
    tree = WorkTree(repository)
    folder = gitrepo.entry_folder(decision.reference.name, require_version(decision.reference))
    _side(tree, rev, folder, decision.reference)
    before = tree.main.exceptions(folder)
    item = RuleException(
        rule=rule,
        reason=_reason(decision.reason),
        expires=last.isoformat(),
        approved_by=decision.by or tree.person(),
    )
    others = [old for old in before.exceptions if old.rule != rule] if before else []
    path = _path(folder, EXCEPTIONS_FILE)
    tree.write(path, Exceptions(exceptions=(*others, item)).canonical())
    return Written(path, tuple(f"{one.rule} until {one.expires}" for one in (*others, item)))


def _require_exceptable(rule: str) -> None:
    known = sorted({item.id for item in (*RULES, *CASE_RULES)})
    if rule in NEVER_EXCEPTED:
        raise UsageError(f"{rule} is never excepted: identity and signatures stand on it")
    if rule not in known:
        raise NotFoundError(f"there is no rule {rule!r}", hint=f"one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reviewer found out, and until when (UTC, inclusive) it counts."""

    kind: ReviewKind
    passed: bool
    report: str
    expires: date
    reviewer: str | None = None


def write_review(
    repository: Path,
    reference: Reference,
    verdict: Verdict,
    key_uri: str,
    *,
    now: datetime,
    environment: Mapping[str, str],
) -> Written:
    """Sign a review of one version of HEAD with the key behind `key_uri`.

    Raises:
        NotFoundError: no such version.
        UsageError: the key is no reviewer's, or the report has no https address.
        McpregError: the version has no lock, so nothing certain could be reviewed.
    """
    # Signing loads securesystemslib, which the other decisions do without.
    from mcpreg.trust import reviews

    tree = WorkTree(repository)
    entry = tree.version(reference)
    manifest, lock = digests_of(entry)
    if lock is None:
        raise McpregError(f"{reference} has no lock: what would be installed is not certain")
    reviewers = tree.main.settings.reviewers
    name = verdict.reviewer or reviews.reviewer_of(key_uri, reviewers, verdict.kind)
    try:
        review = reviews.Review(
            kind=verdict.kind,
            name=entry.name,
            version=entry.version,
            manifest=manifest,
            lock=lock,
            reviewer=name,
            organisation=_organisation(reviewers, name),
            result="passed" if verdict.passed else "failed",
            report=verdict.report,
            reviewed_at=now.date().isoformat(),
            expires_at=verdict.expires.isoformat(),
        )
    except ValueError as error:
        raise UsageError("the report needs an https address", hint="--report https://…") from error
    data = reviews.sign_review(review, key_uri, reviewers, environment)
    about = reviews.Reviewed(entry.name, entry.version, manifest, lock)
    reviews.verify_review(data, verdict.kind, about, reviewers)  # what would not count is not kept
    path = reviews.review_path(entry.folder, verdict.kind)
    tree.write(path, data)
    return Written(path, (f"{name}: {review.result}, until {review.expires_at}",))


def _organisation(reviewers: Sequence[ReviewerSettings], name: str) -> str:
    return next((item.organisation for item in reviewers if item.name == name), "")


def _reason(text: str) -> str:
    if not 10 <= len(text.strip()) <= 1000:
        raise UsageError(
            "a reason has 10 to 1,000 characters", hint="others will read it in a year"
        )
    return text.strip()


def _path(folder: str, file: str) -> str:
    return f"{REVIEWS_FOLDER}/{folder.removeprefix('servers/')}/{file}"
