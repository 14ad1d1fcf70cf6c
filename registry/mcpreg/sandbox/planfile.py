"""A `Plan` as JSON: how other processes hand one to `python -m mcpreg.sandbox`.

Written and read by this program only, yet read strictly: a misspelt member must not widen or
narrow a sandbox in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mcpreg.core import record
from mcpreg.core.plan import Access, Bind, Endpoint, Limits, Plan, RootImage
from mcpreg.errors import UsageError

MAX_BYTES = 1 << 20  # a plan with a few hundred binds stays far below


def write_plan(plan: Plan) -> bytes:
    """The plan as indented JSON. It holds the environment, secrets included: keep it private."""
    return json.dumps(record.document(plan), indent=1, ensure_ascii=False).encode()


def read_plan(data: bytes) -> Plan:
    """Parse `write_plan`'s output.

    Raises:
        UsageError: not a plan; the message names the member.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(f"the plan has {len(data)} bytes; at most {MAX_BYTES}")
    try:
        return _plan(json.loads(data))
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"not a sandbox plan: {error}") from error


def load_plan(path: Path) -> Plan:
    """Read a plan file. Raises `UsageError` when it cannot be read or is not a plan."""
    try:
        with path.open("rb") as stream:
            return read_plan(stream.read(MAX_BYTES + 1))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _plan(document: object) -> Plan:
    members = _members(document, Plan)
    readers: dict[str, Callable[[object], object]] = {
        "name": _text,
        "argv": lambda value: tuple(_text(item) for item in _list(value)),
        "env": lambda value: {_text(k): _text(v) for k, v in _object(value).items()},
        "cwd": _text,
        "binds": lambda value: tuple(_bind(item) for item in _list(value)),
        "links": lambda value: tuple(_link(item) for item in _list(value)),
        "egress": lambda value: tuple(_endpoint(item) for item in _list(value)),
        "limits": _limits,
        "image": lambda value: None if value is None else _image(value),
    }
    read: dict[str, Any] = {name: readers[name](value) for name, value in members.items()}
    return Plan(**read)


def _members(value: object, kind: type[NamedTuple]) -> Mapping[str, object]:
    unknown = sorted(set(_object(value)) - set(kind._fields))
    if unknown:
        raise ValueError(f"unknown member {unknown[0]!r} in {kind.__name__}")
    return _object(value)


def _bind(value: object) -> Bind:
    members = dict(_members(value, Bind))
    access = Access(_text(members.pop("access", "read")))
    return Bind(**{name: _text(item) for name, item in members.items()}, access=access)


def _endpoint(value: object) -> Endpoint:
    members = _members(value, Endpoint)
    if len(members) != len(Endpoint._fields):
        raise ValueError("an endpoint needs host and port")
    return Endpoint(_text(members["host"]), _number(members["port"]))


def _limits(value: object) -> Limits:
    members = _members(value, Limits)
    optional = {"cpu_seconds"}
    read: dict[str, Any] = {
        name: None if item is None and name in optional else _number(item)
        for name, item in members.items()
    }
    return Limits(**read)


def _image(value: object) -> RootImage:
    members = {name: _text(item) for name, item in _members(value, RootImage).items()}
    if not {"config", "manifest"} <= members.keys():
        raise ValueError("an image needs config and manifest")
    return RootImage(**members)


def _link(value: object) -> tuple[str, str]:
    text, path = _list(value)
    return _text(text), _text(path)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {type(value).__name__}")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, found {type(value).__name__}")
    return value
