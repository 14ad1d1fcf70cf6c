"""How many packages of the official registry can be given what they need."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from mcpreg.core.answers import resolve, source
from mcpreg.core.docker_options import Refused
from mcpreg.core.inputs import Question, docker_options, input_specs, questions
from mcpreg.core.manifest import Package
from mcpreg.core.placing import place

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT.parent / "shared/data/upstream/registry-2025-12-12.json"
SAMPLES = {"number": "1", "boolean": "true", "string": "x", "filepath": "/x"}

pytestmark = pytest.mark.skipif(
    not DUMP.is_file(), reason="no copy of the official registry is on this machine (shared/data)"
)


def sample(question: Question) -> str:
    chosen = (spec.choices[0] for spec in question.specs if spec.choices)
    return next(chosen, SAMPLES[question.first.format])


def test_the_documented_share_of_real_packages_can_be_filled() -> None:
    servers = [entry["server"] for entry in json.loads(DUMP.read_bytes())["servers"]]
    documents = [item for server in servers for item in server.get("packages") or ()]
    fillable = inputs = given = 0
    for document in documents:
        try:
            package = Package.model_validate_json(json.dumps(document))
        except ValidationError:
            continue
        specs = input_specs(package)
        asked = questions(specs)
        values = {question.name: (sample(question),) for question in asked}
        inputs += len(asked)
        given += len(resolve(asked, [source("person", values)]).answers)
        needed = {question.name for question in asked if question.required}
        least = {name: values[name] for name in needed}
        found = resolve(asked, [source("person", least)])
        refused = any(isinstance(item, Refused) for item in docker_options(package))
        if not (found.missing or found.problems or refused):
            place(specs, found.answers)
            fillable += 1
    said = re.search(
        r"([\d,]+) of ([\d,]+) packages .*?([\d,]+) of ([\d,]+) inputs",
        (ROOT / "docs/inputs.md").read_text(),
        re.DOTALL,
    )
    assert said is not None
    numbers = [int(number.replace(",", "")) for number in said.groups()]
    assert numbers == [fillable, len(documents), given, inputs]
