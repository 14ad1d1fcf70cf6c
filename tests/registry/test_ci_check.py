"""`mcpreg ci check` on real branches: what is looked at, who decides, and what is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpreg import gitrepo
from mcpreg.checks.case import Submitter
from mcpreg.cli.main import cli
from mcpreg.core import canonical
from mcpreg.core.index import PUBLISHER_EVIDENCE
from mcpreg.core.report import MAX_REPORT_BYTES, VersionReport
from mcpreg.core.reviews import GitHubOwner, NamespaceOwner
from mcpreg.errors import McpregError, VerificationError
from mcpreg.usecases.check import Checked, Options, check_changes, check_unpublished, save
from mcpreg.usecases.comment import MARKER, render
from mcpreg.usecases.gather import Sources
from mcpreg.usecases.handed import Handed, read_handed
from mcpreg.usecases.publish import publish
from mcpreg.usecases.surroundings import submitter_of
from tiny_registry import TinyRegistry, make_lock, make_manifest

NOW = datetime(2026, 11, 2, tzinfo=UTC)
OPTIONS = Options(NOW, Sources(offline=True))
CLOCK = "io.github.acme/clock"
BELL = "io.github.acme/bell"


@pytest.fixture
def registry(tiny_registry: TinyRegistry) -> TinyRegistry:
    """A published registry, and a branch of somebody's pull request that is checked out."""
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.publish()
    tiny_registry.git("branch", "-M", "main")
    tiny_registry.git("checkout", "-q", "-b", "submission")
    return tiny_registry


def check(registry: TinyRegistry) -> Checked:
    return check_changes(registry.repo, "main", "HEAD", OPTIONS)


def write(registry: TinyRegistry, path: str, data: bytes | str) -> None:
    file = registry.repo / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    registry.commit(f"Change {path}")


def results(report: VersionReport) -> dict[str, str]:
    return {item.id: item.result for item in report.checks}


def test_only_what_the_branch_changes_is_checked(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    done = check(registry)
    assert [(item.name, item.version) for item in done.reports] == [(BELL, "1.0.0")]
    assert done.ok
    assert results(done.reports[0])["lock-lists-declared-tools"] == "pass"


def test_what_main_gained_meanwhile_is_not_the_submissions(registry: TinyRegistry) -> None:
    registry.git("checkout", "-q", "main")
    registry.submit(make_manifest("io.github.acme/other", "1.0.0"))
    registry.git("checkout", "-q", "submission")
    registry.submit(make_manifest(BELL, "1.0.0"))
    assert [item.name for item in check(registry).reports] == [BELL]


def test_a_broken_manifest_is_a_report_and_no_crash(registry: TinyRegistry) -> None:
    write(registry, f"servers/{BELL}/1.0.0/mcps.json", '{"name": 1,')
    done = check(registry)
    (report,) = done.reports
    assert not done.ok
    assert "json-syntax" in {item.id for item in report.failed}
    assert results(report)["lock-lists-declared-tools"] == "not-run"
    assert report.failed[0].findings[0].file == f"servers/{BELL}/1.0.0/mcps.json"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"servers/{CLOCK}/1.0.0/install.sh", "is no file of a version"),
        ("servers/README.md", "is no file of a version"),
        (f"servers/{BELL}/1.0.0/source.json", "is written by mcpreg-site sync only"),
        (f"servers/{BELL}/1.0.0/status.json", "retires a version that is only arriving"),
        (f"servers/{CLOCK}/1.0.0/server.json", "is a second manifest"),
        (f"records/{CLOCK}/9.json", "belongs on the branch published"),
        ("tuf/root.json", "belongs on the branch published"),
    ],
)
def test_refuses_files_that_a_submission_does_not_have(
    registry: TinyRegistry, path: str, says: str
) -> None:
    write(registry, path, "{}")
    assert [item.message for item in check(registry).tree] == [f"{path} {says}"]


