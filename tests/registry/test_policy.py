"""What an organisation's policy file means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.cli.help import text_of
from mcpreg.core.policy import VetFacts, VetPolicy, facts_document, facts_from, parse_policy, vet
from mcpreg.errors import UsageError

FACTS = VetFacts(
    name="io.github.acme/clock",
    version="1.0.0",
    registry="main",
    tier="community-trusted",
    curated=False,
    level="medium",
    sentences=("may read ./data",),
    sandbox=("fs:read:./data", "net:egress:api.example.com:443", "env:ACME_KEY"),
    licence="MIT",
    signer="https://github.com/acme/registry/.github/workflows/publish.yml@refs/heads/main",
    checks={"suspicious-code": "pass", "dead-link": "warn", "known-vulnerable": "not-run"},
)


def broken(text: str, facts: VetFacts = FACTS) -> list[str]:
    policy = parse_policy(f"version = 1\n{text}".encode(), "policy.toml")
    return [rule.rule for rule in vet(policy, facts) if not rule.holds]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", []),
        ('registries = ["main"]', []),
        ('registries = ["other"]', ["registries"]),
        ('minimum_tier = "community-trusted"', []),
        ('minimum_tier = "security-audited"', ["minimum_tier"]),
        ("curated = false", []),
        ('licences = ["MIT", "Apache-2.0"]', []),
        ('licences = ["Apache-*"]', ["licences"]),
        ('signers = ["https://github.com/acme/registry/*"]', []),
        ('signers = ["https://github.com/evil/*"]', ["signers"]),
        ('[namespaces]\nallow = ["io.github.acme"]', []),
        ('[namespaces]\nallow = ["io.github.acme/other"]', ["namespaces.allow"]),
        ('[namespaces]\nallow = ["io.github.acm"]', ["namespaces.allow"]),
        ('[namespaces]\ndeny = ["io.github.*"]', ["namespaces.deny"]),
        # Neither GitHub nor the DNS knows any case, and a publisher may choose one.
        ('[namespaces]\ndeny = ["io.github.ACME"]', ["namespaces.deny"]),
        ('[namespaces]\ndeny = ["io.github.Acme/Clock"]', ["namespaces.deny"]),
        ('[namespaces]\nallow = ["io.github.Acme"]', []),
        ('[capabilities]\nmaximum_safety = "medium"', []),
        ('[capabilities]\nmaximum_safety = "low"', ["capabilities.maximum_safety"]),
        ('[capabilities]\nallow = ["fs:read", "net:egress", "env"]', []),
        ('[capabilities]\nallow = ["fs:read:./**", "net:egress:*.example.com:443", "env"]', []),
        ('[capabilities]\nallow = ["fs:write", "net:egress", "env"]', ["capabilities.allow"]),
        ('[capabilities]\nallow = ["fs:read", "env", "net:egress:*.example.com:80"]',
         ["capabilities.allow"]),
        ('[checks]\nrequire = ["publisher-evidence"]', ["checks.require publisher-evidence"]),
        ("[capabilities]\nallow = []", ["capabilities.allow"]),
        ('[checks]\nrequire = ["suspicious-code"]', []),
        ('[checks]\nrequire = ["no-such-check"]', ["checks.require no-such-check"]),
        ("[checks]\nwarnings = false", ["checks.warnings"]),
        ("[checks]\nnot_run = false", ["checks.not_run"]),
    ],
)  # fmt: skip
def test_applies_the_rules_that_are_stated(text: str, rules: list[str]) -> None:
    assert broken(text) == rules


def test_a_registry_without_attestations_has_no_signer_that_a_policy_could_allow() -> None:
    assert broken('signers = ["*publish.yml*"]', replace(FACTS, signer=None)) == ["signers"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('minimum_teir = "certified"', "minimum_teir"),
        ('minimum_tier = "best"', "minimum_tier"),
        ('[capabilities]\nallow = ["fs:raed:./x"]', "capabilities.allow"),
        ("version = 2", ""),
        ("= 1", "not TOML"),
    ],
)
def test_a_slip_in_the_file_is_an_error_and_not_a_permission(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_policy(f"version = 1\n{text}".encode(), "policy.toml")
    assert said in caught.value.message
    assert caught.value.where == "policy.toml"


def test_a_file_without_a_version_is_refused() -> None:
    with pytest.raises(UsageError):
        parse_policy(b'minimum_tier = "certified"', "policy.toml")


def test_facts_survive_the_record() -> None:
    assert facts_from(facts_document(FACTS)) == FACTS


_TIERS = ["unverified", "community-trusted", "security-audited", "certified"]


@given(minimum=st.sampled_from(_TIERS), tier=st.sampled_from(_TIERS))
def test_a_higher_tier_never_fails_where_a_lower_one_passes(minimum: str, tier: str) -> None:
    failed = broken(f'minimum_tier = "{minimum}"', replace(FACTS, tier=tier))
    assert bool(failed) == (_TIERS.index(tier) < _TIERS.index(minimum))


def test_the_help_topic_and_the_guide_name_every_key_and_nothing_else() -> None:
    """Each example is a policy that is read; together they name all that the model has."""
    guide = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
    for text in (text_of("policy"), guide):
        example = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
        policy = parse_policy(example.encode(), "policy.toml")
        assert policy.model_fields_set == set(VetPolicy.model_fields)
        for table in ("namespaces", "capabilities", "checks", "run"):
            rules = getattr(policy, table)
            assert rules.model_fields_set == set(type(rules).model_fields), table
