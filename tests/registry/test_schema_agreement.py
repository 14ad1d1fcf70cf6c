"""The published JSON Schema and the models say the same of every document."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from mcpreg.checks.examples import BASE, submission
from mcpreg.checks.interface import ReadingRule, Rule
from mcpreg.checks.reading import read
from mcpreg.checks.registry import RULES
from mcpreg.core.canonical import Json
from mcpreg.core.manifest import parse_manifest
from mcpreg.core.schema import DIALECT, json_schema
from mcpreg.errors import UsageError

ADDRESS = "https://registry.example.com/schemas/mcps.json"
SCHEMA = json_schema(ADDRESS)
VALIDATOR = Draft202012Validator(SCHEMA)

FULL: dict[str, Any] = {
    **BASE,
    "$schema": ADDRESS,
    "websiteUrl": "https://example.com/clock",
    "icons": [{"src": "https://example.com/i.png", "mimeType": "image/png", "sizes": ["48x48"]}],
    "packages": [
        {
            **BASE["packages"][0],
            "runtimeHint": "uvx",
            "packageArguments": [
                {"type": "positional", "valueHint": "folder", "isRepeated": True},
                {"type": "named", "name": "--zone", "choices": ["a", "b"], "isRequired": True},
            ],
            "environmentVariables": [
                {"name": "KEY", "isSecret": True, "format": "string"},
                {"name": "URL", "value": "https://{host}", "variables": {"host": {}}},
            ],
        },
        {
            "registryType": "mcpb",
            "identifier": "https://example.com/clock.mcpb",
            "fileSha256": "0" * 64,
            "transport": {"type": "streamable-http", "url": "http://localhost:{port}"},
        },
    ],
    "remotes": [{"type": "sse", "url": "https://example.com", "headers": [{"name": "X"}]}],
    "_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"x": [1, None]}},
    "capabilities": {
        "specVersion": "2025-11-25",
        "tools": ["now", {"name": "zones", "inputSchema": {"type": "object"}}],
        "prompts": [{"name": "ask", "arguments": [{"name": "about"}]}],
        "resources": [{"name": "log", "uri": "file:///log"}],
        "sandbox": ["env:KEY", "fs:read:{folder}/**"],
        "limits": {"memory": 64 << 20, "pids": 10},
    },
    "requiredConsents": [{"id": "network", "reason": "It sends what you ask"}],
    "dependencies": ["io.github.acme/zones"],
}


def model_accepts(document: object) -> bool:
    try:
        parse_manifest(json.dumps(document).encode())
    except ValidationError:
        return False
    return True


def test_the_schema_is_one_and_says_where_it_lives() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert (SCHEMA["$schema"], SCHEMA["$id"]) == (DIALECT, ADDRESS)


def test_an_address_that_cannot_be_published_is_refused() -> None:
    for address in ("http://example.com/s.json", "mcps.json", "https://example.com/s.json#x"):
        with pytest.raises(UsageError):
            json_schema(address)


def test_editors_are_told_what_each_field_means() -> None:
    sandbox = SCHEMA["$defs"]["Capabilities"]["properties"]["sandbox"]
    assert "fs:read:PATH" in sandbox["description"]
    assert all("description" in member for member in SCHEMA["properties"].values())
    assert all("title" in member for member in SCHEMA["properties"].values())


def test_the_full_example_satisfies_both() -> None:
    assert list(VALIDATOR.iter_errors(FULL)) == []
    assert model_accepts(FULL)


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_every_clean_example_satisfies_the_schema(rule: Rule | ReadingRule) -> None:
    reading = read(submission(rule.silent))
    assert list(VALIDATOR.iter_errors(reading.document)) == []


def renamed(value: Json, old: str, new: str) -> Json:
    if isinstance(value, dict):
        return {new if key == old else key: renamed(item, old, new) for key, item in value.items()}
    return [renamed(item, old, new) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("websiteUrl", "website_url"),
        ("registryType", "registry_type"),
        ("environmentVariables", "environment_variables"),
        ("isSecret", "is_secret"),
        ("specVersion", "spec_version"),
        ("inputSchema", "input_schema"),
        ("requiredConsents", "required_consents"),
        ("$schema", "json_schema"),
        ("_meta", "meta"),
    ],
)
def test_neither_knows_the_names_that_python_has_for_fields(key: str, name: str) -> None:
    document = renamed(FULL, key, name)
    assert document != FULL
    assert not VALIDATOR.is_valid(document)
    assert not model_accepts(document)


@pytest.mark.parametrize(
    "changes",
    [
        {"capabilities": {"limits": {"pids": "10"}}},
        {"capabilities": {"limits": {"pids": True}}},
        {"packages": [{**FULL["packages"][0], "environmentVariables": [{"name": 1}]}]},
        {"remotes": [{**FULL["remotes"][0], "headers": [{"name": "X", "isSecret": "true"}]}]},
        {"remotes": [{**FULL["remotes"][0], "headers": [{"name": "X", "isSecret": 1}]}]},
        {"version": 1.0},
        {"tags": {"time": True}},
    ],
)
def test_neither_converts_what_has_another_type(changes: dict[str, Any]) -> None:
    document = FULL | changes
    assert not VALIDATOR.is_valid(document)
    assert not model_accepts(document)


# jsonschema's regular expressions let `$` match before a final line feed, and take 1.0 for an
# integer; the models do neither. Both are stricter than the schema's words, not laxer.
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([1 << 30, 1 << 41]),
    PLAIN,
    st.sampled_from(
        ["", "a", "x" * 101, "x" * 300, "a.b/c", ".a/b", "https://example.com", "http://x", "stdio",
         "sse", "npm", "named", "positional", "2025-11-25", "0" * 64, "image/png", "Tag", "tag-1"]
    ),
    st.just([]),
    st.just({}),
    st.lists(PLAIN, max_size=2),
    st.sampled_from([{"name": "x"}, {"type": "stdio"}, [{"name": "x"}], [{}], ["a", 1]]),
)  # fmt: skip
KEYS = st.one_of(
    PLAIN,
    st.sampled_from(
        ["name", "type", "url", "value", "tools", "is_required", "isRequired", "registry_type",
         "trustTier", "variables", "title", "version", "$schema", "_meta", "json_schema", "meta"]
    ),
)  # fmt: skip


def containers(value: Json) -> list[Json]:
    found = []
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict | list):
            found.append(item)
            pending += item.values() if isinstance(item, dict) else item
    return found


@st.composite
def mutated(draw: st.DrawFn) -> Json:
    document = copy.deepcopy(FULL)
    # A copy each: an empty list that is drawn twice would else be put into itself.
    values = VALUES.map(copy.deepcopy)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(containers(document)))
        deed = draw(st.sampled_from(["replace", "remove", "add"]))
        if isinstance(place, list):
            if deed == "add" or not place:
                place.append(draw(values))
            elif deed == "replace":
                place[draw(st.integers(0, len(place) - 1))] = draw(values)
            else:
                place.pop()
        elif deed == "add" or not place:
            place[draw(KEYS)] = draw(values)
        else:
            key = draw(st.sampled_from(sorted(place)))
            if deed == "replace":
                place[key] = draw(values)
            else:
                del place[key]
    return document


@given(mutated())
@settings(max_examples=300, deadline=None)
def test_schema_and_model_agree_on_what_is_valid(document: Json) -> None:
    assert VALIDATOR.is_valid(document) == model_accepts(document)
