"""The generated CloudFront files answer as the table of routes does, and AWS accepts them."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from mcpreg_site.deploy import edge
from mcpreg_site.headers import EVERYWHERE
from mcpreg_site.routes import PREFIXES, resolve
from site_generations import Generations

RUN = """
const fs = require('fs'); const vm = require('vm');
const context = { require, console }; vm.createContext(context);
vm.runInContext(fs.readFileSync(process.argv[1], 'utf8'), context);
const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
console.log(JSON.stringify(asked.map((request) => context.handler({ request }))));
"""
NAMES = ["io.github.acme/clock", "io.github.Acme-Labs/Weather", "a/b", "x", "..", "a/../b", "a//b"]
VERSIONS = [
    "1.0.0",
    "2.0.0-RC1+linux",
    "latest",
    "LATEST",
    "v-1",
    "v1",
    "1.0.1º",
    "{{VERSION}}",
    ".",
]


def _asked(address: str, method: str = "GET") -> dict[str, Any]:
    parts = urlsplit(address)
    query = {key: {"value": quote(value)} for key, value in parse_qsl(parts.query)}
    return {"method": method, "uri": parts.path, "querystring": query, "headers": {}}


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("node") is None:
        pytest.skip("node, which runs the generated function here, is not installed")
    file = tmp_path_factory.mktemp("edge") / edge.FUNCTION_FILE
    file.write_text(edge.rewrite_function())
    return file


def _answers(function: Path, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", "-e", RUN, str(function)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _addresses() -> list[str]:
    found = []
    for prefix in PREFIXES:
        found += [
            f"{prefix}/servers",
            f"{prefix}/servers/",
            f"{prefix}/health",
            f"{prefix}/nothing",
        ]
        cursors = ["0123456789abcdef", "0123456789ABCDEF", "..%2F..", ""]
        found += [f"{prefix}/servers?cursor={cursor}" for cursor in cursors]
        found += [f"{prefix}/servers?version=latest&limit=10", f"{prefix}/servers?version=1"]
        found += [f"{prefix}/servers?version=latest&cursor=0123456789abcdef"]
        for name in NAMES:
            for text in (name, quote(name, safe="")):
                found.append(f"{prefix}/servers/{text}/versions")
                found += [f"{prefix}/servers/{text}/versions/{quote(v, safe='')}" for v in VERSIONS]
    view = "/api/v1/registry"
    found += [f"{view}/{w}{q}" for w in ("info", "servers") for q in ("", "?format=upstream")]
    found += [f"{view}/servers/{quote(n, safe='')}" for n in [*NAMES, "fetch", "Fetch_2"]]
    return [*found, "/health", "/readiness", "/v0.1/servers/%zz/versions"]


def test_the_function_leads_where_the_table_leads(function: Path) -> None:
    addresses = _addresses()
    wrong = {}
    for address, answer in zip(
        addresses, _answers(function, [_asked(a) for a in addresses]), strict=True
    ):
        parts = urlsplit(address)
        wanted = resolve(parts.path, dict(parse_qsl(parts.query)))
        # For what no rule matches, the API's own answer.
        found = answer.get("uri") if "statusCode" not in answer else None
        if found != wanted:
            wrong[address] = (found, wanted)
    assert wrong == {}
    assert sum(resolve(a.partition("?")[0], {}) is not None for a in addresses) > 50


def test_pages_are_found_by_folder_and_in_any_case(
    function: Path, generations: Generations
) -> None:
    asked = ["/", "/servers/io.github.Acme/clock/", "/servers/io.github.acme/clock", "/browse"]
    asked += ["/search/directory.json", "/tuf/timestamp.json"]
    home, page, bare, browse, search, timestamp = _answers(function, [_asked(a) for a in asked])
    assert home["uri"] == "/index.html"
    assert page["uri"] == "/servers/io.github.acme/clock/index.html"
    assert (bare["statusCode"], bare["headers"]["location"]["value"]) == (
        301,
        "/servers/io.github.acme/clock/",
    )
    assert browse["statusCode"] == 301
    assert search["uri"] == "/search/directory.json"
    assert timestamp["uri"] == "/tuf/timestamp.json"
    folders = {path.parent.relative_to(generations.sites[2]).parts[0]
               for path in generations.sites[2].glob("*/**/index.html")}  # fmt: skip
    assert folders <= {*edge.PAGE_FOLDERS}


def test_unknown_api_addresses_get_a_problem_document_and_preflights_an_answer(
    function: Path,
) -> None:
    unknown, preflight = _answers(function, [_asked("/v0.1/x"), _asked("/v0.1/servers", "OPTIONS")])
    assert unknown["statusCode"] == 404
    assert json.loads(unknown["body"]["data"])["status"] == 404
    assert preflight["statusCode"] == 204
    assert preflight["headers"]["access-control-allow-origin"]["value"] == "*"


def test_the_function_fits_cloudfronts_limit() -> None:
    assert len(edge.rewrite_function().encode()) <= edge.MAX_FUNCTION


def test_the_policy_is_what_aws_accepts_and_holds_every_header_that_s3_cannot_send() -> None:
    session = importlib.import_module("botocore.session").get_session()
    model = session.get_service_model("cloudfront").operation_model("CreateResponseHeadersPolicy")
    validate = importlib.import_module("botocore.validate").validate_parameters
    policy = edge.headers_policy("mcpreg-sample")
    validate({"ResponseHeadersPolicyConfig": policy}, model.input_shape)
    text = json.dumps(policy)
    for value in EVERYWHERE.values():
        for part in value.split(", ") if "," in value else [value]:
            assert part in text or value == "nosniff"
    assert "ContentTypeOptions" in policy["SecurityHeadersConfig"]
