"""Rules about whose name, package and address a submission uses."""

from __future__ import annotations

import random
import string
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import case_rules
from mcpreg.checks import examples
from mcpreg.checks.brands import BRANDS, is_theirs
from mcpreg.checks.case import Neighbour, Submitter, Surroundings
from mcpreg.checks.examples import TODAY, with_remote
from mcpreg.checks.finding import Finding
from mcpreg.checks.interface import CaseRule, Example, Severity
from mcpreg.checks.judge import Judgement, judge
from mcpreg.checks.rules import (
    borrowed_name,
    case_collision,
    look_alike_name,
    namespace_owner,
    namespace_proof,
    package_ownership,
    package_taken,
    publisher_evidence,
    publisher_evidence_lost,
    remote_url_taken,
)
from mcpreg.checks.rules.look_alike_name import one_slip, skeleton
from mcpreg.checks.rules.remote_url_taken import canonical
from mcpreg.core.evidence import (
    Builder,
    Evidence,
    Missing,
    NamespaceProof,
    Origin,
    PackageClaim,
)
from mcpreg.core.reviews import GitHubOwner, NamespaceOwner

RULES = [
    namespace_owner.RULE,
    namespace_proof.RULE,
    package_ownership.RULE,
    publisher_evidence.RULE,
    publisher_evidence_lost.RULE,
    case_collision.RULE,
    remote_url_taken.RULE,
    package_taken.RULE,
    look_alike_name.RULE,
    borrowed_name.RULE,
]
LETTERS = st.text(string.ascii_lowercase + string.digits + "-._", min_size=1, max_size=30)


def judged(
    rule: CaseRule,
    changes: dict[str, Any] | None = None,
    *,
    others: tuple[Neighbour, ...] = (),
    evidence: Evidence | None = None,
    owner: NamespaceOwner | None = None,
    submitter: Submitter | None = None,
    curated: bool = False,
) -> Judgement:
    surroundings = Surroundings(
        today=TODAY, others=others, owner=owner, submitter=submitter, curated=curated
    )
    example = Example(changes or {}, surroundings=surroundings, evidence=evidence)
    (result,) = judge(examples.case(example), [rule])
    return result


def severities(findings: tuple[Finding, ...]) -> set[Severity]:
    return {finding.severity for finding in findings}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_fires_and_is_silent_on_its_examples(rule: CaseRule) -> None:
    expected = "warn" if rule.severity is Severity.WARNING else "fail"
    assert case_rules.fires(rule).result == expected
    assert case_rules.is_silent(rule).result == "pass"


# --- owners --------------------------------------------------------------------------------

OWNER = NamespaceOwner(
    namespace="io.github.acme",
    github=(GitHubOwner(login="acme", id=7), GitHubOwner(login="bob", id=9)),
    proof="github",
)


@pytest.mark.parametrize(
    ("login", "number", "result"),
    [
        ("acme", 7, "pass"),
        ("renamed", 7, "pass"),
        ("bob", 9, "pass"),
        ("acme", 8, "fail"),
        ("ACME", 8, "fail"),
        ("eve", 666, "fail"),
    ],
)
def test_the_number_counts_and_not_the_login(login: str, number: int, result: str) -> None:
    done = judged(namespace_owner.RULE, owner=OWNER, submitter=Submitter(login, number))
    assert done.result == result


def test_curated_entries_are_warned_about_only() -> None:
    eve = Submitter("eve", 666)
    nobody = Evidence(namespace=NamespaceProof("none", None, "eve asked"))
    silent = Evidence(ownership=(PackageClaim(0, "acme-clock", (), ""),))
    for rule, evidence in (
        (namespace_owner.RULE, None),
        (namespace_proof.RULE, nobody),
        (package_ownership.RULE, silent),
    ):
        for curated, result in ((False, "fail"), (True, "warn")):
            done = judged(rule, evidence=evidence, owner=OWNER, submitter=eve, curated=curated)
            assert done.result == result


def test_curated_entries_whose_package_names_another_server_are_refused() -> None:
    evidence = Evidence(ownership=(PackageClaim(0, "acme-clock", ("io.github.eve/clock",), ""),))
    assert judged(package_ownership.RULE, evidence=evidence, curated=True).result == "fail"


