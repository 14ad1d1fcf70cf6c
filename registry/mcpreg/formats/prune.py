"""Cut a document down to what the manifest's model takes, and say what went.

Other registries' schemas allow keys and values that ours does not. What does not fit goes at the
smallest place that may be absent: an unknown key, an optional value, an element of an array. What
the manifest itself requires stays as it is, so that the rules say what is wrong with it. The model
is the only list of keys: its JSON Schema is compiled once, since 25,000 documents at a time are too
many for pydantic to explain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mcpreg.core.manifest import Manifest
from mcpreg.core.position import MAX_INTEGER
from mcpreg.formats.notes import Notes, Path
from mcpreg.formats.spelling import camel

# Dropping one of these alone would change which bytes are installed, so their package goes too.
_DECISIVE = frozenset(("registryBaseUrl", "fileSha256"))

Json = Any
Schema = Mapping[str, Any]


class _MisfitError(Exception):
    """A value that the model refuses; the nearest place that may be absent catches it."""


def prune(document: Mapping[str, Json], notes: Notes) -> dict[str, Json]:
    """The document as far as the manifest's model takes it. The input is not changed.

    Args:
        document: in camelCase or, as until 2025-07-09, snake_case.
        notes: takes a sentence for each thing left out.
    """
    return _manifest().fit_whole(document, notes)


def fit(definition: str, value: Json, path: Path, notes: Notes) -> Json:
    """One part of a manifest by the model's name for it, such as `Tool`; None: it does not fit."""
    try:
        return _compile({"$ref": f"#/$defs/{definition}"})(value, path, notes)
    except _MisfitError as error:
        notes.add(path, f"{error}, left out")
        return None


_Fit = Callable[[Json, Path, Notes], Json]


@dataclass(frozen=True, slots=True)
class _Object:
    """An object with named members."""

    fields: Mapping[str, _Fit]
    required: tuple[str, ...]
    open: bool = False

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:
        if type(value) is not dict:
            raise _MisfitError("not an object")
        kept = self._members(value, path, notes, whole=False)
        for key in self.required:
            if key not in kept:
                raise _MisfitError(f"without {key}")
        return kept

    def fit_whole(self, value: Mapping[str, Json], notes: Notes) -> dict[str, Json]:
        """The same for the manifest, whose required members stay whatever they are."""
        return self._members(value, (), notes, whole=True)

    def _members(
        self, value: Mapping[str, Json], path: Path, notes: Notes, *, whole: bool
    ) -> dict[str, Json]:
        kept: dict[str, Json] = {}
        for key, item in value.items():
            name, known = key, self.fields.get(key)
            if known is None and "_" in key and (name := camel(key)) not in value:
                known = self.fields.get(name)
            if known is None:
                if self.open:
                    kept[key] = item
                else:
                    notes.add((*path, key), "not a key of mcps.json, left out")
                continue
            try:
                kept[name] = known(item, (*path, name), notes)
            except _MisfitError as error:
                if name in self.required:
                    if not whole:
                        raise _MisfitError(f"{name} is {error}") from None
                    kept[name] = item
                elif name in _DECISIVE:
                    raise _MisfitError(f"{name} is {error}") from None
                else:
                    notes.add((*path, name), f"{error}, left out")
        return kept


@dataclass(frozen=True, slots=True)
class _Array:
    """An array; elements that do not fit are left out."""

    item: _Fit

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:
        if type(value) is not list:
            raise _MisfitError("not an array")
        kept = []
        for index, element in enumerate(value):
            try:
                kept.append(self.item(element, (*path, index), notes))
            except _MisfitError as error:
                notes.add((*path, index), f"{error}, left out")
        return kept


@dataclass(frozen=True, slots=True)
class _Map:
    """An object whose keys are names that people chose."""

    item: _Fit

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:
        if type(value) is not dict:
            raise _MisfitError("not an object")
        kept = {}
        for name, element in value.items():
            try:
                kept[name] = self.item(element, (*path, name), notes)
            except _MisfitError as error:
                notes.add((*path, name), f"{error}, left out")
        return kept


