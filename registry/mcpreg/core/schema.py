"""The JSON Schema of `mcps.json`, generated from the models (draft 2020-12).

Descriptions are the models' own docstrings: those of classes come from pydantic, those below
fields are read from the source here, once, rather than at every import of the models.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from mcpreg.core import manifest
from mcpreg.core.manifest import Manifest, Model
from mcpreg.errors import UsageError

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(identifier: str) -> dict[str, Any]:
    """The schema, under the address where it will be published.

    Args:
        identifier: an https address, the `$id`.

    Raises:
        UsageError: it is not one.
    """
    if not identifier.startswith("https://") or "#" in identifier:
        raise UsageError(f"{identifier!r} cannot be the $id of a schema", hint="an https address")
    schema = Manifest.model_json_schema(by_alias=True, mode="validation")
    for model in _models():
        node = schema if model is Manifest else schema["$defs"].get(model.__name__)
        if node is not None:
            _describe(node, model)
    title = {"title": "mcps.json", "description": inspect.getdoc(Manifest) or ""}
    return {"$schema": DIALECT, "$id": identifier, **title, **_without(schema, title)}


def _without(schema: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}


def _models() -> Iterator[type[Model]]:
    for value in vars(manifest).values():
        if isinstance(value, type) and issubclass(value, Model):
            yield value


def _describe(node: dict[str, Any], model: type[Model]) -> None:
    said = {
        name: text
        for base in reversed(model.__mro__)
        if issubclass(base, Model)
        for name, text in _field_docstrings(base)
    }
    for name, field in model.model_fields.items():
        member = node["properties"][field.alias or name]
        member["title"] = name.replace("_", " ").capitalize()
        if name in said:
            member["description"] = said[name]


@cache
def _field_docstrings(model: type[Model]) -> tuple[tuple[str, str], ...]:
    """Each annotated name of a class body with the string that stands below it (PEP 257)."""
    return tuple(_read_docstrings(model))


def _read_docstrings(model: type[Model]) -> Iterator[tuple[str, str]]:
    (body,) = ast.parse(inspect.getsource(model)).body
    if not isinstance(body, ast.ClassDef):
        return
    for field, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield field.target.id, after.value.value
