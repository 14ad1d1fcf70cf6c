"""The workflows: what each job may do, what the signing job does, and that all commands exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from command_lines import ROOT, lines_of_document, lines_of_shell, problem_with
from mcpreg.core.settings import SigstoreSettings
from mcpreg.usecases.comment import MARKER
from mcpreg_site.new import Registry, write

GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
ACTIONS = {path.parent.name: path for path in sorted((GITHUB / "actions").glob("*/action.yml"))}
SCRIPTS = sorted((GITHUB / "actions").glob("*/*.sh"))
TEMPLATE = Registry("acme", "acme/security", action=f"acme/mcpreg@{'0123456789' * 4}")

# Job -> what its token may do. A new job or permission is a decision, and is made here.
PERMISSIONS = {
    ("ci", "test"): {"contents": "read"},
    ("comment", "comment"): {"actions": "read", "pull-requests": "write"},
    ("deploy", "build"): {"contents": "read"},
    ("deploy", "netlify"): {},
    ("deploy", "s3"): {"contents": "read", "id-token": "write"},
    ("publish", "check"): {"contents": "read"},
    ("publish", "sign"): {"contents": "read", "id-token": "write"},
    ("publish", "publish"): {"contents": "write"},
    ("publish", "deploy"): {"contents": "read", "id-token": "write"},
    ("resign", "resign"): {"contents": "write"},
    ("resign", "deploy"): {"contents": "read", "id-token": "write"},
    ("sync", "fetch"): {"contents": "read"},
    ("sync", "propose"): {"contents": "write", "pull-requests": "write"},
    ("validate", "validate"): {"contents": "read"},
}
# (workflow, job) -> secrets it sees besides its own token.
SECRETS = {
    ("publish", "publish"): {"MCPREG_ONLINE_KEY"},
    ("resign", "resign"): {"MCPREG_ONLINE_KEY"},
    ("deploy", "netlify"): {"NETLIFY_TOKEN"},
}
# Actions by the commit that their tag names; each was looked up, never guessed.
PINNED = {
    "actions/checkout": ("08c6903cd8c0fde910a37f88322edcfb5dd907a8", "v5.0.0"),
    "actions/upload-artifact": ("ea165f8d65b6e75b540449e92b4886f43607fa02", "v4.6.2"),
    "actions/download-artifact": ("d3f86a106a0bac45b974a628896c90dbdf5c8093", "v4.3.0"),
}
OURS = ("$/.github/", "./judge/.github/actions/")


def load(path: Path) -> Any:  # noqa: ANN401  # YAML
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    for name, path in WORKFLOWS.items():
        for job, body in load(path)["jobs"].items():
            yield (name, job), body


def steps() -> Iterator[dict[str, Any]]:
    for _, body in jobs():
        yield from body.get("steps", ())
    for path in ACTIONS.values():
        yield from load(path)["runs"]["steps"]


def steps_of(job: str) -> list[dict[str, Any]]:
    """The steps of the registry action that run for a job."""
    return [step for step in load(ACTIONS["registry"])["runs"]["steps"] if _runs(step, job)]


def _runs(step: dict[str, Any], job: str) -> bool:
    """Evaluate the few forms of condition that the action uses; another form is an error here."""
    text = step.get("if", "true")
    words = {"inputs.job": repr(job), "inputs.checkout": "'true'", "inputs.advisories": "'true'"}
    for old, new in {**words, "&&": " and ", "||": " or ", "always()": "True"}.items():
        text = text.replace(old, new)
    text = re.sub(r"\btrue\b(?!')", "True", text)
    left = re.sub(r"'[a-z0-9]+'|[!=]=|and|or|True|[() ]", "", text)
    assert not left, f"a condition that this test does not read: {step['if']}"
    return bool(eval(text))  # nothing but the words above is left


def test_every_job_has_the_permissions_of_the_table_and_no_other() -> None:
    assert {key: body.get("permissions") for key, body in jobs()} == PERMISSIONS


def test_nothing_is_permitted_where_a_job_does_not_say_so() -> None:
    for path in WORKFLOWS.values():
        assert load(path)["permissions"] == {}, path


def test_every_secret_is_in_the_one_job_that_needs_it() -> None:
    found = {
        key: set(re.findall(r"secrets\.(\w+)", yaml.safe_dump(body)))
        for key, body in jobs()
        if "secrets" in yaml.safe_dump(body)
    }
    assert found == SECRETS
    assert all("environment" in body for key, body in jobs() if key in SECRETS)
    assert not any("secrets." in path.read_text() for path in ACTIONS.values())


def test_no_workflow_runs_a_pull_requests_code_with_rights() -> None:
    triggers = {name: load(path)[True] for name, path in WORKFLOWS.items()}  # YAML 1.1: on is True
    assert not any("pull_request_target" in on for on in triggers.values())
    assert {name for name, on in triggers.items() if "pull_request" in on} == {"ci", "validate"}
    for key, body in jobs():
        if key[0] in ("ci", "validate"):
            assert body["permissions"] == {"contents": "read"}


def test_the_code_that_judges_a_pull_request_is_not_the_pull_requests() -> None:
    checkouts = {
        step["with"]["path"]: step["with"].get("ref")
        for step in load(WORKFLOWS["validate"])["jobs"]["validate"]["steps"]
        if "checkout" in step["uses"]
    }
    assert checkouts == {
        "judge": "${{ github.event.pull_request.base.sha }}",
        "submission": None,
    }


def test_the_workflow_that_signs_is_the_one_that_the_policy_names() -> None:
    settings = SigstoreSettings(repository="o/r", repository_id="1", owner_id="1")
    assert settings.workflow == ".github/workflows/publish.yml"
    assert load(WORKFLOWS["publish"])[True] == {"push": {"branches": ["main"]}}
    # A certificate names the file whose job asked: what a job calls is another file.
    identified = {key for key, body in jobs() if "id-token" in body["permissions"]}
    signers = {key for key, body in jobs() if key in identified and "uses" not in body}
    assert signers == {("publish", "sign"), ("deploy", "s3")}
    called = {body["uses"] for key, body in jobs() if key in identified - signers}
    assert called == {"$/.github/workflows/deploy.yml"}


def test_no_job_of_a_new_registrys_publishing_has_an_identity_but_the_one_that_signs(
    template: Path,
) -> None:
    publish = load(template / ".github/workflows/publish.yml")["jobs"]
    own = {name for name, body in publish.items() if "id-token" in body["permissions"]}
    assert {name for name in own if "uses" not in publish[name]} == {"sign"}
    assert publish["deploy"]["uses"] == "$/.github/workflows/deploy.yml"


@pytest.mark.parametrize("which", ["ours", "template"])
def test_the_bucket_is_off_unless_a_variable_names_it_and_nobody_keeps_a_key(
    which: str, template: Path
) -> None:
    path = template / ".github/workflows/deploy.yml" if which == "template" else WORKFLOWS["deploy"]
    body = load(path)["jobs"]["s3"]
    assert body["if"].endswith("vars.S3_SITE != '' }}")
    assert body["environment"] == "site"
    assert body["permissions"] == {"contents": "read", "id-token": "write"}
    assert "secrets." not in yaml.safe_dump(body)


def test_the_job_that_deploys_to_a_bucket_checks_out_and_builds_nothing() -> None:
    assert [step["name"] for step in steps_of("s3")] == [
        "Install mcpreg, every package by its hash",
        "Take the site",
        "Deploy to the bucket",
    ]


def test_the_signing_job_does_nothing_but_attest() -> None:
    body = load(WORKFLOWS["publish"])["jobs"]["sign"]
    assert [step["uses"] for step in body["steps"]] == ["$/.github/actions/registry"]
    assert body["steps"][0]["with"] == {"job": "sign"}
    assert [step["name"] for step in steps_of("sign")] == [
        "Check out the registry",
        "Install mcpreg, every package by its hash",
        "Bring the published branch",
        "Take the reports",
        "Attest the new versions",
        "Keep the attestations",
    ]


def test_the_signing_job_runs_nothing_that_was_submitted() -> None:
    script = "\n".join(step.get("run", "") for step in steps_of("sign"))
    ours = [line.split()[:3] for line in lines_of_shell(script)]
    assert ours == [["mcpreg", "ci", "sign"]]
    programs = r"\b(apt-get|apt|curl|wget|npm|npx|node|uv|uvx|make|docker|bwrap|sudo|eval|source)\b"
    assert not re.findall(programs, script)


@pytest.mark.parametrize("job", ["sign", "publish", "resign"])
def test_jobs_with_rights_install_by_hash_and_build_with_what_the_lock_holds(job: str) -> None:
    script = "\n".join(step.get("run", "") for step in steps_of(job))
    installs = [line for line in script.splitlines() if '"${pip[@]}"' in line]
    assert len(installs) == 2
    assert "--no-deps" in script
    assert "--no-cache-dir" in script
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert "--no-build-isolation" in installs[1]
    assert script.count("pip install") == 1
    assert "hatchling==" in (ROOT / "requirements/sign.lock").read_text()


@pytest.mark.parametrize("lock", ["sign", "registry"])
def test_the_locks_of_the_workflows_hold_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.lock").read_text()
    assert "://" not in text
    packages = [line for line in text.splitlines() if "==" in line and not line.startswith(" ")]
    assert packages
    assert text.count("--hash=sha256:") >= len(packages)


def test_every_foreign_action_is_pinned_to_a_commit_that_was_looked_up() -> None:
    lines = [
        line.strip().removeprefix("- ")
        for path in (*WORKFLOWS.values(), *ACTIONS.values())
        for line in path.read_text().splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    assert lines
    for line in lines:
        used = line.removeprefix("uses: ")
        if used.startswith(OURS):
            continue
        action, _, rest = used.partition("@")
        assert rest == " # ".join(PINNED[action]), line


def test_no_checkout_leaves_a_token_behind_and_nothing_is_cached() -> None:
    for step in steps():
        used = step.get("uses", "")
        assert "cache" not in used
        assert "cache" not in yaml.safe_dump(step.get("with", {}))
        if used.startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_no_script_holds_an_expression() -> None:
    """An expression is pasted into the script before bash reads it: a branch's name would run."""
    assert not [step["name"] for step in steps() if "${{" in step.get("run", "")]


