"""Reading manifests strictly, and digests that depend on meaning alone."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from mcpreg.checks.examples import BASE
from mcpreg.core.manifest import MAX_MANIFEST_BYTES, Manifest, parse_manifest


def document(**changes: object) -> bytes:
    return json.dumps(BASE | changes).encode()


def test_reads_back_what_it_writes() -> None:
    manifest = parse_manifest(document())
    again = parse_manifest(manifest.canonical())
    assert again == manifest
    assert again.digest() == manifest.digest()


def test_the_digest_is_of_the_meaning_not_the_bytes() -> None:
    pretty = json.dumps(dict(reversed(BASE.items())), indent=4).encode()
    assert parse_manifest(pretty).digest() == parse_manifest(document()).digest()


def test_a_name_alone_declares_what_an_object_would() -> None:
    short = document(capabilities={"tools": ["now"], "prompts": ["ask"], "resources": ["r"]})
    long = document(
        capabilities={
            "tools": [{"name": "now"}],
            "prompts": [{"name": "ask"}],
            "resources": [{"name": "r"}],
        }
    )
    assert parse_manifest(short) == parse_manifest(long)


def test_prompts_with_arguments_are_read() -> None:
    prompts = [{"name": "ask", "arguments": [{"name": "about", "required": True}]}]
    manifest = parse_manifest(document(capabilities={"prompts": prompts}))
    assert manifest.document()["capabilities"]["prompts"] == prompts


@pytest.mark.parametrize(
    "changes",
    [
        {"trustTier": "certified"},
        {"website_url": "https://example.com"},
        {"tags": "time"},
        {"tags": ["Time"]},
        {"name": "clock"},
        {"name": "io.github.acme/clock\n"},
        {"description": ""},
        {"description": "x" * 101},
        {"version": 1},
        {"websiteUrl": "javascript:alert(1)"},
        {"icons": [{"src": "http://example.com/i.png"}]},
        {"packages": [{"registryType": "pypi", "identifier": "x"}]},
        {"capabilities": {"limits": {"memory": "2147483648"}}},
        {"capabilities": {"limits": {"memory": 1}}},
        {"capabilities": {"specVersion": "\u0662\u0660\u0662\u0665-11-25"}},
        {"capabilities": {"tools": [""]}},
        {"requiredConsents": [{"id": "x"}]},
    ],
)
def test_refuses_what_the_schema_refuses(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parse_manifest(document(**changes))


def test_a_manifest_beyond_the_cap_is_not_parsed() -> None:
    with pytest.raises(ValueError, match="at most"):
        parse_manifest(b" " * (MAX_MANIFEST_BYTES + 1))


def test_a_manifest_cannot_be_changed() -> None:
    manifest = Manifest.model_validate(BASE)
    with pytest.raises(ValidationError):
        manifest.version = "2.0.0"  # type: ignore[misc]  # the point of the test
