"""No manifest within the caps costs its reader more than seconds."""

from __future__ import annotations

import time

import pytest

from mcpreg.core.manifest import MAX_MANIFEST_BYTES
from mcpreg.usecases.validate import validate_bytes

SECONDS = 8.0  # each takes under 2 s on an idle core; the machine may be busy
COUNT = 48_000

START = b'{"name": "a.b/c", "description": "d", "version": "1.0.0", '


def listed(item: bytes, before: bytes, after: bytes) -> bytes:
    return START + before + b",".join([item] * COUNT) + after


CASES = {
    "misshapen elements": listed(b"1", b'"tags": [', b"]}"),
    "misshapen packages": listed(b"{}", b'"packages": [', b"]}"),
    "the same tag": listed(b'"a"', b'"tags": [', b"]}"),
    "capabilities": listed(b'"fs:read:."', b'"capabilities": {"sandbox": [', b"]}}"),
    "bad capabilities": listed(b'""', b'"capabilities": {"sandbox": [', b"]}}"),
    "deep and wide": listed(b"0", b'"zz": 1, "_meta": {"x": ' + b"[" * 90, b"]" * 90 + b"}}"),
    "unknown keys": START + b",".join(b'"k%d": 1' % n for n in range(COUNT)) + b"}",
    "parentheses": START + b'"license": "' + b"(" * 1_000_000 + b'"}',
    "one long text": START + b'"title": "' + "\u0430a ".encode() * 240_000 + b'"}',
    "commas": b"[" + b"0," * 500_000 + b"0]",
    "escapes": START + b'"title": "' + b"\\u0041" * 170_000 + b'"}',
    "quotes": b'"' + b'\\"' * 500_000,
}


@pytest.mark.parametrize("name", CASES)
def test_costs_seconds_at_most(name: str) -> None:
    data = CASES[name]
    assert len(data) <= MAX_MANIFEST_BYTES
    before = time.process_time()
    report = validate_bytes(data)
    assert time.process_time() - before < SECONDS
    assert report.findings