def test_refuses_links_which_would_decide_what_is_read(registry: TinyRegistry) -> None:
    folder = registry.repo / "servers" / BELL / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "mcps.json").symlink_to("/etc/passwd")
    registry.commit("A link")
    done = check(registry)
    assert done.tree[0].message.endswith("is a link")
    assert "regular-file" in {item.id for item in done.reports[0].failed}
    assert "root:" not in render(done)


def test_refuses_to_take_a_version_away(registry: TinyRegistry) -> None:
    registry.git("rm", "-rq", f"servers/{CLOCK}/1.0.0")
    registry.commit("Gone")
    assert "versions are immutable" in check(registry).tree[0].message


def test_a_version_that_was_never_published_may_be_taken_away(registry: TinyRegistry) -> None:
    registry.git("checkout", "-q", "main")
    registry.submit(make_manifest(BELL, "1.0.0", license="no licence at all"))
    assert registry.publish(partly=True).left_out
    registry.git("checkout", "-q", "-B", "submission", "main")
    registry.git("rm", "-rq", f"servers/{BELL}/1.0.0")
    registry.commit("Gone")
    assert check(registry).ok


def test_a_check_that_breaks_off_leaves_the_other_reports(
    registry: TinyRegistry, tmp_path: Path
) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    registry.submit(make_manifest(CLOCK, "1.1.0"))

    def progress(text: str) -> None:
        if BELL in text:
            raise RuntimeError("a defect")

    done = check_unpublished(registry.repo, "HEAD", replace(OPTIONS, progress=progress))
    assert not done.ok
    assert done.unjudged == {f"servers/{BELL}/1.0.0": "our fault: RuntimeError: a defect"}
    save(done, tmp_path)
    published = registry.publish(handed=read_handed(tmp_path, None), partly=True)
    assert published.new == (f"{CLOCK}@1.1.0",)
    (left,) = published.left_out
    assert left.reason == f"there is no report of {BELL}@1.0.0"
    with pytest.raises(RuntimeError, match="a defect"):
        check_changes(registry.repo, "main", "HEAD", replace(OPTIONS, progress=progress))


@pytest.mark.parametrize("data", [b"{", b"x" * (MAX_REPORT_BYTES + 1)], ids=["torn", "large"])
def test_a_report_that_cannot_be_read_leaves_out_its_own_version_only(
    registry: TinyRegistry, tmp_path: Path, data: bytes
) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    registry.submit(make_manifest(CLOCK, "1.1.0"))
    save(check_unpublished(registry.repo, "HEAD", OPTIONS), tmp_path)
    (tmp_path / BELL / "1.0.0.report.json").write_bytes(data)
    done = registry.publish(handed=read_handed(tmp_path, None), partly=True)
    assert done.new == (f"{CLOCK}@1.1.0",)
    assert done.left_out[0].reason.startswith(f"there is no report of {BELL}@1.0.0: ")


def test_names_what_only_maintainers_may_change(registry: TinyRegistry) -> None:
    write(registry, "mcpreg.toml", "[registry]\nname = 'mine'\nbase_url = 'https://evil.example'\n")
    done = check(registry)
    assert done.outside == ("mcpreg.toml",)
    assert done.ok  # reading it is for people: the base branch's settings decided


def test_the_submissions_own_settings_decide_nothing(registry: TinyRegistry) -> None:
    write(registry, "mcpreg.toml", "this is not TOML")
    registry.submit(make_manifest(BELL, "1.0.0"))
    assert check(registry).ok


def test_the_comment_gives_place_rule_fix_and_command(registry: TinyRegistry) -> None:
    manifest = make_manifest(BELL, "1.0.0").document()
    manifest["licence"] = "MIT"
    write(registry, f"servers/{BELL}/1.0.0/mcps.json", canonical.pretty(manifest))
    text = render(check(registry))
    assert text.startswith(MARKER)
    assert "`unknown-key`" in text
    assert f"`servers/{BELL}/1.0.0/mcps.json:" in text
    assert "fix: `" in text
    assert f"`mcpreg validate servers/{BELL}/1.0.0`" in text


