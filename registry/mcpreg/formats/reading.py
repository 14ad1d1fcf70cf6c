"""JSON documents out of a format's files: strict, with the place in every error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from mcpreg.core import position
from mcpreg.core.position import StrictJSONError
from mcpreg.formats.interface import Files, FormatError

MAX_VALUES = 20_000_000  # 80,000 versions of the official registry hold three million


def document(files: Files, path: str) -> Any:  # noqa: ANN401  # any JSON value
    """One file as JSON.

    Raises:
        FormatError: it is not JSON that every reader understands in the same way.
    """
    try:
        return position.loads(files[path], max_values=MAX_VALUES)
    except StrictJSONError as error:
        where = f"{path}:{error.place.line}:{error.place.column}"
        raise FormatError(error.message, where=where, hint="the whole input is left out") from error


def documents(files: Files, *names: str) -> Iterator[tuple[str, Any]]:
    """The files of these names as JSON, by path; without any, every `.json`, or the only file.

    Raises:
        FormatError: there is none, or one is not JSON: what it holds would be missing unsaid.
    """
    paths = chosen(files, *names)
    if not paths:
        raise FormatError("holds no JSON document", where=", ".join(sorted(files)[:3]) or None)
    for path in paths:
        yield path, document(files, path)


def chosen(files: Files, *names: str) -> list[str]:
    """The paths that `documents` reads, in order."""
    if len(files) == 1:
        return list(files)
    named = [path for path in files if PurePosixPath(path).name in names]
    return sorted(named or (path for path in files if path.endswith(".json")))


@lru_cache(maxsize=1)  # every format asks about the same bytes in turn
def _outline(data: bytes) -> Any:  # noqa: ANN401  # any JSON value
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def first(files: Files, *names: str) -> Any:  # noqa: ANN401  # any JSON value
    """The first of these documents, for detection only: None when it is no JSON. Never raises."""
    paths = chosen(files, *names)
    return _outline(files[paths[0]]) if paths else None


def forget() -> None:
    """Let go of the document that detection looked at."""
    _outline.cache_clear()


def words(value: object) -> list[str]:
    """The texts of a JSON array; none when it is something else, which strangers do write."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