def test_the_comment_is_recognised_by_the_mark_that_the_report_begins_with() -> None:
    assert f'marker="{MARKER}"' in (GITHUB / "actions/comment/comment.sh").read_text()


def command_lines() -> Iterator[str]:
    for step in steps():
        yield from lines_of_shell(step.get("run", ""))
    for script in SCRIPTS:
        yield from lines_of_shell(script.read_text())


def test_the_workflows_call_every_command_that_is_made_for_them() -> None:
    found = {" ".join(line.split()[:3]) for line in command_lines()}
    assert found >= {"mcpreg ci check", "mcpreg ci sign", "mcpreg ci publish"}
    assert {" ".join(line.split()[:2]) for line in command_lines()} >= {
        "mcpreg-site build",
        "mcpreg-site sync",
    }


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_the_command_takes_these_options(line: str) -> None:
    assert problem_with(line) is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("mcpreg ci chekc", "no command"),
        ("mcpreg ci check --repoo .", "--repoo"),
        ("mcpreg ci sign --reports x", "--bundles"),
        ("mcpreg-site build extra", "extra"),
    ],
)
def test_the_test_of_commands_finds(line: str, problem: str) -> None:
    assert problem in (problem_with(line) or "")


DOCUMENTS = (
    ROOT / "docs/publishing.md",
    ROOT / "docs/workflows.md",
    ROOT / "GOVERNANCE.md",
    ROOT / "SECURITY.md",
    ROOT / "generator/mcpreg_site/new/registry/README.md",
)
SHOWN = sorted(
    (path.name, line) for path in DOCUMENTS for line in set(lines_of_document(path.read_text()))
)