@dataclass(frozen=True, slots=True)
class _Tagged:
    """One of several objects, told apart by a member."""

    key: str
    variants: Mapping[str, _Fit]

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:
        if type(value) is not dict:
            raise _MisfitError("not an object")
        tag = value.get(self.key)
        chosen = self.variants.get(tag) if isinstance(tag, str) else None
        if chosen is None:
            raise _MisfitError(f"{self.key} is not one of {', '.join(self.variants)}")
        return chosen(value, path, notes)


@dataclass(frozen=True, slots=True)
class _Text:
    """A string within bounds."""

    least: int = 0
    most: int = 1 << 30
    pattern: re.Pattern[str] | None = None
    choices: tuple[str, ...] = ()

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:  # noqa: ARG002  # see _Fit
        if type(value) is not str:
            raise _MisfitError("not a string")
        if not self.least <= len(value) <= self.most:
            raise _MisfitError("empty" if not value else f"{len(value)} characters long")
        if self.choices and value not in self.choices:
            raise _MisfitError(f"not one of {', '.join(self.choices)}")
        if self.pattern is not None and self.pattern.search(value) is None:
            raise _MisfitError("not of the right form")
        return value


@dataclass(frozen=True, slots=True)
class _Plain:
    """A boolean, or an object of any content."""

    kind: type
    name: str

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:  # noqa: ARG002  # see _Fit
        if type(value) is not self.kind:
            raise _MisfitError(f"not {self.name}")
        return value


@dataclass(frozen=True, slots=True)
class _Whole:
    """A whole number within bounds."""

    least: int
    most: int

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:  # noqa: ARG002  # see _Fit
        if type(value) is not int or not self.least <= value <= self.most:
            raise _MisfitError(f"not a whole number from {self.least} to {self.most}")
        return value


@dataclass(frozen=True, slots=True)
class _Either:
    """A text or an object: a bare name stands for the shortest object."""

    text: _Fit
    other: _Fit

    def __call__(self, value: Json, path: Path, notes: Notes) -> Json:
        return (self.text if type(value) is str else self.other)(value, path, notes)


@cache
def _schema() -> dict[str, Any]:
    return Manifest.model_json_schema(by_alias=True)


@cache
def _manifest() -> _Object:
    return _members(_schema())


def _compile(node: Schema) -> _Fit:
    if "$ref" in node:
        return _definition(node["$ref"].rpartition("/")[2])
    if "oneOf" in node:
        tags = node["discriminator"]
        variants = {tag: _compile({"$ref": ref}) for tag, ref in tags["mapping"].items()}
        return _Tagged(tags["propertyName"], variants)
    if "anyOf" in node:
        options = [_compile(option) for option in node["anyOf"] if option.get("type") != "null"]
        return options[0] if len(options) == 1 else _Either(*options)
    return _BY_TYPE[node["type"]](node)


@cache
def _definition(name: str) -> _Fit:
    return _compile(_schema()["$defs"][name])


def _object(node: Schema) -> _Fit:
    if "properties" in node:
        return _members(node)
    if isinstance(node.get("additionalProperties"), dict):
        return _Map(_compile(node["additionalProperties"]))
    return _Plain(dict, "an object")


def _members(node: Schema) -> _Object:
    fields = {key: _compile(child) for key, child in node["properties"].items()}
    is_open = node.get("additionalProperties") is True
    return _Object(fields, tuple(node.get("required", ())), is_open)


def _text(node: Schema) -> _Text:
    # Pydantic's patterns are Rust's, where $ is the very end of the text.
    pattern = node.get("pattern")
    if pattern is not None:
        pattern = re.compile(re.sub(r"\$$", r"\\Z", pattern), re.ASCII)
    choices: Sequence[str] = node.get("enum") or ([node["const"]] if "const" in node else ())
    return _Text(node.get("minLength", 0), node.get("maxLength", 1 << 30), pattern, tuple(choices))


_BY_TYPE: Mapping[str, Callable[[Schema], _Fit]] = {
    "object": _object,
    "array": lambda node: _Array(_compile(node["items"])),
    "boolean": lambda node: _Plain(bool, "true or false"),  # noqa: ARG005  # one signature
    "integer": lambda node: _Whole(node["minimum"], node.get("maximum", MAX_INTEGER)),
    "string": _text,
}
