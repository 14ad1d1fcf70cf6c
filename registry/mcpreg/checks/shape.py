"""Pydantic's errors in the words of the manifest, each under the id of the rule that owns it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mcpreg.core.manifest import Manifest
from mcpreg.core.position import Pointer

MAX_MISSHAPES = 1000  # a hostile manifest may hold a million; nobody reads more


@dataclass(frozen=True, slots=True)
class Misshape:
    """One place where a document is not what the model says. `kind` is pydantic's error type."""

    rule: str
    pointer: Pointer
    kind: str
    message: str
    fix: str | None = None


# What the patterns of the model mean, by the last key of the place.
_PATTERNS = {
    "name": "namespace/name in letters, digits, '.', '-' (and '_' in the name), "
    "each part beginning and ending with a letter or digit",
    "tags": "lower-case letters, digits and '-', at most 40",
    "websiteUrl": "an address that begins with https:// or http://",
    "registryBaseUrl": "an address that begins with https:// or http://",
    "src": "an address that begins with https://",
    "fileSha256": "64 lower-case hexadecimal digits",
    "specVersion": "a date such as 2025-11-25",
    "id": "lower-case letters, digits and '-', at most 64",
}
_TYPES = {
    "string_type": "a string",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
# Keys that people put one level too high, and where they belong.
_HOMES = {
    **dict.fromkeys(
        ("tools", "prompts", "resources", "sandbox", "limits", "specVersion"), "capabilities"
    ),
    **dict.fromkeys(
        ("registryType", "identifier", "transport", "environmentVariables", "packageArguments"),
        "an element of packages",
    ),
}


def misshapes(error: ValidationError, document: Any) -> tuple[Misshape, ...]:  # noqa: ANN401  # any JSON
    """Every shape error of a document, in the document's order of keys."""
    details = error.errors(include_url=False, include_context=True, include_input=True)
    return tuple(_translate(detail, document) for detail in details[:MAX_MISSHAPES])


def _translate(detail: ErrorDetails, document: Any) -> Misshape:  # noqa: ANN401  # any JSON
    pointer = _pointer(detail["loc"], document)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        key = pointer[-1]
        return Misshape("missing-key", pointer, kind, f"the key {key!r} is missing", f"add {key}")
    if kind == "extra_forbidden":
        return _unknown(pointer, kind)
    if kind in _TYPES or (kind == "union_tag_not_found" and not isinstance(detail["input"], dict)):
        wanted = _TYPES.get(kind, "an object")
        found = _type_name(detail["input"])
        return Misshape("wrong-type", pointer, kind, f"expected {wanted}, found {found}")
    return _bad_value(pointer, kind, context, detail)


def _unknown(pointer: Pointer, kind: str) -> Misshape:
    key = str(pointer[-1])
    if pointer == ("trustTier",):
        return Misshape(
            "trust-tier",
            pointer,
            kind,
            "trustTier is the registry's to give, not the publisher's",
            "remove it; tiers follow from reviews and checks",
        )
    near = nearest_key(key, keys_at(pointer[:-1]))
    if near:
        fix = f"write {near}"
    elif key in _HOMES and len(pointer) == 1:
        fix = f"move it into {_HOMES[key]}"
    else:
        fix = "remove it"
    return Misshape("unknown-key", pointer, kind, f"unknown key {key!r}", fix)


def _bad_value(
    pointer: Pointer, kind: str, context: Mapping[str, Any], detail: ErrorDetails
) -> Misshape:
    rule, last, value = "bad-value", _last_key(pointer), detail["input"]
    fix = None
    match kind:
        case "string_too_long":
            message = f"{len(value)} characters; at most {context['max_length']}"
            if pointer == ("description",):
                rule, fix = "description-length", "shorten it; the README has room for more"
        case "string_too_short":
            message = "empty" if not value else f"at least {context['min_length']} characters"
            rule = "description-length" if pointer == ("description",) else rule
        case "string_pattern_mismatch":
            message = f"{_shown(value)} is not {_PATTERNS.get(last, 'of the right form')}"
        case "literal_error":
            message, fix = _not_one_of(value, context["expected"])
        case "union_tag_invalid":
            message, fix = _not_one_of(context["tag"], context["expected_tags"])
        case "union_tag_not_found":
            message, fix = "the key 'type' is missing", 'add "type"'
        case "greater_than_equal":
            message = f"{value} is too small; at least {context['ge']}"
        case "less_than_equal":
            message = f"{value} is too large; at most {context['le']}"
        case _:
            message = detail["msg"][:1].lower() + detail["msg"][1:]
    if pointer == ("name",):
        rule = "server-name"
        message = message if kind != "string_too_short" else "a name has at least 3 characters"
    return Misshape(rule, pointer, kind, message, fix)


def _not_one_of(value: object, expected: str) -> tuple[str, str]:
    """`expected` is pydantic's own list: `'npm', 'pypi' or 'oci'`."""
    choices = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    near = nearest_key(str(value), choices)
    fix = f"write {near}" if near else f"one of {', '.join(choices)}"
    return f"{_shown(value)} is not one of {', '.join(choices)}", fix


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _last_key(pointer: Pointer) -> str:
    return next((step for step in reversed(pointer) if isinstance(step, str)), "")


def _type_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case dict():
            return "an object"
        case _:
            return "an array"


def _pointer(loc: tuple[str | int, ...], document: Any) -> Pointer:  # noqa: ANN401  # any JSON
    """Pydantic's location without the tags of unions, which are no steps of the document."""
    steps: list[str | int] = []
    here = document
    for index, step in enumerate(loc):
        if isinstance(here, dict) and step not in here and here.get("type") == step:
            continue
        if index + 1 < len(loc) and not isinstance(here, (dict, list)):
            break
        steps.append(step)
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
    return tuple(steps)


def nearest_key(key: str, known: Iterable[str]) -> str | None:
    """The known key that was probably meant: the same but for case and `_`, or a few letters."""
    folded = {name.replace("_", "").lower(): name for name in known}
    plain = key[:100].replace("_", "").replace("-", "").lower()
    close = difflib.get_close_matches(plain, folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else None


def keys_at(pointer: Pointer) -> frozenset[str]:
    """The keys that the model allows at a place, over every variant that may stand there."""
    nodes = [_schema()]
    for step in pointer:
        nodes = [child for node in nodes for child in _children(node, step)]
    return frozenset(
        key
        for node in nodes
        for variant in _variants(node)
        for key in variant.get("properties", ())
    )


@cache
def _schema() -> dict[str, Any]:
    return Manifest.model_json_schema(by_alias=True)


def _variants(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if "$ref" in node:
        yield from _variants(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
        return
    yield node
    for child in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _variants(child)


def _children(node: dict[str, Any], step: str | int) -> Iterable[dict[str, Any]]:
    for variant in _variants(node):
        if isinstance(step, int):
            if "items" in variant:
                yield variant["items"]
        elif step in variant.get("properties", {}):
            yield variant["properties"][step]
        elif isinstance(variant.get("additionalProperties"), dict):
            yield variant["additionalProperties"]