@pytest.mark.parametrize("rule", [namespace_proof.RULE, package_ownership.RULE])
def test_what_nobody_could_look_at_is_not_run(rule: CaseRule) -> None:
    missing = Missing("no network here")
    evidence = Evidence(namespace=missing, ownership=missing)
    done = judged(rule, evidence=evidence)
    assert (done.result, done.reason) == ("not-run", "no network here")


# --- who built it ---------------------------------------------------------------------------

BUILT = Builder(
    issuer="https://token.actions.githubusercontent.com",
    identity="https://github.com/acme/clock/.github/workflows/release.yml@refs/tags/v1.2.0",
    repository="https://github.com/acme/clock",
    repository_id="1001",
    workflow=".github/workflows/release.yml",
    ref="refs/tags/v1.2.0",
    commit="a" * 40,
    trigger="push",
)
WHEEL = "acme_clock-1.2.0-py3-none-any.whl"


def built(*origins: Origin, **changes: Any) -> Judgement:  # noqa: ANN401  # manifest members
    found = origins or (Origin(WHEEL, BUILT),)
    return judged(publisher_evidence.RULE, changes=changes, evidence=Evidence(provenance=found))


def source(**changes: str) -> dict[str, str]:
    return {"url": "https://github.com/acme/clock", "source": "github", **changes}


def test_who_built_it_is_told_although_nothing_is_wrong() -> None:
    done = built()
    assert done.result == "pass"
    assert done.found == (
        "built from https://github.com/acme/clock by .github/workflows/release.yml "
        "at refs/tags/v1.2.0, commit aaaaaaaaaaaa"
    )


def test_what_a_certificate_says_cannot_speak_to_a_terminal() -> None:
    done = built(Origin(WHEEL, replace(BUILT, ref="refs/heads/\x1b[2J")))
    assert "\\x1b[2J" in str(done.found)


@pytest.mark.parametrize(
    ("repository", "result"),
    [
        (source(), "pass"),
        (source(url="https://github.com/Acme/Clock.git"), "pass"),
        (source(id="1001"), "pass"),
        (source(url="https://github.com/acme/other"), "fail"),
        (source(url="https://gitlab.com/acme/clock", source="gitlab"), "fail"),
        (source(id="1002"), "fail"),
        # The number of one's own repository beside the name of a famous one.
        (source(url="https://github.com/famous/clock", id="1001"), "fail"),
        (None, "warn"),
    ],
)
def test_a_build_from_elsewhere_than_the_manifest_says(
    repository: dict[str, str] | None, result: str
) -> None:
    assert built(repository=repository).result == result


@pytest.mark.parametrize(
    ("origins", "result"),
    [
        ((Origin(WHEEL, problem="it is forged"),), "fail"),
        ((Origin(WHEEL, BUILT), Origin("other.whl", problem="it is forged")), "fail"),
        ((Origin(WHEEL, BUILT), Origin("other.whl")), "warn"),
        ((Origin(WHEEL, replace(BUILT, trigger="pull_request_target")),), "warn"),
        ((Origin(WHEEL, Builder("https://accounts.google.com", "eve@example.com")),), "warn"),
    ],
)
def test_evidence_that_does_not_hold_or_is_less_than_it_seems(
    origins: tuple[Origin, ...], result: str
) -> None:
    assert built(*origins).result == result


@pytest.mark.parametrize(
    ("now", "result"),
    [
        (Missing("nothing attests it", ours=False), "warn"),
        (Missing("the index does not answer"), "pass"),
        ((Origin(WHEEL, BUILT),), "pass"),
        ((Origin(WHEEL, replace(BUILT, ref="refs/tags/v1.3.0", workflow="other.yml")),), "pass"),
        ((Origin(WHEEL, replace(BUILT, repository_id="666")),), "warn"),
    ],
)
def test_a_release_that_was_not_made_where_the_last_one_was(
    now: tuple[Origin, ...] | Missing, result: str
) -> None:
    evidence = Evidence(provenance=now, previous_provenance=(Origin(WHEEL, BUILT),))
    assert judged(publisher_evidence_lost.RULE, evidence=evidence).result == result


