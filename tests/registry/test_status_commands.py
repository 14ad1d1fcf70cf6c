"""The commands that write decisions: what they write, refuse, and what it then does."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mcpreg import gitrepo
from mcpreg.checks.case import Case
from mcpreg.checks.judge import judge
from mcpreg.checks.reading import read
from mcpreg.checks.rules import held_widening
from mcpreg.checks.subject import subject_of
from mcpreg.cli import (
    ci_approve,
    ci_delete,
    ci_deprecate,
    ci_except,
    ci_restore,
    ci_review,
)
from mcpreg.core.names import parse_reference
from mcpreg.core.origin import StatusMark
from mcpreg.errors import McpregError, NotFoundError, UsageError
from mcpreg.trust.reviews import Reviewed, read_reviews
from mcpreg.usecases.admission import digests_of
from mcpreg.usecases.report import VersionFolder
from mcpreg.usecases.review import Decision, approve, except_rule
from mcpreg.usecases.status import mark
from mcpreg.usecases.surroundings import Registry
from tiny_registry import TinyRegistry, make_manifest

NOW = datetime(2026, 11, 2, tzinfo=UTC)
CLOCK = "io.github.acme/clock"
FOLDER = f"servers/{CLOCK}/1.1.0"
WHY = "It asks the time server that its README names."
SANDBOX: dict[str, Any] = {
    "tools": [{"name": "now", "description": "The time"}, {"name": "zones"}],
    "sandbox": ["net:egress:time.example.com:443"],
}


def decision(reference: str = f"{CLOCK}@1.1.0", reason: str = WHY) -> Decision:
    return Decision(parse_reference(reference), reason, NOW)


@pytest.fixture
def registry(tiny_registry: TinyRegistry) -> TinyRegistry:
    """1.0.0 is published; the branch `wider` has a 1.1.0 that contacts a host; main is out."""
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.publish()
    tiny_registry.git("checkout", "-q", "-b", "wider")
    tiny_registry.submit(make_manifest(CLOCK, "1.1.0", capabilities=SANDBOX))
    tiny_registry.git("checkout", "-q", "main")
    return tiny_registry


def held(registry: TinyRegistry, rev: str = "wider") -> str:
    """What the rule says of the submission on `rev`, with what main says around it."""
    commit = gitrepo.resolve(gitrepo.open_repository(registry.repo), rev).hexsha
    folder = VersionFolder(FOLDER, gitrepo.show(registry.repo, rev, FOLDER), commit)
    subject = subject_of(read(folder.submission()))
    assert subject is not None
    around = Registry(
        gitrepo.read(registry.repo, "main"), gitrepo.read(registry.repo, "published"), NOW
    ).around(FOLDER, CLOCK, "1.1.0")
    (found,) = judge(Case(subject, around, lock=folder.lock()), [held_widening.RULE])
    return found.result


def invoke(command: click.Command, *arguments: str) -> str:
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.output


def test_an_approval_on_main_lets_the_submission_through(registry: TinyRegistry) -> None:
    assert held(registry) == "fail"
    done = approve(registry.repo, "wider", decision())
    assert done.path == f"reviews/{CLOCK}/1.1.0/approval.json"
    assert done.told == ("may contact time.example.com on 443",)
    assert held(registry) == "fail"  # a file in a work tree decides nothing
    registry.commit("Approve")
    assert held(registry) == "pass"
    written = json.loads((registry.repo / done.path).read_bytes())
    assert written["approvedBy"] == "Test <test@example.com>"
    assert written["reason"] == WHY


def test_an_approval_in_the_submission_itself_decides_nothing(registry: TinyRegistry) -> None:
    registry.git("checkout", "-q", "wider")
    approve(registry.repo, "wider", decision())
    registry.commit("Approve myself")
    registry.git("checkout", "-q", "main")
    assert held(registry) == "fail"


def test_a_submission_that_asks_for_more_after_its_approval_is_held_again(
    registry: TinyRegistry,
) -> None:
    approve(registry.repo, "wider", decision())
    registry.commit("Approve")
    registry.git("checkout", "-q", "-b", "wilder", "wider")
    more = SANDBOX | {"sandbox": ["net:egress:time.example.com:443,evil.example:443"]}
    manifest = make_manifest(CLOCK, "1.1.0", capabilities=more)
    (registry.repo / FOLDER / "mcps.json").write_bytes(manifest.canonical())
    registry.commit("And one host more")
    registry.git("checkout", "-q", "main")
    assert held(registry, "wilder") == "fail"


@pytest.mark.parametrize(
    ("rev", "reference", "error", "says"),
    [
        ("wider", CLOCK, UsageError, "names no version"),
        ("wider", f"{CLOCK}@9.9.9", NotFoundError, "has no io.github.acme/clock@9.9.9"),
        ("HEAD", f"{CLOCK}@1.1.0", NotFoundError, "HEAD has no"),
        ("no-such-branch", f"{CLOCK}@1.1.0", NotFoundError, "no commit 'no-such-branch'"),
        ("wider", f"{CLOCK}@1.0.0", McpregError, "is published already"),
        ("wider", "io.github.acme/bell@1.0.0", NotFoundError, "has no io.github.acme/bell"),
    ],
)
def test_refuses_to_approve_what_is_not_there_to_approve(
    registry: TinyRegistry, rev: str, reference: str, error: type[McpregError], says: str
) -> None:
    with pytest.raises(error, match=says):
        approve(registry.repo, rev, decision(reference))


def test_refuses_to_approve_what_does_not_widen(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(CLOCK, "1.0.1"))
    with pytest.raises(McpregError, match="there is nothing to approve"):
        approve(registry.repo, "HEAD", decision(f"{CLOCK}@1.0.1"))


def test_refuses_to_approve_without_a_published_branch(registry: TinyRegistry) -> None:
    registry.git("branch", "-D", "published")
    with pytest.raises(NotFoundError, match="nothing is held") as caught:
        approve(registry.repo, "wider", decision())
    assert "git fetch origin published:published" in (caught.value.hint or "")


def test_refuses_a_decision_without_a_reason(registry: TinyRegistry) -> None:
    with pytest.raises(UsageError, match="10 to 1,000 characters"):
        approve(registry.repo, "wider", decision(reason="         ok   "))
    with pytest.raises(UsageError, match="10 to 1,000 characters"):
        except_rule(registry.repo, "wider", decision(reason="ok"), "tool-name", NOW.date())


def test_refuses_to_write_where_a_link_leads_out(registry: TinyRegistry, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (registry.repo / "reviews").symlink_to(outside)
    with pytest.raises(McpregError, match="leads out of the repository"):
        approve(registry.repo, "wider", decision())
    assert not list(outside.iterdir())


def test_exceptions_are_added_and_renewed(registry: TinyRegistry) -> None:
    first = NOW.date() + timedelta(days=30)
    except_rule(registry.repo, "wider", decision(), "broad-capability", first)
    registry.commit("Except")
    except_rule(registry.repo, "wider", decision(), "tool-name", first)
    registry.commit("Except another")
    later = NOW.date() + timedelta(days=60)
    done = except_rule(registry.repo, "wider", decision(), "broad-capability", later)
    assert done.told == (f"tool-name until {first}", f"broad-capability until {later}")
    registry.commit("Renew")
    found = gitrepo.read(registry.repo, "HEAD").exceptions(FOLDER)
    assert found is not None
    assert {item.rule: item.expires for item in found.exceptions} == {
        "tool-name": first.isoformat(),
        "broad-capability": later.isoformat(),
    }


@pytest.mark.parametrize(
    ("rule", "last", "error", "says"),
    [
        ("no-such-rule", NOW.date(), NotFoundError, "there is no rule 'no-such-rule'"),
        ("folder-agrees", NOW.date(), UsageError, "is never excepted"),
        ("tool-name", NOW.date() - timedelta(days=1), UsageError, "is not within the next 366"),
        ("tool-name", date(2099, 1, 1), UsageError, "is not within the next 366"),
    ],
)
def test_refuses_exceptions_that_would_not_count(
    registry: TinyRegistry, rule: str, last: date, error: type[McpregError], says: str
) -> None:
    with pytest.raises(error, match=says):
        except_rule(registry.repo, "wider", decision(), rule, last)


def status_of(registry: TinyRegistry, version: str) -> tuple[str, str | None]:
    registry.commit("Status")
    entries = gitrepo.read(registry.repo, "HEAD").entries
    entry = next(entry for entry in entries if entry.version == version)
    return entry.status, entry.status_mark.message if entry.status_mark else None


def test_a_version_is_deprecated_deleted_and_restored(registry: TinyRegistry) -> None:
    one = parse_reference(f"{CLOCK}@1.0.0")
    mark(registry.repo, one, "deprecated", "Use 2.0.0", NOW)
    assert status_of(registry, "1.0.0") == ("deprecated", "Use 2.0.0")
    mark(registry.repo, one, "deleted", "It leaks keys", NOW)
    assert status_of(registry, "1.0.0") == ("deleted", "It leaks keys")
    done = mark(registry.repo, one, "active", None, NOW)
    assert status_of(registry, "1.0.0") == ("active", None)
    written = StatusMark.model_validate_json((registry.repo / done.paths[0]).read_bytes())
    assert written.changed_at == "2026-11-02T00:00:00Z"  # pollers see that it came back
    assert written.source is None


def test_the_published_index_follows_and_history_stays(registry: TinyRegistry) -> None:
    mark(registry.repo, parse_reference(CLOCK), "deleted", "It leaks keys", NOW)
    registry.commit("Delete")
    registry.publish()
    (entry,) = gitrepo.read(registry.repo, "published").entries
    assert entry.status == "deleted"
    assert entry.record is not None


def test_a_name_without_a_version_means_every_version(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(CLOCK, "1.0.1"))
    mark(registry.repo, parse_reference(f"{CLOCK}@1.0.1"), "deleted", "A mistake", NOW)
    registry.commit("Delete one")
    done = mark(registry.repo, parse_reference(CLOCK), "deprecated", "Use bell", NOW)
    assert done.versions == ("1.0.0",)
    assert done.left == ("1.0.1 is deleted; restore it first",)


@pytest.mark.parametrize(
    ("reference", "status", "message", "error", "says"),
    [
        (f"{CLOCK}@3.0.0", "deleted", "Gone", NotFoundError, "HEAD has no"),
        ("io.github.acme/none", "deleted", "Gone", NotFoundError, "HEAD has no"),
        (CLOCK, "active", None, McpregError, "1.0.0 is active"),
        (CLOCK, "deleted", None, UsageError, "must read why"),
        (CLOCK, "deprecated", "   ", UsageError, "must read why"),
        (CLOCK, "deprecated", "x" * 501, UsageError, "at most 500"),
        (CLOCK, "deprecated", "two\nlines", UsageError, "one line"),
        (CLOCK, "deprecated", "\x1b[2Jgone", UsageError, "printable"),
    ],
)
def test_refuses_statuses_that_make_no_sense(
    registry: TinyRegistry,
    reference: str,
    status: Any,  # noqa: ANN401  # a literal, from a table
    message: str | None,
    error: type[McpregError],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        mark(registry.repo, parse_reference(reference), status, message, NOW)


def test_refuses_to_restore_what_a_source_retired(registry: TinyRegistry) -> None:
    retired = StatusMark(
        status="deleted", message="gone", changed_at="2026-11-01T00:00:00Z", source="upstream"
    )
    (registry.repo / "servers" / CLOCK / "1.0.0" / "status.json").write_bytes(retired.canonical())
    registry.commit("A sync")
    with pytest.raises(McpregError, match="was retired by its source upstream"):
        mark(registry.repo, parse_reference(CLOCK), "active", None, NOW)


def test_a_bare_repository_has_no_place_for_decisions(
    registry: TinyRegistry, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(registry.repo), str(bare)], check=True)
    with pytest.raises(UsageError, match="no work tree"):
        mark(bare, parse_reference(CLOCK), "deleted", "Gone", NOW)


def test_the_commands_say_what_to_commit(registry: TinyRegistry) -> None:
    repo = ("--repo", str(registry.repo))
    said = invoke(ci_approve.command, f"{CLOCK}@1.1.0", "--reason", WHY, "--rev", "wider", *repo)
    assert "approved: may contact time.example.com on 443" in said
    assert f"git add reviews/{CLOCK}/1.1.0/approval.json" in said
    expires = (datetime.now(UTC).date() + timedelta(days=9)).isoformat()
    said = invoke(
        ci_except.command,
        *(f"{CLOCK}@1.1.0", "tool-name", "--reason", WHY, "--expires", expires),
        *("--rev", "wider", "--by", "A. Maintainer", *repo, "--json"),
    )
    assert json.loads(said)["data"]["exceptions"] == [f"tool-name until {expires}"]
    said = invoke(ci_deprecate.command, CLOCK, "--message", "Use bell", *repo)
    assert f"git add servers/{CLOCK}/1.0.0/status.json" in said
    registry.commit("Deprecate")
    said = invoke(ci_delete.command, f"{CLOCK}@1.0.0", "--message", "Gone", *repo, "--json")
    assert json.loads(said)["data"]["versions"] == ["1.0.0"]
    registry.commit("Delete")
    assert "status.json" in invoke(ci_restore.command, CLOCK, *repo)


def test_a_review_is_signed_and_then_counts(registry: TinyRegistry, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    key = tmp_path / "ada.pem"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with (registry.repo / "mcpreg.toml").open("a") as stream:
        stream.write(
            '[[reviewers]]\nname = "Ada"\norganisation = "Council"\n'
            f'kinds = ["security-audit"]\npublic_keys = ["""{public.decode()}"""]\n'
        )
    registry.commit("A reviewer")
    arguments = [
        *(f"{CLOCK}@1.0.0", "--kind", "security-audit", "--result", "passed"),
        *("--key", f"file:{key}", "--repo", str(registry.repo)),
    ]
    with pytest.raises(UsageError, match="https address"):
        invoke(ci_review.command, *arguments, "--report", "http://example.com/r")
    said = invoke(ci_review.command, *arguments, "--report", "https://example.com/r")
    assert "Ada: passed, until" in said
    registry.commit("Review")
    snapshot = gitrepo.read(registry.repo, "HEAD")
    (entry,) = snapshot.entries
    about = Reviewed(entry.name, entry.version, *digests_of(entry))
    found, refused = read_reviews(
        snapshot.reviews, entry.folder, about, snapshot.settings.reviewers
    )
    assert not refused
    assert [(item.kind, item.passed, item.organisation) for item in found] == [
        ("security-audit", True, "Council")
    ]


def test_refuses_to_review_what_has_no_lock(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(CLOCK, "1.0.1"), locked=False)
    with pytest.raises(McpregError, match="has no lock"):
        invoke(
            ci_review.command,
            *(f"{CLOCK}@1.0.1", "--kind", "certification", "--result", "failed"),
            *("--report", "https://example.com", "--key", "env:NONE"),
            *("--repo", str(registry.repo)),
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_work_tree_that_cannot_be_written_is_left_as_it_was(registry: TinyRegistry) -> None:
    folder = registry.repo / "servers" / CLOCK / "1.0.0"
    folder.chmod(0o500)
    try:
        with pytest.raises(OSError, match="denied"):
            mark(registry.repo, parse_reference(CLOCK), "deleted", "Gone", NOW)
    finally:
        folder.chmod(0o700)
    assert not (folder / "status.json").exists()
