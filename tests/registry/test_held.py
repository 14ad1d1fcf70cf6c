"""What widens is held: whatever its kind, until a maintainer approves that very difference."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.checks.examples import BASE
from mcpreg.checks.rules import held_widening
from mcpreg.core.compare import Difference
from mcpreg.core.difference import Side, difference, digest_of, widening
from mcpreg.core.manifest import Manifest
from version_cases import CAPABILITIES, OLD, approval, case_of, judged, lock_of, manifest, sandboxed

HELD = held_widening.RULE

# One for every kind of thing that a manifest can ask for or call itself.
WIDER: dict[str, Manifest] = {
    "a file to read": sandboxed("net:none", "fs:read:./data"),
    "a file to write": sandboxed("net:none", "fs:write:./data/**"),
    "a host": sandboxed("net:egress:time.example.com:443"),
    "its own loopback": sandboxed("net:loopback"),
    "a variable": sandboxed("net:none", "env:ZONE"),
    "a secret": sandboxed("net:none", "env:API_KEY"),
    "memory": manifest(
        capabilities={**BASE["capabilities"], "limits": {"memory": 32 << 30}},
    ),
    "another package": manifest(
        packages=[{**BASE["packages"][0], "identifier": "other-clock"}],
    ),
    "another index": manifest(
        packages=[{**BASE["packages"][0], "registryBaseUrl": "https://index.example"}],
    ),
    "another kind of package": manifest(
        packages=[{**BASE["packages"][0], "registryType": "npm"}],
    ),
    "a remote beside it": manifest(
        remotes=[{"type": "streamable-http", "url": "https://mcp.example.com/mcp"}],
    ),
    "a secret argument": manifest(
        packages=[
            {
                **BASE["packages"][0],
                "packageArguments": [{"type": "named", "name": "--token", "isSecret": True}],
            }
        ],
    ),
    "another title": manifest(title="Clock by Google"),
    "another publisher": manifest(name="io.github.acne/clock"),
}


@pytest.mark.parametrize("new", WIDER.values(), ids=WIDER)
def test_holds_a_kind_that_was_never_there_before(new: Manifest) -> None:
    found = judged(HELD, case_of(new, OLD))
    assert found.result == "fail"
    (finding,) = found.findings
    assert "nobody approved it" in finding.message
    assert f"mcpreg ci approve {new.name}@1.2.0" in (finding.fix or "")


def test_holds_a_secret_header_of_a_remote() -> None:
    remote = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}
    old = manifest(version="1.1.0", packages=None, remotes=[remote])
    header = {"name": "X-Api-Key", "isSecret": True}
    new = manifest(packages=None, remotes=[{**remote, "headers": [header]}])
    assert "sends the secret X-Api-Key to" in judged(HELD, case_of(new, old)).findings[0].message


def test_holds_a_secret_that_goes_elsewhere_under_a_name_that_was_there() -> None:
    remote = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}
    old = sandboxed("net:none", "env:API_KEY", version="1.1.0", remotes=[remote])
    header = {"name": "API_KEY"}  # and it does not even say that it is one
    new = sandboxed("net:none", "env:API_KEY", remotes=[{**remote, "headers": [header]}])
    (finding,) = judged(HELD, case_of(new, old)).findings
    assert "sends the secret API_KEY to https://mcp.example.com/mcp" in finding.message


def test_holds_a_consent_that_is_no_longer_asked_for() -> None:
    old = manifest(version="1.1.0", requiredConsents=[{"id": "mail", "reason": "It sends mail"}])
    assert "no longer asks" in judged(HELD, case_of(manifest(), old)).findings[0].message
    assert judged(HELD, case_of(old.model_copy(update={"version": "1.2.0"}), OLD)).result == "pass"


def test_holds_a_lock_that_installs_the_other_package() -> None:
    other = lock_of(package={"registryType": "npm", "identifier": "acme-clock", "version": "1.2.0"})
    (found,) = widening(Side(OLD, lock_of()), Side(manifest(), other)).widened
    assert found.sentence == "is installed from npm acme-clock instead of pypi acme-clock"


def test_holds_another_signer() -> None:
    (found,) = widening(Side(OLD, signer="alice"), Side(manifest(), signer="mallory")).widened
    assert "mallory instead of alice" in found.sentence


@pytest.mark.parametrize("old", WIDER.values(), ids=WIDER)
def test_lets_the_same_again_pass(old: Manifest) -> None:
    new = old.model_copy(update={"version": "1.2.1"})
    assert judged(HELD, case_of(new, old)).result == "pass"


@pytest.mark.parametrize(
    "kind", [kind for kind in WIDER if not kind.startswith(("another", "a secret arg"))]
)
def test_lets_narrowing_pass(kind: str) -> None:
    old = WIDER[kind].model_copy(update={"version": "1.1.0"})
    assert judged(HELD, case_of(manifest(), old)).result == "pass"


def test_a_first_publication_widens_nothing() -> None:
    assert judged(HELD, case_of(WIDER["a host"], None)).result == "pass"


@pytest.mark.parametrize("new", WIDER.values(), ids=WIDER)
def test_an_approval_lets_that_difference_through(new: Manifest) -> None:
    assert judged(HELD, case_of(new, OLD, approved=approval(OLD, new))).result == "pass"


@pytest.mark.parametrize(
    ("changes", "because"),
    [
        ({"version": "1.2.1"}, "the approval is for io.github.acme/clock@1.2.1"),
        ({"name": "io.github.acme/bell"}, "the approval is for io.github.acme/bell@1.2.0"),
        ({"previous": "1.0.0"}, "compares with 1.0.0, not with 1.1.0"),
        ({"difference": "sha256:" + "0" * 64}, "for another difference"),
    ],
)
def test_an_approval_for_anything_else_does_not(changes: dict[str, str], because: str) -> None:
    new = WIDER["a host"]
    found = judged(HELD, case_of(new, OLD, approved=approval(OLD, new, **changes)))
    assert found.result == "fail"
    assert because in found.findings[0].message


def test_an_approval_does_not_cover_what_is_added_afterwards() -> None:
    approved = approval(OLD, WIDER["a host"])
    more = sandboxed("net:egress:time.example.com:443", "fs:read:./data")
    assert judged(HELD, case_of(more, OLD, approved=approved)).result == "fail"


def test_what_cannot_be_compared_is_held() -> None:
    broken = OLD.model_copy(
        update={
            "capabilities": OLD.capabilities.model_copy(update={"sandbox": ("net:everything",)})
        }
    )
    found = judged(HELD, case_of(manifest(), broken))
    assert found.result == "fail"
    assert "cannot be compared with 1.1.0" in found.findings[0].message


# Fields of a manifest, by what becomes of a change in them. A new field belongs to one of the two,
# and this test asks which: what nobody thought of must not slip through.
COMPARED = {
    "name", "title", "packages", "remotes", "capabilities", "required_consents",
}  # fmt: skip
HARMLESS = {
    "json_schema", "description", "version", "website_url", "repository", "icons", "meta",
    "license", "tags", "dependencies",
}  # fmt: skip


def test_every_field_of_a_manifest_is_compared_or_said_to_be_harmless() -> None:
    assert set(Manifest.model_fields) == COMPARED | HARMLESS


@given(old=CAPABILITIES, new=CAPABILITIES)
@settings(max_examples=150, deadline=None)
def test_no_capability_gets_in_that_the_old_ones_do_not_cover(
    old: list[str], new: list[str]
) -> None:
    widened = {
        item.subject
        for item in widening(Side(sandboxed(*old)), Side(sandboxed(*new))).widened
        if item.kind != "secret"
    }
    assert widened <= set(new) - set(old)
    for text in set(new) - set(old):
        alone = widening(Side(sandboxed(*old)), Side(sandboxed(text))).widened
        assert bool(alone) == (text in widened)
    if not old:
        assert widened == set(new)


ITEMS = st.lists(
    st.builds(
        Difference,
        st.sampled_from(["files", "network", "secret", "limits"]),
        st.sampled_from(["a", "b", "ab"]),
        st.sampled_from(["says a", "says b", ""]),
    ),
    min_size=1,
    max_size=6,
)


@given(items=ITEMS, data=st.data())
def test_the_digest_is_the_same_in_any_order(items: list[Difference], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(items))
    assert digest_of(shuffled) == digest_of(items)


@given(items=ITEMS, other=ITEMS)
def test_the_digest_is_another_for_any_other_difference(
    items: list[Difference], other: list[Difference]
) -> None:
    assert (digest_of(items) == digest_of(other)) == (set(items) == set(other))


def test_the_digest_changes_with_how_much_more_is_asked_for() -> None:
    some, more = (
        manifest(capabilities={**BASE["capabilities"], "limits": {"memory": size << 30}})
        for size in (16, 32)
    )
    assert difference(Side(OLD), Side(some)).digest != difference(Side(OLD), Side(more)).digest
    assert difference(Side(OLD), Side(manifest())).digest is None
