"""The statement's bytes, and how strictly they are read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attesting import LOCK, MANIFEST, OTHER, STATEMENT, Json, publication
from mcpreg.core import canonical
from mcpreg.errors import VerificationError
from mcpreg.trust.statement import PREDICATE_TYPE, STATEMENT_TYPE, parse, statement


def test_the_statement_is_in_totos_with_our_predicate() -> None:
    assert json.loads(STATEMENT) == {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": "mcps.json", "digest": {"sha256": "1" * 64}},
            {"name": "mcps-lock.json", "digest": {"sha256": "2" * 64}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "registry": "tiny",
            "name": "io.github.acme/clock",
            "version": "1.0.0",
            "commit": "c" * 40,
            "sequence": 7,
            "publishedAt": "2026-11-01T00:00:00Z",
            "checks": {"file-size": "pass"},
            "report": OTHER,
        },
    }


def test_the_same_facts_have_the_same_bytes() -> None:
    assert canonical.dumps(json.loads(STATEMENT)) == STATEMENT
    assert statement(publication(), MANIFEST, LOCK) == STATEMENT


def test_what_is_written_is_read() -> None:
    assert parse(STATEMENT) == (publication(), {"mcps.json": MANIFEST, "mcps-lock.json": LOCK})
    assert parse(statement(publication(), MANIFEST, None))[1] == {"mcps.json": MANIFEST}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("sequence", "7"),
        ("sequence", 7.5),
        ("sequence", True),
        ("report", "sha256:short"),
        ("report", "1" * 64),
        ("publishedAt", "yesterday"),
        ("publishedAt", 1),
        ("checks", {"file-size": "fine"}),
        ("checks", []),
        ("name", None),
        ("published_at", "2026-11-01T00:00:00Z"),
    ],
)
def test_refuses_a_predicate_with_a_wrong_value(member: str, value: Any) -> None:  # noqa: ANN401
    with pytest.raises(VerificationError, match="predicate cannot be read"):
        parse(with_predicate({member: value}))


@pytest.mark.parametrize("member", json.loads(STATEMENT)["predicate"])
def test_refuses_a_predicate_without(member: str) -> None:
    document = json.loads(STATEMENT)
    del document["predicate"][member]
    with pytest.raises(VerificationError, match="predicate cannot be read"):
        parse(canonical.dumps(document))


@pytest.mark.parametrize(
    "digest",
    [{"sha256": "A" * 64}, {"sha256": "1" * 63}, {"sha512": "1" * 128}, {}, {"sha256": 1}],
)
def test_refuses_a_subject_without_a_plain_sha256(digest: Json) -> None:
    document = json.loads(STATEMENT)
    document["subject"][0]["digest"] = digest
    with pytest.raises(VerificationError, match="no in-toto Statement"):
        parse(canonical.dumps(document))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"a": NaN}',
        STATEMENT.replace(b'"sequence":7', b'"s":1,"s":2'),
    ],
    ids=["nothing", "no text", "deep", "no number", "a member twice"],
)
def test_refuses_what_is_no_strict_json(payload: bytes) -> None:
    with pytest.raises(VerificationError, match="no in-toto Statement"):
        parse(payload)


def with_predicate(members: Json) -> bytes:
    document = json.loads(STATEMENT)
    document["predicate"] |= members
    return json.dumps(document).encode()
