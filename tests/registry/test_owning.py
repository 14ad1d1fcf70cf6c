"""Who holds a new namespace: pinned with its first version, and only as it was proven."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcpreg import gitrepo
from mcpreg.checks.case import Submitter
from mcpreg.core import canonical
from mcpreg.core.report import VersionReport
from mcpreg.core.reviews import GitHubOwner, NamespaceOwner
from mcpreg.errors import UnreachableError, UsageError
from mcpreg.evidence.namespace import Places
from mcpreg.usecases import owning
from mcpreg.usecases.check import Checked, Options, check_changes, check_unpublished
from mcpreg.usecases.comment import render
from mcpreg.usecases.gather import Sources
from mcpreg.usecases.owning import Offered
from mcpreg.usecases.submission import Submission
from mcpreg.usecases.submit import Person, Submitted, Target, submit
from mcpreg.usecases.surroundings import Registry
from tiny_registry import TinyRegistry, make_manifest
from tls_site import Site, make_certificate

NOW = datetime(2026, 11, 2, tzinfo=UTC)
ZED = Submitter("Zed", 26)
EVE = Submitter("eve", 666)
FILE = "owners/io.github.zed.json"
BRANCH = "submit/x"
REMOTE = [{"type": "streamable-http", "url": "https://zed.example.com/mcp"}]
MANIFEST = make_manifest("io.github.zed/lamp", "1.0.0", packages=None, remotes=REMOTE)
PINNED = NamespaceOwner(
    namespace="io.github.zed", github=(GitHubOwner(login="Zed", id=26),), proof="github"
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def places(certificate: Path) -> Iterator[Places]:
    """GitHub's API with two accounts and an organisation."""
    people: dict[str, dict[str, Any]] = {
        "zed": {"login": "Zed", "id": 26, "type": "User"},
        "eve": {"login": "eve", "id": 666, "type": "User"},
        "labs": {"login": "labs", "id": 50, "type": "Organization"},
    }
    with Site(certificate) as site:
        for name, found in people.items():
            site.pages[f"/users/{name}"] = (200, json.dumps(found).encode())
        site.pages["/users/Zed"] = site.pages["/users/zed"]
        site.pages["/orgs/labs/public_members/Zed"] = (204, b"")
        yield Places(github=f"https://api.example:{site.port}", web=site.web())


@pytest.fixture
def registry(tiny_registry: TinyRegistry) -> TinyRegistry:
    """Nobody submits here: the main branch of a registry, seen by a publisher."""
    tiny_registry.git("branch", "-M", "main")
    return tiny_registry


def offer(registry: TinyRegistry, person: Person, name: str = MANIFEST.name) -> Submitted:
    manifest = MANIFEST.model_copy(update={"name": name})
    content = {"mcps.json": canonical.pretty(manifest.document()), "README.md": b"# Lamp\n"}
    target = Target(str(registry.repo), branch=BRANCH, push=False)
    return submit(Submission(manifest, content), target, person)


def checked(registry: TinyRegistry, places: Places, submitter: Submitter) -> Checked:
    options = Options(NOW, Sources(places=places), submitter)
    return check_changes(registry.repo, "main", BRANCH, options)


# --- what `mcpreg publish` brings ------------------------------------------------------------


def test_the_first_version_brings_the_file_and_passes_on_main(
    registry: TinyRegistry, places: Places
) -> None:
    done = offer(registry, Person("zed", places))
    assert "pins Zed (26), proven by github" in done.notes[0]
    held = gitrepo.show(registry.repo, BRANCH, "owners")["io.github.zed.json"]
    assert NamespaceOwner.model_validate_json(held) == PINNED
    assert checked(registry, places, ZED).tree == ()
    registry.git("merge", "-q", BRANCH)
    (report,) = check_unpublished(
        registry.repo, "main", Options(NOW, Sources(places=places))
    ).reports
    assert {item.id: item.result for item in report.checks}["namespace-proof"] == "pass"


def test_without_the_file_nobody_holds_it_on_main(registry: TinyRegistry, places: Places) -> None:
    """What the file is for: the proof of a pull request ends with it."""
    done = offer(registry, Person())
    assert "--github LOGIN" in done.notes[0]
    registry.git("merge", "-q", BRANCH)
    (report,) = check_unpublished(
        registry.repo, "main", Options(NOW, Sources(places=places))
    ).reports
    assert {item.id: item.result for item in report.checks}["namespace-proof"] == "not-run"


def test_a_member_is_pinned_for_an_organisation(registry: TinyRegistry, places: Places) -> None:
    offer(registry, Person("Zed", places), "io.github.labs/lamp")
    held = gitrepo.show(registry.repo, BRANCH, "owners")["io.github.labs.json"]
    assert NamespaceOwner.model_validate_json(held).github == PINNED.github


