"""ToolHive's variables and headers (`name, description, required, secret, default, choices`) as
server.json's inputs, and back; and the capability that each variable needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mcpreg.core import capability
from mcpreg.core.capability import CapabilityError
from mcpreg.formats.notes import Notes, shown
from mcpreg.formats.shapes import HEADER, VARIABLE
from mcpreg.formats.texts import shorten

_KEYS = {
    "name": "name",
    "description": "description",
    "required": "isRequired",
    "secret": "isSecret",
    "default": "default",
    "choices": "choices",
}
_LEAST, _MOST = 5, 200  # characters of a description there
_PATTERNS = {"env_vars": re.compile(VARIABLE, re.ASCII), "headers": re.compile(HEADER, re.ASCII)}
# What has no place there, beyond what means nothing.
_ABSENT = {
    "value": "no fixed values",
    "variables": "no templates",
    "placeholder": "no placeholders",
    "format": "no formats",
}
Json = Any
Lost = Callable[[str, str], None]


def inputs_of(listed: Json, key: str, notes: Notes) -> list[dict[str, Json]]:
    """`env_vars` or `headers` as inputs; false flags are left out, as they are the default."""
    if listed is not None and not isinstance(listed, list):
        notes.add((key,), "not an array, left out")
    inputs = []
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(item, dict):
            notes.add((key, index), "not an object, left out")
            continue
        for name in item:
            if name not in _KEYS:
                notes.add((key, index, name), "no field of mcps.json, left out")
        inputs.append(
            {
                _KEYS[name]: value
                for name, value in item.items()
                if name in _KEYS and value is not False
            }
        )
    return inputs


def entries_of(
    inputs: Iterable[Mapping[str, Json]], key: str, pointer: str, lost: Lost
) -> list[dict[str, Json]]:
    """Inputs as valid `env_vars` or `headers`.

    Args:
        inputs: of a valid manifest.
        key: `env_vars` or `headers`.
        pointer: where the inputs stand in the manifest.
        lost: takes a pointer and a reason for what is not held.
    """
    entries = []
    for index, item in enumerate(inputs):
        place = f"{pointer}/{index}"
        if not _PATTERNS[key].fullmatch(item["name"]):
            lost(place, f"ToolHive's {key} have other names")
            continue
        entry = {"name": item["name"], "description": _description(item, place, lost)}
        entry["required"] = item.get("isRequired", False)
        if item.get("isSecret"):
            entry["secret"] = True
        if "default" in item:
            entry["default"] = item["default"]
        if "choices" in item:
            choices = list(dict.fromkeys(item["choices"]))
            if key == "headers":
                entry["choices"] = choices
            if key != "headers" or choices != list(item["choices"]):
                lost(f"{place}/choices", f"ToolHive's {key} have no such choices")
        for name, reason in _ABSENT.items():
            if name in item:
                lost(f"{place}/{name}", f"ToolHive's {key} have {reason}")
        entries.append(entry)
    return entries


def _description(item: Mapping[str, Json], place: str, lost: Lost) -> str:
    text = str(item.get("description", ""))
    if _LEAST <= len(text) <= _MOST:
        return text
    lost(f"{place}/description", f"ToolHive wants {_LEAST} to {_MOST} characters, and gets them")
    line = shorten(text, _MOST)
    return line if len(line) >= _LEAST else f"Value of {item['name'][:100]}"


def env_capabilities(document: Mapping[str, Json], notes: Notes) -> list[str]:
    """`env:NAME` for each variable of the packages that a person sets."""
    found: dict[str, None] = {}
    for package in document.get("packages", ()):
        for item in package.get("environmentVariables", ()):
            name = item.get("name")
            if "value" in item or not isinstance(name, str):
                continue
            try:
                found[str(capability.parse(f"env:{name}"))] = None
            except CapabilityError:
                notes.add(("env", name), f"no capability for a variable named '{shown(name)}'")
    return list(found)


def lose_env(document: Mapping[str, Json], lost: Lost) -> None:
    """There a variable is handed in because it is listed; here its capability does that.

    Args:
        document: a valid manifest, with the packages that are written.
        lost: takes each difference.
    """
    sandbox = document.get("capabilities", {}).get("sandbox", ())
    known = env_capabilities(document, Notes())
    asked = [grant for grant in known if grant not in sandbox]
    for index, grant in enumerate(sandbox):
        if grant.startswith("env:") and grant not in known:
            lost(f"/capabilities/sandbox/{index}", "no such variable is listed")
    if asked:
        variables = ", ".join(grant.removeprefix("env:") for grant in asked)
        lost("/capabilities/sandbox", f"ToolHive hands in {variables} too")