def test_no_text_of_a_submission_speaks_in_the_comments_own_voice(registry: TinyRegistry) -> None:
    manifest = make_manifest(BELL, "1.0.0").document()
    manifest["`@acme` [x](https://evil.example)\n# Approved"] = 1
    write(registry, f"servers/{BELL}/1.0.0/mcps.json", canonical.pretty(manifest))
    text = render(check(registry))
    assert "\n# Approved" not in text
    for line in text.splitlines():
        if "evil.example" in line:
            assert line.count("``") >= 2  # fenced by more backticks than it holds


def test_reports_go_through_files_to_the_publication(
    registry: TinyRegistry, tmp_path: Path
) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    save(check_unpublished(registry.repo, "HEAD", OPTIONS), tmp_path)
    assert (tmp_path / BELL / "1.0.0.report.json").is_file()
    handed = read_handed(tmp_path, None)
    done = publish(
        registry.repo, "HEAD", registry.keys.online_uri, now=NOW, environment={}, handed=handed
    )
    assert done.new == (f"{BELL}@1.0.0",)


def test_a_report_about_other_bytes_admits_nothing(registry: TinyRegistry, tmp_path: Path) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    save(check_unpublished(registry.repo, "HEAD", OPTIONS), tmp_path)
    other = make_manifest(BELL, "1.0.0", description="Rings at noon")
    folder = registry.repo / "servers" / BELL / "1.0.0"
    (folder / "mcps.json").write_bytes(canonical.pretty(other.document()))
    (folder / "mcps-lock.json").write_bytes(make_lock(other).canonical())
    registry.commit("After the check")
    with pytest.raises(VerificationError, match="about other bytes"):
        publish(
            registry.repo,
            "HEAD",
            registry.keys.online_uri,
            now=NOW,
            environment={},
            handed=read_handed(tmp_path, None),
        )


def test_a_locked_version_needs_every_check_that_the_registry_requires(
    registry: TinyRegistry,
) -> None:
    settings = registry.repo / "mcpreg.toml"
    settings.write_text(settings.read_text().replace("require = []", 'require = ["derivation"]'))
    registry.submit(make_manifest(BELL, "1.0.0"))
    reports = check_unpublished(registry.repo, "HEAD", OPTIONS).reports
    done = registry.publish(handed=Handed({item.folder: item for item in reports}), partly=True)
    assert done.new == ()
    assert "lock-derived-again" in done.left_out[0].reason


