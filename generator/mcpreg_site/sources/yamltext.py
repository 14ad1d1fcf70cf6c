"""The documents of a YAML stream or a JSON file: strict, and failing as a settings file does."""

from __future__ import annotations

from mcpreg.core import position
from mcpreg.core.position import StrictJSONError
from mcpreg.errors import UsageError
from mcpreg.formats import strict_yaml
from mcpreg.formats.interface import FormatError


def documents(data: bytes, file: str) -> list[object]:
    """Every document that is not empty; one whose name ends in `.json` is one of JSON.

    Raises:
        UsageError: it cannot be read; `where` is `file:line:column`.
    """
    if file.endswith(".json"):
        return [_json(data, file)]
    try:
        return [item for item in strict_yaml.load_all(data, file=file) if item is not None]
    except FormatError as error:
        raise UsageError(error.message, where=error.where or file, hint=error.hint) from error


def _json(data: bytes, file: str) -> object:
    try:
        value: object = position.loads(data)
    except StrictJSONError as error:
        where = f"{file}:{error.place.line}:{error.place.column}"
        raise UsageError(f"is not JSON: {error.message}", where=where) from error
    return value
