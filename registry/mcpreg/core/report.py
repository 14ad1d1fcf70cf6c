"""The report of one version: every check, its result, evidence, tool version and date (SPEC 3.5).

`mcpreg ci check` writes it, `ci sign` attests its digest, `ci publish` puts its outcomes into the
version's record. A comment, SARIF and the site's report card are all made from it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mcpreg.core import canonical
from mcpreg.core.index import CheckOutcome, CheckResult
from mcpreg.core.lock import Sha256, Timestamp
from mcpreg.core.manifest import Model
from mcpreg.core.reviews import NamespaceOwner

MAX_REPORT_BYTES = 4 << 20
MAX_EVIDENCE = 300  # characters a check in the record; the findings hold the whole


class ReportedFinding(Model):
    """One problem at a place; every text is safe to print (`checks.finding.visible`)."""

    severity: Literal["error", "warning"]
    message: str
    file: str
    line: int
    column: int
    fix: str | None = None


class ReportedCheck(Model):
    """One check. `reason`: why it was not run; `ours`: for no fault of the publisher."""

    id: str
    result: CheckResult
    reason: str = ""
    ours: bool = False
    findings: tuple[ReportedFinding, ...] = ()
    found: str | None = None
    """What was seen, where that is worth telling even if nothing is wrong with it."""
    tool_version: str
    date: Timestamp

    def evidence(self) -> str:
        """One line for the record: the reason, or what is wrong and where, or what was seen."""
        wrong = [f"{item.file}:{item.line}: {item.message}" for item in self.findings]
        said = self.reason or "; ".join(wrong) or self.found or ""
        return said if len(said) <= MAX_EVIDENCE else said[: MAX_EVIDENCE - 1] + "…"


class VersionReport(Model):
    """Everything that was checked about one version folder at one commit.

    `manifest` is the digest of its canonical JSON, `lock` that of the file; None when there is
    none that could be read.
    """

    report_version: Literal[1] = 1
    name: str
    version: str
    folder: str
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40,64}$")]
    manifest: Sha256 | None
    lock: Sha256 | None
    date: Timestamp
    owner: NamespaceOwner | None = None
    """Who was proven to hold the namespace: pinned when the version is published."""
    checks: tuple[ReportedCheck, ...]

    @property
    def failed(self) -> tuple[ReportedCheck, ...]:
        """Checks that keep the version out."""
        return tuple(check for check in self.checks if check.result == "fail")

    @property
    def warned(self) -> tuple[ReportedCheck, ...]:
        """Checks that reviewers should look at."""
        return tuple(check for check in self.checks if check.result == "warn")

    @property
    def not_run(self) -> tuple[ReportedCheck, ...]:
        """Checks that nobody could make."""
        return tuple(check for check in self.checks if check.result == "not-run")

    def outcomes(self) -> tuple[CheckOutcome, ...]:
        """What the version's record keeps."""
        return tuple(
            CheckOutcome(
                id=check.id,
                result=check.result,
                evidence=check.evidence(),
                tool_version=check.tool_version,
                date=check.date,
            )
            for check in self.checks
        )

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the file's content."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def outcomes_digest(outcomes: tuple[CheckOutcome, ...]) -> str:
    """`sha256:` of the outcomes as a record holds them: what the attestation names."""
    return canonical.digest([item.model_dump(mode="json", by_alias=True) for item in outcomes])
