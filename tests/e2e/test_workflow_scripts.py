"""The scripts of the workflows, against a real remote: `published` only ever moves forward."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from command_lines import ROOT
from mcpreg.usecases.comment import MARKER
from mcpreg_site.publish import publish as publish_site
from mcpreg_site.site import render
from mcpreg_site.templates import find_templates
from mixed_entries import mixed_entries, snapshot_of
from s3_hosts import S3Host, moto_host
from tiny_registry import TinyRegistry, make_manifest
from warm_start import started

ACTIONS = ROOT / ".github/actions"
BELL = "io.github.acme/bell"
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
TOKEN = "ghs_not_a_real_token"


class Runner:
    """A machine of the workflow: a checkout without credentials, and the job's folders."""

    def __init__(self, tiny: TinyRegistry, tmp_path: Path) -> None:
        self.tiny, self.tmp_path = tiny, tmp_path
        self.remote = tmp_path / "remote.git"
        git(tmp_path, "clone", "-q", "--bare", str(tiny.repo), str(self.remote))
        git(tiny.repo, "remote", "add", "origin", str(self.remote))
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "mcpreg").write_text(f'#!/bin/sh\nexec {shlex.join(started("mcpreg"))} "$@"\n')
        (tools / "sleep").write_text("#!/bin/sh\n")  # between attempts
        for tool in tools.iterdir():
            tool.chmod(0o755)
        self.path = f"{tools}:{os.environ['PATH']}"

    def push_main(self) -> None:
        git(self.tiny.repo, "push", "-q", "origin", "main")

    def checkout(self, name: str) -> Path:
        folder = self.tmp_path / name / "checkout"
        folder.parent.mkdir()
        git(self.tmp_path, "clone", "-q", str(self.remote), str(folder))
        return folder

    def run(
        self, checkout: Path, job: str, *, checked: bool = True
    ) -> subprocess.CompletedProcess[str]:
        temporary = checkout.parent
        environment = {
            **os.environ,
            "PATH": self.path,
            "RUNNER_TEMP": str(temporary),
            "REGISTRY": str(checkout),
            "JOB": job,
            "ONLINE_KEY_URI": self.tiny.keys.online_uri,
            "PUSH_TOKEN": TOKEN,
            "GITHUB_STEP_SUMMARY": str(temporary / "summary.md"),
        }
        for folder in ("reports", "bundles"):
            (temporary / folder).mkdir(exist_ok=True)
        if job == "publish" and checked:
            arguments = ("--rev", "HEAD", "--offline", "--reports", str(temporary / "reports"))
            check = [*started("mcpreg"), "ci", "check", "--repo", str(checkout)]
            done = subprocess.run([*check, *arguments], check=False, capture_output=True)
            assert done.returncode in (0, 1), done.stderr
        return subprocess.run(
            ["bash", str(ACTIONS / "registry/publish.sh")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def published(self, *arguments: str) -> str:
        return git(self.remote, *arguments)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def runner(tiny_registry: TinyRegistry, tmp_path: Path) -> Runner:
    return Runner(tiny_registry, tmp_path)


def submit(runner: Runner, version: str) -> None:
    runner.tiny.submit(make_manifest("io.github.acme/clock", version))
    runner.push_main()


def test_publishes_and_pushes_the_branch(runner: Runner) -> None:
    submit(runner, "1.0.0")
    done = runner.run(runner.checkout("one"), "publish")
    assert done.returncode == 0, done.stderr
    files = runner.published("ls-tree", "-r", "--name-only", "published")
    assert "records/io.github.acme/clock/1.0.0.json" in files
    assert TOKEN not in done.stdout + done.stderr


def test_begins_again_on_top_when_the_branch_moved_meanwhile(runner: Runner) -> None:
    """Another run's publication between fetch and push: neither is lost, and none is forced."""
    submit(runner, "1.0.0")
    assert runner.run(runner.checkout("first"), "publish").returncode == 0
    submit(runner, "1.1.0")
    checkout = runner.checkout("late")
    other = runner.checkout("other")
    hook = checkout / ".git/hooks/pre-push"
    script = ACTIONS / "registry/publish.sh"
    hook.write_text(
        "#!/bin/sh\n"
        f"[ -e {checkout}/moved ] && exit 0\n"
        f"touch {checkout}/moved\n"
        "unset GIT_DIR GIT_WORK_TREE GIT_PREFIX\n"
        f"REGISTRY={other} JOB=resign PUSH_TOKEN=x bash {script} >&2\n"
    )
    hook.chmod(0o755)
    done = runner.run(checkout, "publish")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "moved meanwhile (attempt 1)" in done.stdout
    subjects = runner.published("log", "--first-parent", "--format=%s", "published").splitlines()
    assert subjects[:3] == ["Publish 1 new versions", "Sign again", "Publish 1 new versions"]


def test_signing_again_publishes_nothing_new(runner: Runner) -> None:
    submit(runner, "1.0.0")
    assert runner.run(runner.checkout("first"), "publish").returncode == 0
    before = runner.published("rev-parse", "published")
    submit(runner, "1.1.0")
    done = runner.run(runner.checkout("again"), "resign")
    assert done.returncode == 0, done.stdout + done.stderr
    files = runner.published("ls-tree", "-r", "--name-only", "published")
    assert "records/io.github.acme/clock/1.1.0.json" not in files
    assert runner.published("rev-parse", "published^1") == before
    assert runner.published("rev-parse", "published:tuf/timestamp.json") != runner.published(
        "rev-parse", f"{before}:tuf/timestamp.json"
    )


def test_what_waits_is_published_after_signing_again(runner: Runner) -> None:
    for version, job in (("1.0.0", "publish"), ("1.1.0", "resign"), ("1.2.0", "publish")):
        submit(runner, version)
        done = runner.run(runner.checkout(version), job)
        assert done.returncode == 0, done.stdout + done.stderr
    files = runner.published("ls-tree", "-r", "--name-only", "published")
    assert all(f"clock/1.{minor}.0.json" in files for minor in (0, 1, 2))


def test_a_version_without_a_report_is_not_published(runner: Runner) -> None:
    submit(runner, "1.0.0")
    done = runner.run(runner.checkout("one"), "publish", checked=False)
    assert done.returncode != 0
    assert "no report" in done.stderr
    assert "records/" not in runner.published("ls-tree", "-r", "--name-only", "published")


def test_what_is_left_out_makes_the_job_red_after_the_rest_is_pushed(runner: Runner) -> None:
    runner.tiny.submit(make_manifest(BELL, "1.0.0", license="no <b>licence</b> at all"))
    submit(runner, "1.0.0")
    checkout = runner.checkout("one")
    done = runner.run(checkout, "publish")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "::error::some versions were left out" in done.stdout
    files = runner.published("ls-tree", "-r", "--name-only", "published")
    assert "records/io.github.acme/clock/1.0.0.json" in files
    assert f"records/{BELL}" not in files
    summary = (checkout.parent / "summary.md").read_text()
    assert summary.startswith("### 1 not published\n")
    assert f"- `{BELL}@1.0.0`: `{BELL}@1.0.0 fails 1 checks: license-" in summary
    assert f"`mcpreg validate servers/{BELL}/1.0.0; " in summary
    again = runner.run(runner.checkout("again"), "resign")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 versions, 0 new" in again.stdout


def test_a_publication_that_fails_whole_pushes_nothing(runner: Runner) -> None:
    submit(runner, "1.0.0")
    checkout = runner.checkout("one")
    before = runner.published("for-each-ref")
    (checkout.parent / "left-out.md").write_text("of another run")
    (checkout / "tuf").mkdir()
    (checkout / "tuf/root.json").write_text("{}")
    git(checkout, "add", "-A")
    git(checkout, *IDENTITY, "commit", "-q", "-m", "What only CI writes")
    done = runner.run(checkout, "publish")
    assert done.returncode == 1
    assert "only published may hold" in done.stderr
    assert runner.published("for-each-ref") == before


@pytest.mark.parametrize("job", ["Check what is to be published", "Attest the new versions"])
@pytest.mark.parametrize(
    ("code", "written", "expected"), [(0, "x", 0), (1, "x", 0), (1, "", 1), (4, "x", 4)]
)
def test_the_jobs_before_go_on_only_when_versions_were_left_out(
    tmp_path: Path, job: str, code: int, written: str, expected: int
) -> None:
    """A command that breaks off ends the job; one that left versions out named them in a file."""
    steps = yaml.safe_load((ACTIONS / "registry/action.yml").read_text())["runs"]["steps"]
    (script,) = [step["run"] for step in steps if step["name"] == job]
    (tmp_path / "mcpreg/bin").mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    command = tmp_path / "mcpreg/bin/mcpreg"
    files = f"{tmp_path}/left-out.md {tmp_path}/reports/mcpreg.sarif"
    command.write_text(f"#!/bin/sh\nprintf '%s' '{written}' | tee {files}\nexit {code}\n")
    command.chmod(0o755)
    (tmp_path / "mcpreg.toml").write_text('[trust]\nmode = "sigstore"\n')
    environment = {**os.environ, "RUNNER_TEMP": str(tmp_path), "REGISTRY": str(tmp_path), "OSV": ""}
    done = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == expected, done.stderr
    assert ("::warning::" in done.stdout) == (code == 1 and expected == 0)


# `gh` is GitHub's own; this one answers the four requests that the script makes, and notes them.
GH = """#!/bin/sh
echo "$@" >> "$GH_LOG"
case "$*" in
  *"/pulls "*) printf '[{"number": 7, "head": {"sha": "%s"}}]' "$GH_SHA" ;;
  *--paginate*) cat "$GH_COMMENTS" ;;
esac
"""
BOT = {"login": "github-actions[bot]"}


class Comment:
    """The comment script, with a GitHub that remembers what it was asked."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        (tmp_path / "tools").mkdir()
        (tmp_path / "tools/gh").write_text(GH)
        (tmp_path / "tools/gh").chmod(0o755)
        (tmp_path / "comments.json").write_text("[]")
        (tmp_path / "log").touch()
        self.file = tmp_path / "comment.md"

    def post(self, *, sha: str = "abc") -> tuple[int, list[str]]:
        environment = {
            **os.environ,
            "PATH": f"{self.folder}/tools:{os.environ['PATH']}",
            "GH_LOG": str(self.folder / "log"),
            "GH_COMMENTS": str(self.folder / "comments.json"),
            "GH_SHA": "abc",
            "REPOSITORY": "acme/registry",
            "HEAD": "stranger:submit/$(touch pwned)",
            "HEAD_SHA": sha,
        }
        script = str(ACTIONS / "comment/comment.sh")
        done = subprocess.run(
            ["bash", script, str(self.file)],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            check=False,
        )
        lines = (self.folder / "log").read_text().splitlines()
        assert not (self.folder / "pwned").exists()
        return done.returncode, [line for line in lines if "--method P" in line]


@pytest.fixture
def comment(tmp_path: Path) -> Comment:
    for tool in ("bash", "jq"):
        if subprocess.run(["which", tool], capture_output=True, check=False).returncode:
            pytest.skip(f"{tool} is not installed")
    made = Comment(tmp_path)
    made.file.write_text(f"{MARKER}\n### Every check passed\n")
    return made


def test_posts_the_comment_where_the_commit_says(comment: Comment) -> None:
    code, requests = comment.post()
    assert code == 0
    assert requests == [
        f"api --silent --method POST repos/acme/registry/issues/7/comments -F body=@{comment.file}"
    ]


def test_edits_the_one_it_made_and_nobody_elses(comment: Comment) -> None:
    import json

    comments = [
        {"id": 1, "user": {"login": "stranger"}, "body": f"{MARKER}\nI am the bot"},
        {"id": 2, "user": BOT, "body": "Something else"},
        {"id": 3, "user": BOT, "body": f"{MARKER}\n### 2 checks failed"},
    ]
    (comment.folder / "comments.json").write_text(json.dumps(comments))
    _, requests = comment.post()
    assert len(requests) == 1
    assert "--method PATCH repos/acme/registry/issues/comments/3" in requests[0]


def test_says_nothing_when_the_pull_request_has_moved_on(comment: Comment) -> None:
    assert comment.post(sha="def") == (0, [])


@pytest.mark.parametrize(
    "text", ["", "no mark\n", f"x\n{MARKER}\n", f"{MARKER}\n" + "x" * 65_000], ids=range(4)
)
def test_refuses_to_post_what_is_not_our_comment(comment: Comment, text: str) -> None:
    comment.file.write_text(text)
    code, requests = comment.post()
    assert code != 0
    assert requests == []


def test_refuses_a_link_to_something_on_the_runner(comment: Comment) -> None:
    secret = comment.folder / "secret"
    comment.file.rename(secret)
    comment.file.symlink_to(secret)
    assert comment.post() == (1, [])


# What GitHub answers a job that asks who it is; `curl` itself would insist on https.
CURL = """#!/bin/sh
cat > "$SEEN/stdin"
printf '%s\\n' "$@" > "$SEEN/arguments"
printf '{"value": "who.i.am"}'
"""
BUCKET = "registry-bucket"
ROLE = "arn:aws:iam::123456789012:role/deploy"


@pytest.fixture
def s3() -> Iterator[S3Host]:
    with moto_host() as host:
        host.client().create_bucket(Bucket=BUCKET)
        yield host


def deploy_to(target: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tools = folder / "tools"
    tools.mkdir()
    exec_ours = f'exec {shlex.join(started("mcpreg_site"))} "$@"'
    (tools / "mcpreg-site").write_text(f"#!/bin/sh\n{exec_ours}\n")
    (tools / "curl").write_text(CURL)
    for tool in tools.iterdir():
        tool.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        ["bash", str(ACTIONS / "registry/s3.sh")],
        env={
            **kept,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SEEN": str(folder),
            "RUNNER_TEMP": str(folder),
            "TARGET": target,
            "DISTRIBUTION": "",
            "AWS_ROLE_ARN": ROLE,
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_run_deploys_to_a_bucket_by_its_identity_and_leaves_nothing_of_it(
    s3: S3Host, tmp_path: Path
) -> None:
    publish_site(render(snapshot_of(mixed_entries()), find_templates()), tmp_path / "site")
    done = deploy_to(
        f"s3://{BUCKET}/registry",
        tmp_path,
        AWS_ENDPOINT_URL=s3.url,
        ACTIONS_ID_TOKEN_REQUEST_URL="https://identity.example/token?api-version=2.0",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN=TOKEN,
    )
    assert done.returncode == 0, done.stderr
    home = s3.client().get_object(Bucket=BUCKET, Key="registry/index.html")
    assert home["ContentType"].startswith("text/html")
    assert json.loads(
        s3.client().get_object(Bucket=BUCKET, Key="registry/feed.json")["Body"].read()
    )
    asked = (tmp_path / "arguments").read_text()
    assert "&audience=sts.amazonaws.com" in asked
    assert TOKEN not in asked + done.stdout + done.stderr
    assert TOKEN in (tmp_path / "stdin").read_text()
    assert not (tmp_path / "identity").exists()


@pytest.mark.parametrize(
    ("target", "url", "said"),
    [
        ("/srv/www", "https://identity.example/token?x", "no bucket"),
        (f"s3://{BUCKET}/registry", "", "id-token: write"),
    ],
)
def test_a_run_that_cannot_deploy_says_why_before_it_asks_anybody(
    tmp_path: Path, target: str, url: str, said: str
) -> None:
    done = deploy_to(target, tmp_path, ACTIONS_ID_TOKEN_REQUEST_URL=url)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / "arguments").exists()
