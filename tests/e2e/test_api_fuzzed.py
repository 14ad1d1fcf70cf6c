"""`serve` under generated requests: never a failure of ours, always what the description says.

Ours is `templates/openapi.yaml`. The official registry's is tried where it is at hand: the variable
MCPREG_UPSTREAM names a folder with its `openapi.yaml`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hosted_site import ODD, WILD, hosted_tree
from mcpreg_site.publish import publish
from mixed_entries import CLOCK, GONE, HALF
from site_hosts import ROOT, serve_host

UPSTREAM = Path(os.environ.get("MCPREG_UPSTREAM", "/nonexistent")) / "openapi.yaml"
OURS: dict[str, Any] = yaml.safe_load((ROOT / "templates/openapi.yaml").read_text())
# What strangers would have to guess: with these, answers are found as well.
KNOWN = {
    "serverName": [CLOCK, HALF, GONE, ODD[0], WILD[0]],
    "key": [CLOCK, "image", "io.github.far/image"],
    "version": ["latest", "1.0.0", "1.1.0", ODD[1], WILD[1]],
    "search": ["acme", "WEATHER", "server-01"],
    "updated_since": ["2026-12-01T00:00:00Z", "2026-12-04T00:00:00+01:00"],
}
Case = schemathesis.Case[Any]
FUZZ = settings(
    max_examples=int(os.environ.get("MCPREG_FUZZ", "10")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
CONFORMS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def _knowing(document: dict[str, Any]) -> dict[str, Any]:
    """The same description with known values in place of any text."""
    found = deepcopy(document)
    shared = found.get("components", {}).get("parameters", {}).values()
    own = [
        parameter
        for path in found["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", ())
    ]
    for parameter in (*shared, *own):
        if parameter.get("name") in KNOWN:
            parameter["schema"] = {"type": "string", "enum": KNOWN[parameter["name"]]}
    return found


def _schema(document: dict[str, Any]) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_dict(document).include(method="GET")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("fuzzed")
    publish(hosted_tree(), home / "site")
    with serve_host(home / "site", home) as url:
        yield url


ours = _schema(OURS)
knowing = _schema(_knowing(OURS))
theirs = _schema(_knowing(yaml.safe_load(UPSTREAM.read_text()) if UPSTREAM.exists() else OURS))


@ours.parametrize()
@FUZZ
def test_any_request_is_answered_as_described(case: Case, served: str) -> None:
    case.call_and_validate(base_url=served, checks=CONFORMS)


@knowing.parametrize()
@FUZZ
def test_what_is_found_is_as_described(case: Case, served: str) -> None:
    case.call_and_validate(base_url=served, checks=CONFORMS)


@pytest.mark.skipif(
    not UPSTREAM.exists(), reason="MCPREG_UPSTREAM names no folder with the official openapi.yaml"
)
@theirs.parametrize()
@FUZZ
def test_what_is_found_is_as_the_official_registry_describes(case: Case, served: str) -> None:
    # It describes neither 400 nor the type of its own errors.
    case.call_and_validate(
        base_url=served, checks=[not_a_server_error, response_schema_conformance]
    )
