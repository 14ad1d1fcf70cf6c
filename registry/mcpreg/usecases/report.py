"""The report of one version: every rule with its result, nothing left out in silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import mcpreg
from mcpreg.checks import engine, exceptions
from mcpreg.checks.case import Case, Surroundings
from mcpreg.checks.finding import Finding
from mcpreg.checks.interface import CaseRule
from mcpreg.checks.judge import Judgement, judge, of_findings
from mcpreg.checks.reading import Reading, Submission, read
from mcpreg.checks.registry import CASE_RULES, LISTED_RULES, RULES
from mcpreg.checks.subject import subject_of
from mcpreg.core import canonical
from mcpreg.core.entry import Entry
from mcpreg.core.evidence import Evidence, Missing
from mcpreg.core.lock import LOCK_FILE, Lock, parse_lock
from mcpreg.core.manifest import ACCEPTED_FILES, MANIFEST_FILE, Manifest
from mcpreg.core.origin import ORIGIN_FILE, Origin
from mcpreg.core.report import ReportedCheck, ReportedFinding, VersionReport
from mcpreg.core.reviews import (
    EXCEPTIONS_FILE,
    REVIEWS_FOLDER,
    Exceptions,
    GitHubOwner,
    NamespaceOwner,
)

README_FILE = "README.md"
EVERY_OTHER_CHECK = "every-other-check"


@dataclass(frozen=True, slots=True)
class VersionFolder:
    """A version as a commit holds it: the folder's path and its files by name."""

    path: str
    files: Mapping[str, bytes]
    commit: str

    @property
    def identity(self) -> str:
        """`namespace/name/version`."""
        return self.path.removeprefix("servers/")

    def submission(self) -> Submission:
        """What the rules about a manifest look at."""
        file = next((name for name in ACCEPTED_FILES if name in self.files), MANIFEST_FILE)
        data = self.files.get(file)
        neighbours = (README_FILE, LOCK_FILE, ORIGIN_FILE)
        return Submission(
            data=data or b"",
            # In full, so that a finding names a place that a pull request has.
            file=f"{self.path}/{file}",
            identity=self.identity,
            files={name: self.files[name] for name in neighbours if name in self.files},
            unreadable=None if data is not None else "is not a plain file of the commit",
        )

    def manifest(self) -> Manifest | None:
        """The manifest, when it can be read whole."""
        return read(self.submission()).manifest

    def lock(self) -> Lock | None:
        """The lock, when there is one that can be read."""
        try:
            return parse_lock(self.files[LOCK_FILE])
        except (KeyError, ValueError):
            return None


def folder_of(entry: Entry, commit: str) -> VersionFolder:
    """An entry that was read from a commit as the folder that it was."""
    files = {
        MANIFEST_FILE: entry.manifest_bytes,
        README_FILE: entry.readme,
        LOCK_FILE: entry.lock_bytes,
        ORIGIN_FILE: entry.origin.canonical() if entry.origin else None,
    }
    plain = {name: data for name, data in files.items() if data is not None}
    return VersionFolder(entry.folder, plain, commit)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a version beyond its folder, and what maintainers decided about it."""

    surroundings: Surroundings
    evidence: Evidence = Evidence()  # noqa: RUF009  # frozen
    exceptions: Exceptions | None = None


def report_on(folder: VersionFolder, facts: Facts, now: datetime) -> VersionReport:
    """Every check's outcome at `now` (UTC). A check that could not be made says why."""
    submission = folder.submission()
    reading = read(submission)
    date = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    judgements = _about_the_manifest(submission)
    if submission.is_listed:
        checks = [_reported(item, folder, facts.evidence, date) for item in judgements]
        # One line for all others: eighty thousand mirrored versions would repeat it forty times.
        checks.append(_not_run(EVERY_OTHER_CHECK, _listed_because(folder), date))
    else:
        judgements += _about_the_case(folder, reading, facts)
        today = facts.surroundings.today
        judgements = list(
            exceptions.apply(judgements, facts.exceptions, today, _exceptions_file(folder))
        )
        checks = [_reported(item, folder, facts.evidence, date) for item in judgements]
    name, _, version = folder.identity.rpartition("/")
    manifest, lock = reading.manifest, folder.files.get(LOCK_FILE)
    return VersionReport(
        name=manifest.name if manifest else name,
        version=manifest.version if manifest else version,
        folder=folder.path,
        commit=folder.commit,
        manifest=manifest.digest() if manifest else None,
        lock=canonical.sha256(lock) if lock is not None else None,
        date=date,
        owner=_proven(manifest, facts),
        checks=tuple(checks),
    )


def _proven(manifest: Manifest | None, facts: Facts) -> NamespaceOwner | None:
    proof = facts.evidence.namespace
    if manifest is None or isinstance(proof, Missing) or proof.method == "none":
        return None
    owner = (
        GitHubOwner(login=proof.holder, id=proof.github_id)
        if proof.holder and proof.github_id
        else None
    )
    return NamespaceOwner(
        namespace=manifest.name.partition("/")[0],
        github=(owner,) if owner else (),
        proof=proof.method,
    )


def _about_the_manifest(submission: Submission) -> list[Judgement]:
    found: dict[str, list[Finding]] = defaultdict(list)
    for finding in engine.run(submission):
        found[finding.rule].append(finding)
    return [
        of_findings(rule, found[rule.id])
        for rule in RULES
        if not submission.is_listed or rule.id in LISTED_RULES
    ]


def _about_the_case(folder: VersionFolder, reading: Reading, facts: Facts) -> Iterator[Judgement]:
    subject = subject_of(reading) if reading.manifest is not None else None
    if subject is None:
        for rule in CASE_RULES:
            yield Judgement(rule, "not-run", reason="the manifest cannot be read")
        return
    case = Case(
        subject=subject,
        surroundings=facts.surroundings,
        evidence=facts.evidence,
        lock=folder.lock(),
        lock_bytes=folder.files.get(LOCK_FILE),
    )
    yield from judge(case, CASE_RULES)


def _exceptions_file(folder: VersionFolder) -> str:
    return f"{REVIEWS_FOLDER}/{folder.identity}/{EXCEPTIONS_FILE}"


def _listed_because(folder: VersionFolder) -> str:
    try:
        source = Origin.model_validate_json(folder.files[ORIGIN_FILE]).source
    except ValueError:  # no sync wrote it; a pull request with it is refused for that
        source = "a source that cannot be read"
    return f"listed: mirrored from {source}, only its shape is checked"


def _not_run(identity: str, reason: str, date: str) -> ReportedCheck:
    return ReportedCheck(
        id=identity, result="not-run", reason=reason, tool_version=_TOOL, date=date
    )


def _reported(
    item: Judgement, folder: VersionFolder, evidence: Evidence, date: str
) -> ReportedCheck:
    needs = item.rule.needs if isinstance(item.rule, CaseRule) else ()
    tools = [evidence.tools[kind] for kind in needs if kind in evidence.tools]
    return ReportedCheck(
        id=item.rule.id,
        result=item.result,
        reason=item.reason,
        ours=item.ours,
        found=item.found,
        findings=tuple(
            ReportedFinding(
                severity=finding.severity.value,
                message=finding.message,
                # In full, so that it names a place that a pull request has.
                file=f"{folder.path}/{finding.file}"
                if finding.file in folder.files
                else finding.file,
                line=finding.line,
                column=finding.column,
                fix=finding.fix,
            )
            for finding in item.findings
        ),
        tool_version=", ".join([_TOOL, *tools]),
        date=date,
    )


_TOOL = f"mcpreg {mcpreg.__version__}"
