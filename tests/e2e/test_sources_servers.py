"""Every kind of source against the real thing: git's HTTP server, nginx, our own registry API."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from git_server import GitServer, Repository, git_server
from mcpreg import gitrepo
from mcpreg_site.publish import publish
from mcpreg_site.site import render
from mcpreg_site.sources.documents import load_sources
from mcpreg_site.sources.fetch import fetch
from mcpreg_site.sources.interface import (
    Checkpoint,
    ConfigMapLocation,
    Fetched,
    GitLocation,
    RegistryLocation,
    Retry,
    Source,
    SourceUnavailableError,
    Unchanged,
    UnsupportedLocation,
    UrlLocation,
)
from mcpreg_site.sources.pages import updated
from mcpreg_site.templates import find_templates
from nginx_server import Nginx, nginx_server
from tiny_registry import TinyRegistry, make_manifest
from toolhive_data import FOLDER, toolhive_file
from warm_start import started

CLOCK, BELL = "io.github.acme/clock", "io.github.acme/bell"
FILE = "registry.json"


def far(location: GitLocation | UrlLocation | RegistryLocation) -> Source:
    return Source("far", location, retry=Retry(attempts=1), config="sha256:c")


def bring(source: Source, before: Checkpoint | None = None) -> Fetched:
    found = fetch(source, before, root=Path("/"))
    assert isinstance(found, Fetched)
    return found


def checkpoint(source: Source, fetched: Fetched) -> Checkpoint:
    return Checkpoint(
        source=source.name,
        config=source.config,
        content=fetched.content,
        validators=dict(fetched.validators),
    )


# --- git -----------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "served" / "far")
    made.commit({FILE: "1\n", "servers/a/server.yaml": "name: a\n", "servers/b/tools.json": "[]"})
    return made


@pytest.fixture
def git_host(repository: Repository) -> Iterator[GitServer]:
    with git_server(repository.folder.parent) as found:
        yield found


def test_branch_tag_and_commit_are_each_what_they_say(
    repository: Repository, git_host: GitServer
) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.git("tag", "plain")
    repository.git("tag", "-a", "signed", "-m", "Annotated")
    second = repository.commit({FILE: "2\n"})
    repository.git("checkout", "-q", "-b", "feature/x")
    third = repository.commit({FILE: "3\n"})
    repository.git("checkout", "-q", "main")
    place = GitLocation(f"{git_host.url}/far", FILE)
    for changes, commit, content in (
        (place, second, b"2\n"),
        (replace(place, branch="main"), second, b"2\n"),
        (replace(place, branch="feature/x"), third, b"3\n"),
        (replace(place, tag="plain"), first, b"1\n"),
        (replace(place, tag="signed"), first, b"1\n"),
        (replace(place, commit=first), first, b"1\n"),
    ):
        found = bring(far(changes))
        assert (found.files, found.validators["commit"]) == ({FILE: content}, commit)


def test_a_folder_comes_with_every_file_below(git_host: GitServer) -> None:
    place = GitLocation(f"{git_host.url}/far", "servers/")
    expected = {"a/server.yaml": b"name: a\n", "b/tools.json": b"[]"}
    assert bring(far(place)).files == expected
    whole = bring(far(replace(place, path="."))).files
    assert sorted(whole) == [FILE, "servers/a/server.yaml", "servers/b/tools.json"]


def test_a_branch_that_did_not_move_costs_one_question(
    repository: Repository, git_host: GitServer
) -> None:
    source = far(GitLocation(f"{git_host.url}/far", FILE, branch="main"))
    before = checkpoint(source, bring(source))
    git_host.seen.clear()
    assert isinstance(fetch(source, before, root=Path("/")), Unchanged)
    assert not [path for path in git_host.seen if "objects" in path]
    asked = len(git_host.seen)
    repository.commit({"else.txt": "other"})
    # The branch moved and the file did not: fetched, and found to be the same.
    assert isinstance(fetch(source, before, root=Path("/")), Unchanged)
    assert len(git_host.seen) > 2 * asked
    repository.commit({FILE: "2\n"})
    assert bring(source, before).files == {FILE: b"2\n"}


def test_a_commit_that_is_known_costs_nothing(repository: Repository, git_host: GitServer) -> None:
    commit = repository.git("rev-parse", "HEAD")
    source = far(GitLocation(f"{git_host.url}/far", FILE, commit=commit))
    before = checkpoint(source, bring(source))
    git_host.seen.clear()
    assert isinstance(fetch(source, before, root=Path("/")), Unchanged)
    assert git_host.seen == []


def test_a_private_repository_opens_with_its_password_file(
    git_host: GitServer, tmp_path: Path
) -> None:
    git_host.password = "s3cret"
    (tmp_path / "token").write_text("s3cret\n")
    place = GitLocation(
        f"{git_host.url}/far", FILE, username="git", password_file=tmp_path / "token"
    )
    assert bring(far(place)).files == {FILE: b"1\n"}
    with pytest.raises(SourceUnavailableError):
        bring(far(replace(place, username=None, password_file=None)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"branch": "nowhere"}, "has no nowhere"),
        ({"tag": "v9"}, "has no v9"),
        ({"commit": "a" * 40}, "not our ref"),
        ({"path": "none.json"}, "has no none.json"),
        ({"path": f"{FILE}/inside"}, "has no"),
        ({"repository": "elsewhere"}, "not found"),
    ],
)
def test_what_is_not_there_is_unavailable_for_good(
    git_host: GitServer, changes: dict[str, str], words: str
) -> None:
    members = {"repository": "far", "path": FILE} | changes
    place = GitLocation(
        f"{git_host.url}/{members['repository']}",
        members["path"],
        members.get("branch"),
        members.get("tag"),
        members.get("commit"),
    )
    with pytest.raises(SourceUnavailableError, match=words) as caught:
        bring(far(place))
    assert caught.value.lasting


def test_a_folder_of_this_machine_is_a_repository_too(repository: Repository) -> None:
    assert bring(far(GitLocation(str(repository.folder), FILE))).files == {FILE: b"1\n"}


# --- nginx ---------------------------------------------------------------------------------


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    (tmp_path / "www").mkdir(mode=0o755)
    with nginx_server(tmp_path / "www", tmp_path / "nginx") as found:
        yield found


def test_a_document_is_fetched_once_and_then_asked_after(nginx: Nginx, tmp_path: Path) -> None:
    document = tmp_path / "www" / FILE
    document.write_text('{"servers": {}}' + " " * 10_000)
    source = far(UrlLocation(f"{nginx.url}/{FILE}"))
    first = bring(source)
    assert first.files == {FILE: document.read_bytes()}
    assert set(first.validators) == {"etag", "lastModified"}
    assert int(nginx.log()[0].split()[-1]) < 1000  # it came packed
    assert isinstance(fetch(source, checkpoint(source, first), root=Path("/")), Unchanged)
    assert nginx.log()[1:] == [f"GET /{FILE} 304 0"]
    document.write_text('{"servers": {"a": {}}}')
    assert bring(source, checkpoint(source, first)).content != first.content


def test_a_file_touched_and_not_changed_is_unchanged(nginx: Nginx, tmp_path: Path) -> None:
    document = tmp_path / "www" / FILE
    document.write_text("{}")
    source = far(UrlLocation(f"{nginx.url}/{FILE}"))
    before = checkpoint(source, bring(source))
    subprocess.run(["touch", "-d", "2026-01-01", str(document)], check=True)
    assert isinstance(fetch(source, before, root=Path("/")), Unchanged)
    assert nginx.log()[-1].startswith(f"GET /{FILE} 200")


def test_a_missing_document_is_unavailable(nginx: Nginx) -> None:
    with pytest.raises(SourceUnavailableError, match="answers 404"):
        bring(far(UrlLocation(f"{nginx.url}/none.json")))


# --- our own registry API ------------------------------------------------------------------


def build(registry: TinyRegistry, folder: Path) -> None:
    publish(render(gitrepo.read(registry.repo, "published"), find_templates()), folder)


@contextmanager
def registry_api(registry: TinyRegistry, folder: Path) -> Iterator[str]:
    """A built site under `mcpreg-site serve`, as anybody would run it."""
    build(registry, folder)
    process = subprocess.Popen(
        [*started("mcpreg_site"), "serve", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split(" at ")[1].split("/  ")[0]
    finally:
        process.terminate()
        process.communicate(timeout=10)


def entries(fetched: Fetched) -> list[str]:
    pages = [json.loads(fetched.files[name])["servers"] for name in sorted(fetched.files)]
    return sorted(
        f"{item['server']['name']}@{item['server']['version']}" for page in pages for item in page
    )


def test_our_own_registry_is_mirrored_and_then_asked_for_changes(
    tiny_registry: TinyRegistry, tmp_path: Path
) -> None:
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.submit(make_manifest(BELL, "1.0.0"))
    tiny_registry.publish()
    site = tmp_path / "public"
    with registry_api(tiny_registry, site) as url:
        source = far(RegistryLocation(url))
        first = bring(source)
        assert entries(first) == [f"{BELL}@1.0.0", f"{CLOCK}@1.0.0"]
        page = json.loads(first.files["page-00001.json"])
        assert all(updated(entry) for entry in page["servers"])
        before = checkpoint(source, first)
        assert isinstance(fetch(source, before, root=Path("/")), Unchanged)
        tiny_registry.submit(make_manifest(CLOCK, "1.1.0"))
        tiny_registry.publish(later=timedelta(days=1))
        build(tiny_registry, site)
        # A list of one page is asked for whole.
        whole = bring(source, before)
        assert f"{CLOCK}@1.1.0" in entries(whole)
        assert not whole.partial
        # One that had no ETag is asked for what changed.
        plain = {key: value for key, value in before.validators.items() if key != "etag"}
        part = bring(source, before.model_copy(update={"validators": plain}))
        assert part.partial
        assert f"{CLOCK}@1.1.0" in entries(part)
        assert f"{BELL}@1.0.0" not in entries(part)


# --- ToolHive's sixteen examples, their places moved to this machine -----------------------

LEGACY = "crd/v1alpha1-legacy"
EXAMPLES = sorted(path.name for path in (FOLDER / LEGACY).glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES or [pytest.param("", id="none-here")])
def test_toolhives_examples_run(
    example: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    text = toolhive_file(f"{LEGACY}/{example}")
    for source in load_sources({"x.yaml": text}):
        match source.location:
            case GitLocation():
                _run_git(source, request.getfixturevalue("git_host"), tmp_path)
            case RegistryLocation():
                pass  # below, all against one registry
            case ConfigMapLocation(data=data):
                assert bring(source).files == {FILE: data}
                assert "servers" in json.loads(data)
            case UnsupportedLocation():
                with pytest.raises(SourceUnavailableError, match=f"source {source.name}: "):
                    bring(source)
            case _:
                raise AssertionError(source)


def _run_git(source: Source, host: GitServer, folder: Path) -> None:
    place = source.location
    assert isinstance(place, GitLocation)
    repository = Repository(folder / "served" / "toolhive")
    head = repository.commit({place.path: '{"servers": {}}'})
    here = replace(
        place,
        repository=f"{host.url}/toolhive",
        commit=head if place.commit else None,
    )
    moved = replace(source, location=here)
    first = bring(moved)
    assert list(first.files) == [FILE]
    assert isinstance(fetch(moved, checkpoint(moved, first), root=Path("/")), Unchanged)


def test_toolhives_examples_of_registries_run(tiny_registry: TinyRegistry, tmp_path: Path) -> None:
    texts = [
        toolhive_file(f"{LEGACY}/mcpregistry-api-{name}.yaml")
        for name in ("basic", "advanced", "external")
    ]
    tiny_registry.submit(make_manifest(CLOCK, "1.0.0"))
    tiny_registry.publish()
    with registry_api(tiny_registry, tmp_path / "public") as url:
        for text in texts:
            (source,) = load_sources({"x.yaml": text})
            moved = replace(source, location=RegistryLocation(url))
            first = bring(moved)
            assert entries(first) == [f"{CLOCK}@1.0.0"]
            assert isinstance(fetch(moved, checkpoint(moved, first), root=Path("/")), Unchanged)


def test_the_private_example_runs_once_its_password_is_in_a_file(
    git_host: GitServer, tmp_path: Path
) -> None:
    text = toolhive_file(f"{LEGACY}/mcpregistry-git-private.yaml").decode()
    (tmp_path / "token").write_text("s3cret")
    secret = re.compile(r"passwordSecretRef:\n +name: .*\n +key: .*")
    changed = secret.sub(f"passwordFile: {tmp_path}/token", text)
    assert changed != text
    (source,) = load_sources({"x.yaml": changed.encode()})
    place = source.location
    assert isinstance(place, GitLocation)
    git_host.password = "s3cret"
    moved = replace(source, location=replace(place, repository=f"{git_host.url}/far"))
    assert bring(moved).files == {FILE: b"1\n"}


def test_ssh_asks_nobody_and_says_what_went_wrong(tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("no ssh on this machine (Debian: openssh-client)")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    place = GitLocation(f"ssh://git@127.0.0.1:{port}/far.git", FILE)
    with pytest.raises(SourceUnavailableError, match="Connection refused"):
        bring(far(place))