# --- addresses and packages ----------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        "https://MCP.Example.com/mcp",
        "https://mcp.example.com:443/mcp",
        "https://mcp.example.com./mcp",
        "https://mcp.example.com/mcp/",
        "https://mcp.example.com//mcp",
        "https://mcp.example.com/./mcp",
        "https://mcp.example.com/%6Dcp",
        "https://mcp.example.com/mcp#x",
        "https://mcp.example.com/mcp?x=1",
    ],
)
def test_spellings_of_one_address_are_one(same: str) -> None:
    other = Neighbour("io.github.eve/clock", remotes=frozenset({same}))
    assert judged(remote_url_taken.RULE, with_remote(), others=(other,)).result == "fail"


def test_a_mirrored_entry_keeps_nobody_from_an_address() -> None:
    same = frozenset({"https://mcp.example.com/mcp"})
    listed = Neighbour("com.mirror/clock", remotes=same, listed=True)
    submitted = Neighbour("io.github.eve/clock", remotes=same)
    found = judged(remote_url_taken.RULE, with_remote(), others=(listed,))
    assert found.result == "warn"
    assert "com.mirror/clock too, which is mirrored" in found.findings[0].message
    for others in ((listed, submitted), (submitted, listed)):
        assert judged(remote_url_taken.RULE, with_remote(), others=others).result == "fail"


@pytest.mark.parametrize(
    "else_",
    [
        "https://mcp.example.com/mcp2",
        "https://mcp.example.com/MCP",
        "https://mcp.example.com:8443/mcp",
        "https://mcp.example.org/mcp",
        "https://[::1",
    ],
)
def test_another_address_is_another(else_: str) -> None:
    other = Neighbour("io.github.eve/clock", remotes=frozenset({else_}))
    assert judged(remote_url_taken.RULE, with_remote(), others=(other,)).result == "pass"


@given(st.text(max_size=80))
def test_any_text_has_one_canonical_form(text: str) -> None:
    url = f"https://example.com/{text}"
    assert canonical(url) == canonical(url.replace("example.com", "EXAMPLE.com:443"))


# --- look-alikes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("namespace", "like"),
    [
        ("io.github.modelcontextprotocol", "io.github.modelcontextprotoco1"),
        ("io.github.modelcontextprotocol", "io.github.model-context-protocol"),
        ("io.github.modelcontextprotocol", "io.github.modelcontextprotocl"),
        ("io.github.microsoft", "io.github.rnicrosoft"),
        ("io.github.microsoft", "io.github.micros0ft"),
        ("io.github.microsoft", "io.github.mircosoft"),
        ("com.example", "com.exarnple"),
        ("com.example.api", "com.exampleapi"),
    ],
)
def test_a_namespace_that_reads_like_another_is_refused(namespace: str, like: str) -> None:
    others = (Neighbour(f"{namespace}/server"),)
    assert judged(look_alike_name.RULE, {"name": f"{like}/clock"}, others=others).result == "fail"


@pytest.mark.parametrize(
    ("name", "other", "result"),
    [
        ("weather-mcp", "weathr-mcp", "warn"),
        ("time-zone-server", "mcp-server-zone-time", "warn"),
        ("postgres_tools", "postgres-tools", "warn"),
        ("git", "gat", "pass"),
        ("weather", "feather", "warn"),
        ("clock", "clock", "pass"),
        ("weather", "calendar", "pass"),
    ],
)
def test_a_servers_own_name_is_warned_about(name: str, other: str, result: str) -> None:
    others = (Neighbour(f"io.github.zenith-labs/{other}"),)
    changes = {"name": f"io.github.acme/{name}"}
    assert judged(look_alike_name.RULE, changes, others=others).result == result


def test_a_publishers_own_names_may_be_alike() -> None:
    others = (Neighbour("io.github.acme/clocks"), Neighbour("io.github.acme/c1ock"))
    assert judged(look_alike_name.RULE, others=others).result == "pass"