def test_a_report_without_a_check_is_no_full_report(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    (report,) = check_unpublished(registry.repo, "HEAD", OPTIONS).reports
    short = report.model_copy(update={"checks": report.checks[1:]})
    done = registry.publish(handed=Handed({report.folder: short}), partly=True)
    assert done.new == ()
    assert f"lacks {report.checks[0].id}" in done.left_out[0].reason


WIDER = {"tools": [{"name": "now"}, {"name": "zones"}], "sandbox": ["net:egress:evil.example:443"]}


def test_what_was_taken_down_is_no_measure_for_the_next_version(registry: TinyRegistry) -> None:
    registry.git("checkout", "-q", "main")
    registry.submit(make_manifest(CLOCK, "1.1.0", capabilities=WIDER))
    registry.publish()
    registry.git("checkout", "-q", "-B", "submission", "main")
    registry.submit(make_manifest(CLOCK, "1.2.0", capabilities=WIDER), approved=False)
    assert check(registry).ok  # as wide as the approved 1.1.0
    registry.git("checkout", "-q", "main")
    mark = {"status": "deleted", "message": "malware", "changedAt": "2026-11-02T00:00:00Z"}
    write(registry, f"servers/{CLOCK}/1.1.0/status.json", json.dumps(mark))
    registry.git("checkout", "-q", "submission")
    (report,) = check(registry).reports
    assert "held-widening" in {item.id for item in report.failed}


def test_what_was_seen_is_told_although_nothing_is_wrong(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    done = check_unpublished(registry.repo, "HEAD", OPTIONS)
    (report,) = done.reports
    seen = "built from https://github.com/acme/bell by .github/workflows/release.yml"
    told = tuple(
        item.model_copy(update={"result": "pass", "reason": "", "found": seen})
        if item.id == PUBLISHER_EVIDENCE
        else item
        for item in report.checks
    )
    report = report.model_copy(update={"checks": told})
    assert f"`{PUBLISHER_EVIDENCE}`: `{seen}`" in render(replace(done, reports=(report,)))
    handed = Handed({report.folder: report})
    publish(
        registry.repo,
        "HEAD",
        registry.keys.online_uri,
        now=NOW,
        environment={},
        handed=handed,
    )
    entries = gitrepo.read(registry.repo, gitrepo.PUBLISHED).entries
    (record,) = (entry.record for entry in entries if entry.name == BELL)
    assert record
    assert record.publisher_evidence() == seen
    (older,) = (entry.record for entry in entries if entry.name == CLOCK)
    assert older
    assert "not known: " in str(older.publisher_evidence())


def mark(status: str = "deleted", **changes: object) -> str:
    document = {"status": status, "message": "Old", "changedAt": "2026-11-01T00:00:00Z", **changes}
    return json.dumps(document)


STATUS = f"servers/{CLOCK}/1.0.0/status.json"


def test_deleting_ones_own_versions_does_not_let_the_next_one_widen(registry: TinyRegistry) -> None:
    registry.git("checkout", "-q", "main")
    write(registry, STATUS, mark())
    registry.git("checkout", "-q", "-B", "submission", "main")
    registry.submit(make_manifest(CLOCK, "1.1.0", capabilities=WIDER), approved=False)
    (report,) = check(registry).reports
    assert "held-widening" in {item.id for item in report.failed}


def test_a_change_of_status_is_shown_with_what_it_does(registry: TinyRegistry) -> None:
    write(registry, STATUS, mark(takedown="security", message="It steals"))
    done = check(registry)
    assert done.ok
    (warning,) = done.tree
    assert "ends it where it is installed: It steals" in warning.message
    assert warning.message.replace("`", "") in render(done)


def test_what_was_taken_down_does_not_come_back_unseen(registry: TinyRegistry) -> None:
    registry.git("checkout", "-q", "main")
    write(registry, STATUS, mark(takedown="security", message="It steals"))
    registry.git("checkout", "-q", "-B", "submission", "main")
    write(registry, STATUS, mark("active"))
    (warning,) = check(registry).tree
    assert "it was taken down for security (It steals)" in warning.message
    registry.git("rm", "-q", STATUS)
    registry.commit("As if nothing had been")
    done = check(registry)
    assert not done.ok
    assert "is removed" in done.broken[0].message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "is not valid"),
        ("[" * 20_000, "KiB"),
        (mark(changedAt="2026-11-02T00:00:01Z"), "yet to come"),
        (mark(source="elsewhere"), "only mcpreg-site sync"),
        (mark(message="Use \u202egnitca"), "cannot be seen"),
        (mark(message=" "), "says no reason"),
        (mark("active", takedown="security"), "takes down a version that is active"),
    ],
)
def test_refuses_a_mark_that_would_harm(registry: TinyRegistry, content: str, says: str) -> None:
    write(registry, STATUS, content)
    done = check(registry)
    assert not done.ok
    assert says in done.broken[0].message


