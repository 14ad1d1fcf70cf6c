"""Make a manifest of a misshapen document, so that the rules about meaning can still run.

A contributor should fix a pull request once. Members whose value is wrong are left out; required
ones and array elements (whose numbers must not shift) are filled in. `blind` says where that was
done: what a rule finds there is about the filling, and is dropped.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from pydantic import ValidationError

from mcpreg.checks.shape import MAX_MISSHAPES, Misshape, misshapes
from mcpreg.core.manifest import Manifest, parse_manifest
from mcpreg.core.position import Pointer

_ROUNDS = 6  # leave out, find missing, fill in, at three levels; then give up

# A valid value for every required member, and for an element of every array.
_MEMBERS: dict[str, Any] = {
    "name": "placeholder",
    "description": "placeholder",
    "version": "0.0.0",
    "registryType": "npm",
    "identifier": "placeholder",
    "transport": {"type": "stdio"},
    "type": "streamable-http",
    "url": "https://placeholder.example",
    "src": "https://placeholder.example/icon.png",
    "id": "placeholder",
    "reason": "placeholder",
}
_ELEMENTS: dict[str, Any] = {
    "packageArguments": {"type": "positional", "valueHint": "placeholder"},
    "runtimeArguments": {"type": "positional", "valueHint": "placeholder"},
    **dict.fromkeys(("choices", "sizes", "tags", "sandbox", "dependencies"), "placeholder"),
}
_SERVER_NAME = "io.github.placeholder/placeholder"


def salvage(
    document: Any,  # noqa: ANN401  # any JSON value
    shape: tuple[Misshape, ...],
) -> tuple[Manifest, frozenset[Pointer]] | None:
    """A manifest and where it was filled in; None when the document is no object at all."""
    if not isinstance(document, dict) or len(shape) == MAX_MISSHAPES:
        return None  # cut off at the cap: what is left cannot be mended
    document = copy.deepcopy(document)
    blind: set[Pointer] = set()
    for _ in range(_ROUNDS):
        # Later elements first: nothing here moves them, but parents may go.
        for wrong in reversed(shape):
            _mend(document, wrong, blind)
        try:
            return parse_manifest(json.dumps(document).encode()), frozenset(blind)
        except ValidationError as error:
            shape = misshapes(error, document)
        except ValueError:
            return None
    return None


def _mend(document: dict[str, Any], wrong: Misshape, blind: set[Pointer]) -> None:
    *path, last = wrong.pointer or ("",)
    parent: Any = document
    try:
        for step in path:
            parent = parent[step]
        if isinstance(parent, list):
            parent[int(last)] = copy.deepcopy(_ELEMENTS.get(str(path[-1]), {}))
        elif wrong.kind == "missing":
            key = str(last)
            parent[key] = (
                copy.deepcopy(_MEMBERS.get(key)) if path or key != "name" else _SERVER_NAME
            )
        else:
            del parent[last]
    except (KeyError, IndexError, TypeError):
        return  # an ancestor was mended already
    if wrong.kind != "extra_forbidden":
        blind.add(wrong.pointer)