@given(LETTERS, LETTERS)
def test_one_slip_is_what_editing_says(first: str, second: str) -> None:
    assert one_slip(first, second) == (_distance(first, second) == 1)
    assert one_slip(first, second) == one_slip(second, first)


@given(LETTERS, st.integers(0, 40), st.sampled_from(string.ascii_lowercase))
def test_one_slip_finds_every_single_edit(text: str, at: int, letter: str) -> None:
    at = min(at, len(text) - 1)
    edits = {text[:at] + text[at + 1 :], text[:at] + letter + text[at:]}
    edits |= {text[:at] + letter + text[at + 1 :]}
    edits |= {text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :]}
    assert all(one_slip(text, edited) for edited in edits - {text})


def _distance(first: str, second: str) -> int:
    """Optimal string alignment, the plain way."""
    rows = [list(range(len(second) + 1))]
    for i, a in enumerate(first, 1):
        row = [i]
        for j, b in enumerate(second, 1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


@given(LETTERS)
def test_a_skeleton_has_no_separators_and_one_case(text: str) -> None:
    assert skeleton(text) == skeleton(text.upper())
    assert not set(skeleton(text)) & set("-._")


def test_twenty_five_thousand_neighbours_take_less_than_two_seconds() -> None:
    """An honest 0.2 s here; quadratic or all-pairs edit distance would take minutes."""
    pick = random.Random(1)

    def word() -> str:
        return "".join(pick.choices(string.ascii_lowercase, k=pick.randint(3, 9)))

    others = tuple(
        Neighbour(
            f"io.github.{word()}{word()}/{word()}-mcp",
            packages=frozenset({f"npm:{word()}"}),
            remotes=frozenset({f"https://{word()}.example/mcp"}),
        )
        for _ in range(25_000)
    )
    started = time.process_time()
    for rule in (look_alike_name.RULE, remote_url_taken.RULE, package_taken.RULE):
        judged(rule, with_remote() if rule is remote_url_taken.RULE else {}, others=others)
    assert time.process_time() - started < 2


# --- brands --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"title": "Official GitHub server"}, "fail"),
        ({"title": "GitHub (verified)"}, "fail"),
        ({"name": "com.githubs/clock", "title": "Official GitHub server"}, "fail"),
        ({"name": "com.github/clock", "title": "Official GitHub server"}, "pass"),
        ({"name": "com.github.api/clock", "title": "Official GitHub server"}, "pass"),
        ({"name": "io.github.g1thub/clock"}, "fail"),
        ({"name": "com.paypa1/clock"}, "fail"),
        ({"name": "com.pay-pal.api/clock"}, "fail"),
        ({"name": "io.github.stripe-payments/clock"}, "warn"),
        ({"name": "com.stripe-login/clock"}, "warn"),
        ({"name": "io.github.acme/stripe"}, "warn"),
        ({"name": "io.github.acme/stripe-mcp-server"}, "warn"),
        ({"title": "Stripe"}, "warn"),
        ({"name": "io.github.acme/stripe-invoices"}, "pass"),
        ({"title": "Invoices for Stripe"}, "pass"),
        ({"name": "io.github.stripe/stripe", "title": "Stripe, official"}, "pass"),
        ({"title": "Pineapples, official"}, "pass"),
        ({"name": "io.github.sentryville/clock"}, "pass"),
    ],
)
def test_a_brand_is_its_owners(changes: dict[str, str], result: str) -> None:
    assert judged(borrowed_name.RULE, changes).result == result


def test_maintainers_may_add_a_brands_server_for_it() -> None:
    assert judged(borrowed_name.RULE, {"title": "Official GitHub server"}, curated=True).result == (
        "warn"
    )


@pytest.mark.parametrize("brand", sorted(BRANDS))
def test_every_brand_owns_its_namespaces_and_no_beginning_of_them(brand: str) -> None:
    for namespace in BRANDS[brand]:
        assert namespace == namespace.casefold()
        assert is_theirs(namespace.upper(), brand)
        assert is_theirs(f"{namespace}.api", brand)
        assert not is_theirs(f"{namespace}-evil", brand)
