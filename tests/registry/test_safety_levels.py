"""The safety level says what SPEC section 2 says, and the sentences hold nothing back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpreg.core.capability import parse_all
from mcpreg.core.manifest import Manifest
from mcpreg.core.safety import Level, level, of_manifest, secrets_of


@pytest.mark.parametrize(
    ("expected", "capabilities", "secrets"),
    [
        ("safe", [], []),
        ("safe", ["net:none"], []),
        ("safe", ["net:loopback"], []),
        ("safe", ["env:TZ"], []),
        ("low", ["net:egress:api.example.com:443,b.example:80"], []),
        ("low", ["fs:read:{folder}/**"], []),
        ("low", ["fs:read:./**"], []),
        ("low", ["env:KEY"], ["KEY"]),
        ("medium", ["fs:write:{folder}/**"], []),
        ("medium", ["fs:write:./out"], []),
        ("medium", ["net:egress:*.example.com:443"], []),
        ("medium", ["env:KEY", "net:egress:api.example.com:443"], ["KEY"]),
        ("medium", ["env:A", "env:B"], ["A", "B"]),
        ("medium", ["fs:read:{a}/**", "fs:read:{b}/**"], []),
        ("medium", ["fs:read:/srv/data/**"], []),
        ("medium", ["fs:read:~/notes/**"], []),
        ("high", ["fs:read:~/**"], []),
        ("high", ["fs:read:~"], []),
        ("high", ["fs:read:~/*/**"], []),
        ("high", ["fs:read:/**"], []),
        ("high", ["fs:read:/*"], []),
        ("high", ["fs:read:/home/**"], []),
        ("high", ["fs:read:/home/ann/**"], []),
        ("high", ["fs:read:~/.ssh/id_ed25519"], []),
        ("high", ["fs:read:~/.config/**"], []),
        ("high", ["fs:read:/var/run/docker.sock"], []),
        ("high", ["fs:write:/run/**"], []),
        ("high", ["fs:write:/etc/hosts"], []),
        ("high", ["fs:write:~/.bashrc"], []),
        ("high", ["net:egress:*.github.io:443", "fs:read:./**"], []),
    ],
)
def test_level_of(expected: str, capabilities: list[str], secrets: list[str]) -> None:
    assert level(parse_all(capabilities), secrets=frozenset(secrets)).level == expected


def test_a_server_without_a_sandbox_is_high_and_promises_nothing() -> None:
    safety = level((), sandboxed=False)
    assert safety.level is Level.HIGH
    assert not any("cannot" in sentence for sentence in safety.sentences)


def test_the_highest_reason_counts_and_comes_first() -> None:
    safety = level(parse_all(["net:egress:a.example:1", "fs:write:./**", "fs:read:~/**"]))
    assert safety.reasons[0].level is Level.HIGH
    assert safety.level is Level.HIGH


def test_says_what_it_cannot_do() -> None:
    assert level(()).sentences == (
        "cannot read your files",
        "cannot use the network",
        "receives no secret",
    )


def test_says_that_read_only_files_cannot_change() -> None:
    assert "cannot change your files" in level(parse_all(["fs:read:./**"])).sentences
    assert "cannot change your files" not in level(parse_all(["fs:write:./**"])).sentences


CAPABILITIES = st.lists(
    st.sampled_from(
        ["fs:read:./**", "fs:write:{d}/**", "fs:read:~/**", "env:KEY", "env:TZ", "net:loopback",
         "net:egress:a.example:443", "net:egress:*.example.com:443"]
    ),
    unique=True,
)  # fmt: skip


@given(CAPABILITIES, CAPABILITIES)
def test_more_capabilities_never_lower_the_level(some: list[str], more: list[str]) -> None:
    secrets = frozenset(["KEY"]) if "env:KEY" in some else frozenset()
    less = level(parse_all(some), secrets=secrets)
    both = level(parse_all([*some, *more]), secrets=secrets)
    assert both.level.rank >= less.level.rank


@given(CAPABILITIES)
def test_every_capability_is_told(some: list[str]) -> None:
    secrets = frozenset(["KEY"]) if "env:KEY" in some else frozenset()
    told = " ".join(level(parse_all(some), secrets=secrets).sentences)
    assert ("cannot read your files" in told) != any(text.startswith("fs:") for text in some)
    assert ("receives no secret" in told) != any(text.startswith("env:") for text in some)
    assert ("may contact" in told) == any("egress" in text for text in some)


def make(**changes: object) -> Manifest:
    document: dict[str, object] = {"name": "a.b/c", "description": "d", "version": "1.0.0"}
    return Manifest.model_validate(document | changes)


def package(**changes: object) -> list[dict[str, object]]:
    base = {"registryType": "npm", "identifier": "c", "transport": {"type": "stdio"}}
    return [base | changes]


def test_a_variable_is_secret_when_declared_so_or_not_declared_at_all() -> None:
    manifest = make(
        packages=package(environmentVariables=[{"name": "KEY", "isSecret": True}, {"name": "TZ"}]),
        capabilities={"sandbox": ["env:KEY", "env:TZ", "env:UNKNOWN"]},
    )
    assert secrets_of(manifest) == {"KEY", "UNKNOWN"}


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "DB_PASSWORD", "api_key", "AWS_SECRET", "KEY"])
def test_a_name_that_says_secret_is_one_whatever_is_declared(name: str) -> None:
    manifest = make(
        packages=package(environmentVariables=[{"name": name, "isSecret": False}]),
        capabilities={"sandbox": [f"env:{name}"]},
    )
    assert secrets_of(manifest) == {name}


@pytest.mark.parametrize("name", ["TZ", "KEYBOARD", "MONKEY", "LOG_LEVEL"])
def test_an_ordinary_name_is_what_is_declared(name: str) -> None:
    manifest = make(
        packages=package(environmentVariables=[{"name": name}]),
        capabilities={"sandbox": [f"env:{name}"]},
    )
    assert secrets_of(manifest) == frozenset()


def test_a_secret_argument_counts() -> None:
    arguments = [{"type": "named", "name": "--token", "isSecret": True}]
    assert secrets_of(make(packages=package(packageArguments=arguments))) == {"token"}


def test_a_remote_is_judged_by_where_it_is_and_what_it_is_sent() -> None:
    header = {"name": "Authorization", "isSecret": True}
    remote = {"type": "sse", "url": "https://mcp.example.com:8443/x", "headers": [header]}
    safety = of_manifest(make(remotes=[remote]))
    assert safety.level is Level.MEDIUM
    assert safety.sentences[0].endswith("what the client tells it is sent to mcp.example.com:8443")
    assert "receives the secret Authorization" in safety.sentences