def test_a_version_that_only_loses_a_file_is_checked(registry: TinyRegistry) -> None:
    path = f"servers/{CLOCK}/1.0.0/README.md"
    registry.git("checkout", "-q", "main")
    write(registry, path, "# Clock\n")
    registry.git("checkout", "-q", "-B", "submission", "main")
    registry.git("rm", "-q", path)
    registry.commit("Say nothing")
    assert [item.version for item in check(registry).reports] == ["1.0.0"]


@pytest.mark.parametrize(
    ("name", "version"),
    [("io.github.Acme/clock", "1.0.0"), ("io.github.acme/Clock", "2.0.0"), (CLOCK, "1.0.0-RC1")],
)
def test_what_only_differs_in_case_would_stop_every_build(
    registry: TinyRegistry, name: str, version: str
) -> None:
    registry.git("checkout", "-q", "main")
    registry.submit(make_manifest(CLOCK, "1.0.0-rc1"))
    registry.git("checkout", "-q", "-B", "submission", "main")
    registry.submit(make_manifest(name, version))
    (report,) = check(registry).reports
    assert "case-collision" in {item.id for item in report.failed}


def test_two_of_one_pull_request_are_looked_at_beside_each_other(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(BELL, "1.0.0-rc1"))
    registry.submit(make_manifest(BELL, "1.0.0-RC1"))
    registry.submit(make_manifest("io.github.acme/drum", "1.0.0"))
    registry.submit(make_manifest("io.github.acme/Drum", "1.0.0"))
    done = check(registry)
    assert len(done.reports) == 4
    assert all("case-collision" in {c.id for c in report.failed} for report in done.reports)


def test_the_event_says_who_submits(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"user": {"login": "acme", "id": 7}}}))
    assert submitter_of(event) == Submitter("acme", 7)
    event.write_text(json.dumps({"ref": "refs/heads/main"}))
    assert submitter_of(event) is None
    event.write_text("[]")
    with pytest.raises(McpregError, match="not an event"):
        submitter_of(event)


def test_the_command_writes_reports_sarif_and_comment(
    registry: TinyRegistry, tmp_path: Path
) -> None:
    write(registry, f"servers/{BELL}/1.0.0/mcps.json", "{}")
    arguments = ["ci", "check", "--repo", str(registry.repo), "--base", "main", "--offline"]
    for name in ("reports", "sarif", "comment"):
        arguments += [f"--{name}", str(tmp_path / name)]
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert done.return_value == 1
    assert "missing-key" in done.output
    log = json.loads((tmp_path / "sarif").read_text())
    assert log["runs"][0]["results"][0]["locations"]
    assert (tmp_path / "comment").read_text().startswith(MARKER)
    assert (tmp_path / "reports" / BELL / "1.0.0.report.json").is_file()


def test_who_proved_a_namespace_first_is_pinned_by_number(registry: TinyRegistry) -> None:
    registry.submit(make_manifest(BELL, "1.0.0"))
    (report,) = check_unpublished(registry.repo, "HEAD", OPTIONS).reports
    acme = GitHubOwner(login="acme", id=7)
    owner = NamespaceOwner(namespace="io.github.acme", github=(acme,), proof="github")
    publish(
        registry.repo,
        "HEAD",
        registry.keys.online_uri,
        now=NOW,
        environment={},
        handed=Handed({report.folder: report.model_copy(update={"owner": owner})}),
    )
    registry.git("branch", "-f", "main", "HEAD")
    settings = registry.repo / "mcpreg.toml"
    settings.write_text(settings.read_text().replace("io.github.acme/*", "io.github.other/*"))
    registry.commit("Not curated")
    registry.git("branch", "-f", "main", "HEAD")
    registry.submit(make_manifest(BELL, "1.1.0"))
    for number, result in ((7, "pass"), (8, "fail")):
        options = replace(OPTIONS, submitter=Submitter("acme", number))
        (checked,) = check_changes(registry.repo, "main", "HEAD", options).reports
        assert results(checked)["namespace-owner"] == result