def test_every_document_shows_commands() -> None:
    assert {name for name, _ in SHOWN} == {path.name for path in DOCUMENTS}


@pytest.mark.parametrize(("document", "line"), SHOWN)
def test_a_command_that_a_document_shows_exists(document: str, line: str) -> None:
    problem = problem_with(line)
    # In running text a command may be named without all that it needs.
    assert problem is None or problem.endswith("missing"), document


def _example() -> str:
    text = (ROOT / "docs/workflows.md").read_text()
    return text.partition("```yaml\n")[2].partition("```")[0]


def test_a_registry_is_twenty_lines_of_yaml(tmp_path: Path) -> None:
    example = _example()
    assert len(example.splitlines()) == 20
    path = tmp_path / ".github/workflows/publish.yml"
    path.parent.mkdir(parents=True)
    path.write_text(example.replace("OWNER", "acme").replace("COMMIT", "0123456789" * 4))
    _schema("github-workflows", [path])
    small, ours = load(path)["jobs"], load(WORKFLOWS["publish"])["jobs"]
    assert list(small) == ["check", "sign", "publish"]
    for job, body in small.items():
        assert body["permissions"] == ours[job]["permissions"]
        assert body["steps"][0]["with"] == ours[job]["steps"][0]["with"]
    done = subprocess.run(
        [_tool("zizmor"), "--offline", "--collect=all", str(tmp_path)],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def _tool(name: str) -> str:
    path = Path(sys.executable).parent / name
    found = str(path) if path.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "registry"
    write(TEMPLATE, folder)
    return folder


def _schema(kind: str, paths: list[Path]) -> None:
    arguments = [_tool("check-jsonschema"), "--builtin-schema", f"vendor.{kind}", *map(str, paths)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflows_are_valid_by_the_public_schema(template: Path) -> None:
    ours = list((template / ".github/workflows").glob("*.yml"))
    _schema("github-workflows", [*WORKFLOWS.values(), *ours])


def test_the_actions_are_valid_by_the_public_schema() -> None:
    _schema("github-actions", list(ACTIONS.values()))


def test_the_issue_forms_are_valid_by_the_public_schema() -> None:
    forms = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    _schema("github-issue-forms", forms)
    _schema("github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"])


@pytest.mark.parametrize("which", ["ours", "template"])
def test_zizmor_finds_nothing_as_an_auditor(which: str, template: Path) -> None:
    done = subprocess.run(
        [
            *(_tool("zizmor"), "--persona=auditor", "--offline", "--collect=all", "--no-progress"),
            str(GITHUB if which == "ours" else template / ".github"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout + done.stderr


def test_every_exception_from_zizmor_has_a_reason() -> None:
    for path in (*WORKFLOWS.values(), *ACTIONS.values()):
        for reason in re.findall(r"# zizmor: ignore\[[a-z-]+\](.*)", path.read_text()):
            assert len(reason.split()) >= 4, path


def test_zizmor_would_find_what_it_must(tmp_path: Path) -> None:
    """A workflow with a pasted expression and a moving tag: the tool is awake."""
    bad = tmp_path / "bad.yml"
    bad.write_text(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - run: echo ${{ github.event.pull_request.title }}\n"
    )
    done = subprocess.run(
        [_tool("zizmor"), "--offline", str(bad)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0
