"""Comparing capability sets: a partial order in which no widening goes unnoticed.

What a set allows is computed here a second time, from the words of the specification and by
concrete paths and hosts, so that the algebra is held against something that is not itself.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpreg.core.capability import Capability, Egress, Files, Variable, parse
from mcpreg.core.compare import Comparison, Reach, compare, compare_manifests, covers, reach_of
from mcpreg.core.manifest import Manifest
from mcpreg.core.plan import Access, Limits

NAMES = st.sampled_from(["a", "b", ".c", "*", "a*", "?"])
PATHS = st.builds(
    lambda root, parts, tree: "/".join([root, *parts]) + ("/**" if tree else ""),
    st.sampled_from([".", "~", "{d}", "/srv"]),
    st.lists(NAMES, max_size=3),
    st.booleans(),
)
HOSTS = st.sampled_from(
    ["x.example", "a.x.example", "b.a.x.example", "*.x.example", "*.a.x.example", "y.example"]
)
TEXTS = st.one_of(
    st.builds(lambda a, p: f"fs:{a}:{p}", st.sampled_from(["read", "write"]), PATHS),
    st.just("fs:read:/**"),
    st.builds(lambda h, p: f"net:egress:{h}:{p}", HOSTS, st.sampled_from([80, 443])),
    st.sampled_from(["net:none", "net:loopback"]),
    st.sampled_from(["env:A", "env:B", "env:C"]),
)
LIMITS = st.builds(
    lambda memory, pids: Limits(memory=memory << 20, pids=pids),
    st.sampled_from([1024, 2048, 4096]),
    st.sampled_from([64, 256]),
)


@st.composite
def reaches(draw: st.DrawFn) -> Reach:
    capabilities = tuple(parse(text) for text in draw(st.lists(TEXTS, max_size=5)))
    names = sorted({item.name for item in capabilities if isinstance(item, Variable)})
    secrets = draw(st.sets(st.sampled_from(names))) if names else set()
    return Reach(capabilities, frozenset(secrets), draw(LIMITS))


PROBE_PATHS = st.builds(
    lambda root, parts: "/".join([root, *parts]),
    st.sampled_from([".", "~", "{d}", "/srv", "/etc"]),
    st.lists(st.sampled_from(["a", "ab", "b", ".c", "z"]), max_size=4),
)
PROBE_HOSTS = st.sampled_from(
    ["x.example", "a.x.example", "b.a.x.example", "c.b.a.x.example", "y.example", "evil.example"]
)


def allows_path(item: Capability, path: str, access: Access) -> bool:
    """By the words: `**` is a tree, a `*` stays within one name and skips hidden ones."""
    if not isinstance(item, Files) or (access is Access.WRITE and item.access is Access.READ):
        return False
    if item.path == "/":
        return True
    pattern, parts = item.path.split("/"), path.split("/")
    inside = len(parts) == len(pattern) or (item.whole and len(parts) > len(pattern))
    return inside and all(
        name == glob or (fnmatchcase(name, glob) and name.startswith(".") <= glob.startswith("."))
        for glob, name in zip(pattern, parts, strict=False)
    )


def allows_host(item: Capability, host: str, port: int) -> bool:
    return isinstance(item, Egress) and any(
        end.port == port
        and (end.host == host or (end.host[:2] == "*." and host.endswith(end.host[1:])))
        for end in item.endpoints
    )


@given(reaches())
def test_is_reflexive(one: Reach) -> None:
    assert compare(one, one).equal


@given(reaches(), reaches())
def test_two_that_cover_each_other_are_equal(one: Reach, other: Reach) -> None:
    assert compare(one, other).equal == (covers(one, other) and covers(other, one))


@given(reaches(), reaches(), reaches())
@settings(max_examples=300)
def test_is_transitive(one: Reach, two: Reach, three: Reach) -> None:
    if covers(one, two) and covers(two, three):
        assert covers(one, three)


@given(reaches(), st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_dropping_capabilities_is_a_descending_chain(
    small: Reach, more: list[str], most: list[str]
) -> None:
    middle = Reach((*small.capabilities, *map(parse, more)), small.secrets, small.limits)
    large = Reach((*middle.capabilities, *map(parse, most)), small.secrets, small.limits)
    assert covers(large, middle)
    assert covers(middle, small)
    assert covers(large, small)


@given(reaches(), reaches())
def test_the_union_is_an_upper_bound(one: Reach, other: Reach) -> None:
    # A label that differs between the two is news either way, so the union takes both as theirs.
    secrets = one.secrets | other.secrets
    limits = Limits(
        memory=max(one.limits.memory, other.limits.memory),
        pids=max(one.limits.pids, other.limits.pids),
    )
    union = Reach(one.capabilities + other.capabilities, secrets, limits)
    for part in (one, other):
        labelled = Reach(part.capabilities, secrets, part.limits)
        assert covers(union, labelled)


@given(reaches(), reaches(), PROBE_PATHS, st.sampled_from(list(Access)))
@settings(max_examples=500)
def test_a_path_newly_allowed_is_found(old: Reach, new: Reach, path: str, access: Access) -> None:
    before = any(allows_path(item, path, access) for item in old.capabilities)
    after = any(allows_path(item, path, access) for item in new.capabilities)
    if after and not before:
        assert any(difference.kind == "files" for difference in compare(old, new).widened)


@given(reaches(), reaches(), PROBE_HOSTS, st.sampled_from([80, 443]))
@settings(max_examples=500)
def test_a_host_newly_allowed_is_found(old: Reach, new: Reach, host: str, port: int) -> None:
    before = any(allows_host(item, host, port) for item in old.capabilities)
    after = any(allows_host(item, host, port) for item in new.capabilities)
    if after and not before:
        assert any(difference.kind == "network" for difference in compare(old, new).widened)


@given(reaches(), reaches())
def test_each_direction_mirrors_the_other(one: Reach, other: Reach) -> None:
    there, back = compare(one, other), compare(other, one)
    same = [difference for difference in back.widened if difference.kind != "secret"]
    assert sorted(map(str, there.narrowed)) == sorted(map(str, same))


def texts(*capabilities: str) -> Reach:
    return Reach(tuple(parse(text) for text in capabilities))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("fs:read:./**", "fs:read:./a/b"),
        ("fs:read:.", "fs:read:./a/**"),
        ("fs:write:./a/**", "fs:read:./a/**"),
        ("fs:read:/**", "fs:read:~/x/**"),
        ("fs:read:./*", "fs:read:./a"),
        ("net:egress:*.x.example:443", "net:egress:a.x.example:443"),
        ("net:egress:*.x.example:443", "net:egress:*.a.x.example:443"),
        ("net:egress:x.example:443", "net:loopback"),
        ("net:loopback", "net:none"),
    ],
)
def test_one_covers_the_other_and_not_the_reverse(wide: str, narrow: str) -> None:
    assert covers(texts(wide), texts(narrow))
    assert not covers(texts(narrow), texts(wide))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fs:read:./a", "fs:read:./b"),
        ("fs:read:./a", "fs:read:./ab"),
        ("fs:read:./a/**", "fs:read:~/a/**"),
        ("fs:read:./**", "fs:write:./a"),
        ("fs:read:./*", "fs:read:./.hidden"),
        ("net:egress:*.x.example:443", "net:egress:x.example:443"),
        ("net:egress:*.x.example:443", "net:egress:ax.example:443"),
        ("net:egress:x.example:80", "net:egress:x.example:443"),
        ("env:A", "env:B"),
    ],
)
def test_neither_covers_the_other(one: str, other: str) -> None:
    assert not covers(texts(one), texts(other))
    assert not covers(texts(other), texts(one))


def manifest(**changes: object) -> Manifest:
    package = {
        "registryType": "pypi",
        "identifier": "acme-clock",
        "version": "1.0.0",
        "transport": {"type": "stdio"},
        "environmentVariables": [{"name": "KEY", "isSecret": True}],
    }
    document: dict[str, object] = {
        "name": "io.github.acme/clock",
        "title": "Clock",
        "description": "Tells the time",
        "version": "1.0.0",
        "packages": [package],
        "capabilities": {"sandbox": ["env:KEY", "net:egress:api.example.com:443"]},
    }
    return Manifest.model_validate(document | changes)


def kinds(comparison: Comparison) -> list[str]:
    return [difference.kind for difference in comparison.widened]


def test_a_new_version_alone_widens_nothing() -> None:
    assert compare_manifests(manifest(), manifest(version="1.1.0")).equal


def test_dropping_the_network_narrows() -> None:
    comparison = compare_manifests(manifest(), manifest(capabilities={"sandbox": ["env:KEY"]}))
    assert not comparison.widened
    assert [item.sentence for item in comparison.narrowed] == ["may contact api.example.com on 443"]


def test_another_package_is_held() -> None:
    other = {
        "registryType": "npm",
        "identifier": "acme-clock",
        "version": "1.0.0",
        "transport": {"type": "stdio"},
        "environmentVariables": [{"name": "KEY", "isSecret": True}],
    }
    comparison = compare_manifests(manifest(), manifest(packages=[other]))
    assert kinds(comparison) == ["origin"]
    assert "npm acme-clock" in comparison.widened[0].sentence


def test_another_publisher_is_held() -> None:
    comparison = compare_manifests(manifest(), manifest(name="io.github.evil/clock"))
    assert kinds(comparison) == ["publisher"]


def test_another_display_name_is_held() -> None:
    assert kinds(compare_manifests(manifest(), manifest(title="Official Clock"))) == ["title"]


def test_a_new_secret_is_held_and_called_one() -> None:
    more = {"sandbox": ["env:KEY", "env:TOKEN", "net:egress:api.example.com:443"]}
    comparison = compare_manifests(manifest(), manifest(capabilities=more))
    assert [item.sentence for item in comparison.widened] == ["receives the secret TOKEN"]


def test_a_secret_that_is_no_longer_called_one_is_held() -> None:
    # Its name does not give it away, as GITHUB_TOKEN would: that stays a secret whatever is said.
    def session(**declared: object) -> Manifest:
        packages = manifest().document()["packages"]
        packages[0]["environmentVariables"] = [{"name": "SESSION", **declared}]
        return manifest(packages=packages, capabilities={"sandbox": ["env:SESSION"]})

    old, new = session(isSecret=True), session()
    assert kinds(compare_manifests(old, new)) == ["secret"]
    assert kinds(compare_manifests(new, old)) == ["secret"]


def test_a_remote_at_another_address_is_held() -> None:
    def remote(host: str) -> Manifest:
        return manifest(packages=None, remotes=[{"type": "sse", "url": f"https://{host}/mcp"}])

    comparison = compare_manifests(remote("a.example"), remote("b.example"))
    assert "origin" in kinds(comparison)


def test_an_image_under_a_new_tag_is_the_same_origin() -> None:
    def image(identifier: str) -> Manifest:
        package = {
            "registryType": "oci",
            "identifier": identifier,
            "transport": {"type": "stdio"},
        }
        return manifest(packages=[package], capabilities={})

    old, new = image("host:5000/acme/clock:1.0"), image("host:5000/acme/clock:1.1")
    assert compare_manifests(old, new).equal
    assert kinds(compare_manifests(old, image("host:5000/evil/clock:1.0"))) == ["origin"]


def test_limits_beyond_the_defaults_widen() -> None:
    more = {"sandbox": [], "limits": {"memory": 4 << 30}}
    reach = reach_of(manifest(capabilities=more))
    assert [item.sentence for item in compare(Reach(), reach).widened] == [
        "may use up to 4096 MiB of memory"
    ]
    less = {"sandbox": [], "limits": {"memory": 1 << 30}}
    assert covers(Reach(), reach_of(manifest(capabilities=less)))