@pytest.mark.parametrize(
    ("login", "error", "says"),
    [
        ("eve", UsageError, "eve has not proven to hold io.github.zed"),
        ("nobody", UsageError, "has no account 'nobody'"),
        ("../zed", UsageError, "has no account"),
    ],
)
def test_names_nobody_who_has_not_proven_it(
    registry: TinyRegistry, places: Places, login: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        offer(registry, Person(login, places))
    assert not registry.git("branch", "--list", BRANCH)


def test_an_account_that_cannot_be_asked_about_is_an_error(registry: TinyRegistry) -> None:
    with pytest.raises(UnreachableError):
        offer(registry, Person("zed", Places(github="https://127.0.0.1:9")))


def test_a_namespace_that_is_held_or_kept_by_maintainers_needs_no_file(
    registry: TinyRegistry,
) -> None:
    assert offer(registry, Person("zed"), "io.github.acme/lamp").notes == ()
    registry.git("branch", "-D", BRANCH)
    write(registry, PINNED)
    assert offer(registry, Person("zed")).notes == ()


# --- what a pull request may pin -----------------------------------------------------------


def write(registry: TinyRegistry, owner: NamespaceOwner, path: str = FILE) -> None:
    file = registry.repo / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(owner.canonical())
    registry.commit(f"Pin {path}")


def submission(registry: TinyRegistry, owner: NamespaceOwner, path: str = FILE) -> None:
    registry.git("checkout", "-q", "-B", BRANCH)
    write(registry, owner, path)
    registry.git("checkout", "-q", "main")


BY_DNS = PINNED.model_copy(update={"proof": "dns"})
BOTH = PINNED.model_copy(update={"github": (*PINNED.github, GitHubOwner(login="eve", id=666))})
EVES = PINNED.model_copy(update={"github": (GitHubOwner(login="eve", id=666),)})
EVES_NUMBER = PINNED.model_copy(update={"github": (GitHubOwner(login="Zed", id=666),)})
NOBODYS = PINNED.model_copy(update={"github": (), "proof": None})


@pytest.mark.parametrize(
    ("owner", "submitter"),
    [(EVES, EVE), (EVES, ZED), (EVES_NUMBER, EVE), (EVES_NUMBER, ZED), (BOTH, ZED), (BY_DNS, ZED),
     (PINNED, EVE), (PINNED.model_copy(update={"github": ()}), ZED)],
)  # fmt: skip
def test_a_pull_request_pins_nobody_but_who_proved_it(
    registry: TinyRegistry, places: Places, owner: NamespaceOwner, submitter: Submitter
) -> None:
    submission(registry, owner)
    done = checked(registry, places, submitter)
    assert not done.ok
    assert f"{FILE} pins" in done.broken[0].message
    assert "❌" in render(done)


@pytest.mark.parametrize("owner", [PINNED, NOBODYS])
def test_it_may_pin_its_author_or_nobody(
    registry: TinyRegistry, places: Places, owner: NamespaceOwner
) -> None:
    submission(registry, owner)
    assert checked(registry, places, ZED).ok


def test_the_file_speaks_of_its_own_namespace_only(registry: TinyRegistry, places: Places) -> None:
    submission(registry, PINNED, "owners/io.github.acme.json")
    assert "is about io.github.zed" in checked(registry, places, ZED).broken[0].message


def test_a_file_that_would_break_every_later_run_is_refused(
    registry: TinyRegistry, places: Places
) -> None:
    registry.git("checkout", "-q", "-B", BRANCH)
    (registry.repo / "owners").mkdir()
    (registry.repo / FILE).write_text("{}")
    registry.commit("Break it")
    assert "is not valid" in checked(registry, places, ZED).broken[0].message


def test_a_change_of_who_is_pinned_is_shown_and_for_maintainers(
    registry: TinyRegistry, places: Places
) -> None:
    write(registry, PINNED)
    submission(registry, EVES)
    done = checked(registry, places, EVE)
    assert done.ok
    (warning,) = done.tree
    assert "Zed (26) is pinned, eve (666) would be" in warning.message
    assert "⚠️" in render(done)


def test_another_case_is_no_other_namespace(registry: TinyRegistry, places: Places) -> None:
    """The login was given up, and eve registered it again: GitHub says that eve is Zed now."""
    write(registry, PINNED)
    as_eve = Submitter("ZED", 666)
    eves = NamespaceOwner(
        namespace="io.github.ZED", github=(GitHubOwner(login="ZED", id=666),), proof="github"
    )
    submission(registry, eves, "owners/io.github.ZED.json")
    (finding,) = checked(registry, places, as_eve).broken
    assert "io.github.zed is held by Zed (26)" in finding.message
    registry.git("branch", "-D", BRANCH)
    offer(registry, Person(), "io.github.ZED/lamp")
    (report,) = checked(registry, places, as_eve).reports
    assert "namespace-owner" in {item.id for item in report.failed}
    (own,) = checked(registry, places, ZED).reports
    assert "namespace-owner" not in {item.id for item in own.failed}


def test_a_proven_first_version_without_the_file_gets_it_to_paste(
    registry: TinyRegistry,
) -> None:
    report = VersionReport(
        name=MANIFEST.name,
        version="1.0.0",
        folder="servers/io.github.zed/lamp/1.0.0",
        commit="c" * 40,
        manifest=MANIFEST.digest(),
        lock="sha256:" + "1" * 64,
        date="2026-11-02T00:00:00Z",
        owner=PINNED,
        checks=(),
    )
    offered = Offered((), {}, (report,), ZED, None)
    around = Registry(gitrepo.read(registry.repo, "main"), None, NOW, ZED)
    (finding,) = owning.findings(offered, around)
    assert NamespaceOwner.model_validate_json(finding.fix or "") == PINNED
    unlocked = replace(offered, reports=(report.model_copy(update={"lock": None}),))
    assert list(owning.findings(unlocked, around)) == []
