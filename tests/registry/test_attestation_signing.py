"""Signing a batch: one certificate, in order, each once, and what was made is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from attesting import LOCK, MANIFEST, in_a_job, publication, verify_one
from mcpreg.errors import McpregError, UnreachableError, UsageError
from mcpreg.trust import signing
from mcpreg.trust.signing import Item, sign_all
from mcpreg.trust.statement import statement
from sigstore_double import SigstoreDouble

CERTIFICATES = "/api/v2/signingCert"


@pytest.fixture
def sigstore(monkeypatch: pytest.MonkeyPatch) -> Iterator[SigstoreDouble]:
    monkeypatch.setattr(signing, "PAUSE", 0.0)
    monkeypatch.setattr(signing, "PER_SECOND", 200.0)
    with SigstoreDouble() as double, in_a_job(double):
        yield double


def items(count: int) -> list[Item]:
    return [
        (f"v{number}", statement(publication(version=f"1.0.{number}"), MANIFEST, LOCK))
        for number in range(count)
    ]


def certificate_of(bundle: bytes) -> str:
    said: str = json.loads(bundle)["verificationMaterial"]["certificate"]["rawBytes"]
    return said


def test_a_batch_has_one_certificate_and_keeps_its_order(sigstore: SigstoreDouble) -> None:
    wanted = items(12)
    said: list[str] = []
    signed = list(sign_all(wanted, trust_config=sigstore.trust_config(), progress=said.append))
    assert [key for key, _ in signed] == [key for key, _ in wanted]
    assert len({certificate_of(bundle) for _, bundle in signed}) == 1
    assert sigstore.answered[CERTIFICATES] == 1
    assert sorted(said) == sorted(f"attesting {key}" for key, _ in wanted)
    assert sigstore.answered["/api/v2/log/entries"] == 12


def test_each_batch_has_a_fresh_certificate(
    sigstore: SigstoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "BATCH", 2)
    signed = list(sign_all(items(3), trust_config=sigstore.trust_config()))
    assert len({certificate_of(bundle) for _, bundle in signed}) == 2


def test_nothing_to_sign_asks_nobody() -> None:
    assert list(sign_all([], trust_config=b"not even read")) == []


def test_no_more_than_the_pace_begin_in_a_second() -> None:
    pace = signing._Pace(50.0)
    began = time.monotonic()
    for _ in range(11):
        pace.wait()
    assert time.monotonic() - began >= 10 / 50


def test_a_service_that_fails_once_is_asked_again(
    sigstore: SigstoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = sigstore.log.add, iter(range(100))

    def unwell_at_first(request: dict[str, Any]) -> dict[str, Any]:
        if next(calls) == 0:
            raise ValueError("not yet")
        return real(request)

    monkeypatch.setattr(sigstore.log, "add", unwell_at_first)
    ((_, bundle),) = sign_all(items(1), trust_config=sigstore.trust_config())
    assert certificate_of(bundle)


def test_what_was_signed_before_a_failure_is_handed_over(
    sigstore: SigstoreDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "AT_ONCE", 1)
    real, calls = sigstore.log.add, iter(range(100))

    def full_after_two(request: dict[str, Any]) -> dict[str, Any]:
        if next(calls) >= 2:
            raise ValueError("the log is full")
        return real(request)

    monkeypatch.setattr(sigstore.log, "add", full_after_two)
    handed: list[str] = []
    with pytest.raises(McpregError, match="Sigstore refuses to sign") as caught:
        for key, _ in sign_all(items(6), trust_config=sigstore.trust_config()):
            handed.append(key)  # the failure comes after them
    assert handed == ["v0", "v1"]
    assert "run the workflow again" in (caught.value.hint or "")
    assert sigstore.answered["/api/v2/log/entries"] <= 2 + 2 * signing.ATTEMPTS


@pytest.mark.parametrize("path", [CERTIFICATES, "/api/v2/log/entries", "/tsa"])
def test_a_service_that_refuses_is_named_no_traceback(sigstore: SigstoreDouble, path: str) -> None:
    sigstore.down.add(path)
    with pytest.raises(McpregError, match=r"Sigstore refuses to sign: \S"):
        list(sign_all(items(1), trust_config=sigstore.trust_config()))
    assert sigstore.answered[path] == signing.ATTEMPTS


@pytest.mark.usefixtures("sigstore")
def test_a_sigstore_that_does_not_answer_is_unreachable() -> None:
    with SigstoreDouble() as gone:
        config = gone.trust_config()
    with pytest.raises(UnreachableError, match="does not answer"):
        list(sign_all(items(1), trust_config=config))


@pytest.mark.parametrize("config", [b"", b"{}", b"[1]", b"\xff"])
def test_refuses_a_trust_config_that_is_none(config: bytes) -> None:
    with pytest.raises(UsageError, match="trust config cannot be read"):
        list(sign_all(items(1), trust_config=config))


def test_what_is_signed_verifies(sigstore: SigstoreDouble) -> None:
    mine = statement(publication(), MANIFEST, LOCK)
    signed = dict(sign_all([*items(2), ("mine", mine)], trust_config=sigstore.trust_config()))
    assert verify_one(sigstore, signed["mine"]).publication == publication()
