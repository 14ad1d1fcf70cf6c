"""Docker's templates, `{{server.parameter|filter}}`, and ours, `{parameter}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Any
_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*((?:\|[^{}|]*)*)\}\}")
_OURS = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")
_FORMATS = {"number": "number", "integer": "number", "boolean": "boolean"}
PLAIN = frozenset(("", "volume-target"))
"""Filters that leave the value as it is, as far as an argument or variable is concerned."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A leaf of `config.parameters`, by its dotted name, as an input."""

    input: Mapping[str, Json]
    repeated: bool


def parameters(config: Mapping[str, Json]) -> dict[str, Parameter]:
    """Every leaf of the JSON Schema that Docker asks its parameters by."""
    schema = config.get("parameters")
    return dict(_leaves(schema, "", required=True)) if isinstance(schema, dict) else {}


def _leaves(
    schema: Mapping[str, Json], prefix: str, *, required: bool
) -> Iterator[tuple[str, Parameter]]:
    members = schema.get("properties")
    needed = schema.get("required")
    for name, member in members.items() if isinstance(members, dict) else ():
        if not isinstance(member, dict):
            continue
        is_needed = required and isinstance(needed, list) and name in needed
        if isinstance(member.get("properties"), dict):
            yield from _leaves(member, f"{prefix}{name}.", required=is_needed)
        else:
            yield (
                f"{prefix}{name}",
                Parameter(dict(_input(member, required=is_needed)), member.get("type") == "array"),
            )


def _input(schema: Mapping[str, Json], *, required: bool) -> Iterator[tuple[str, Json]]:
    text = schema.get("description", schema.get("title"))
    if isinstance(text, str) and text:
        yield "description", text
    if required:
        yield "isRequired", True
    form = _FORMATS.get(str(schema.get("type")))
    if form:
        yield "format", form
    default = schema.get("default")
    if isinstance(default, list) and len(default) == 1:
        default = default[0]
    if isinstance(default, bool):
        yield "default", str(default).lower()
    elif isinstance(default, str | int | float):
        yield "default", str(default)
    choices = schema.get("enum")
    if isinstance(choices, list) and all(isinstance(item, str) for item in choices):
        yield "choices", choices


@dataclass(frozen=True, slots=True)
class Translated:
    """A text in our form, the parameters that it names, and filters that nothing here does."""

    text: str
    names: tuple[str, ...]
    odd: tuple[str, ...]


def translate(text: str, server: str) -> Translated:
    """`--user={{hub.name}}` as `--user={name}`; a parameter's own server is not repeated."""
    names: list[str] = []
    odd: list[str] = []

    def replace(match: re.Match[str]) -> str:
        names.append(parameter_name(match[1], server))
        filters = {item.strip() for item in match[2].split("|")} - PLAIN
        odd.extend(sorted(filters))
        return "{" + names[-1] + "}"

    return Translated(_TEMPLATE.sub(replace, text), tuple(dict.fromkeys(names)), tuple(odd))


def parameter_name(dotted: str, server: str) -> str:
    """A parameter without the server's name in front."""
    return dotted.removeprefix(f"{server}.")


def back(text: str, names: Mapping[str, Json], server: str) -> str:
    """`{name}` as `{{server.name}}` for the variables that are declared."""
    return _OURS.sub(
        lambda match: f"{{{{{server}.{match[1]}}}}}" if match[1] in names else match[0], text
    )


def only(text: str, server: str) -> tuple[str, frozenset[str]] | None:
    """Name and filters when the text is nothing but one template."""
    match = _TEMPLATE.fullmatch(text)
    if match is None:
        return None
    filters = frozenset(item.strip() for item in match[2].split("|")) - {""}
    return parameter_name(match[1], server), filters
