"""The package's inputs: from the manifest's model to what launching fills in (server.json)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mcpreg.core.install import InputSpec
from mcpreg.errors import UsageError

if TYPE_CHECKING:  # starting a server must not import pydantic
    from mcpreg.core.manifest import Argument, InputWithVariables, KeyValueInput, Package

_TEMPLATE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def input_specs(package: Package) -> tuple[InputSpec, ...]:
    """Environment variables, then arguments in order, as the launcher needs them."""
    variables = [_variable_spec(item) for item in package.environment_variables or ()]
    return (*variables, *(_argument_spec(item) for item in package.package_arguments or ()))


def _variable_spec(item: KeyValueInput) -> InputSpec:
    return _spec(item, "env", item.name)


def _argument_spec(item: Argument) -> InputSpec:
    if item.type == "positional":
        spec = _spec(item, "positional", item.value_hint or "")
    else:
        spec = _spec(item, "named", item.name)
    return replace(spec, repeated=item.is_repeated)


def _spec(item: InputWithVariables, kind: str, name: str) -> InputSpec:
    return InputSpec(
        kind=kind,
        name=name,
        value=_filled(item),
        default=item.default,
        required=item.is_required,
        secret=item.is_secret,
        choices=item.choices or (),
    )


def _filled(item: InputWithVariables) -> str | None:
    if item.value is None:
        return None
    variables = item.variables or {}

    def fill(match: re.Match[str]) -> str:
        known = variables.get(match[1])
        value = (known.value or known.default) if known else None
        return match[0] if value is None else value

    return _TEMPLATE.sub(fill, item.value)


@dataclass(frozen=True, slots=True)
class Filled:
    """Arguments for the command line, and what the *person* gave to each input, by its name.

    Values and defaults of the manifest are in `argv` only: a publisher must not choose "the folder
    you choose".
    """

    argv: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]


def argument_name(spec: InputSpec) -> str:
    """The name by which a `{arg}` capability refers to this argument."""
    return spec.name.lstrip("-")


def fill_arguments(specs: Sequence[InputSpec], given: Sequence[str]) -> Filled:
    """Place what the user gave after `--` into the declared arguments.

    Named ones are taken where their flag stands; the rest fills the positional ones in order, a
    repeated one taking all that is left. What nothing declares is passed on at the end: an
    argument grants nothing by itself.

    Raises:
        UsageError: a required argument is missing, or a value is not among its choices.
    """
    named, rest = _take_named([spec for spec in specs if spec.kind == "named"], list(given))
    argv: list[str] = []
    values: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        if spec.kind == "env":
            continue
        taken = named.get(spec.name, []) if spec.kind == "named" else _take_positional(spec, rest)
        chosen = _chosen(spec, taken)
        name = argument_name(spec)
        values[name] = (*values.get(name, ()), *taken)
        for value in chosen:
            argv += [spec.name, value] if spec.kind == "named" else [value]
    return Filled((*argv, *rest), values)


def _take_named(
    specs: Sequence[InputSpec], given: list[str]
) -> tuple[dict[str, list[str]], list[str]]:
    flags = {spec.name for spec in specs}
    taken: dict[str, list[str]] = {}
    rest: list[str] = []
    while given:
        word = given.pop(0)
        flag, equals, value = word.partition("=")
        if flag not in flags:
            rest.append(word)
        elif equals:
            taken.setdefault(flag, []).append(value)
        elif given:
            taken.setdefault(flag, []).append(given.pop(0))
        else:
            raise UsageError(f"{flag} needs a value")
    return taken, rest


def _take_positional(spec: InputSpec, rest: list[str]) -> list[str]:
    if spec.value is not None or not rest:
        return []
    count = len(rest) if spec.repeated else 1
    taken = rest[:count]
    del rest[:count]
    return taken


def _chosen(spec: InputSpec, taken: list[str]) -> tuple[str, ...]:
    name = argument_name(spec)
    if spec.value is not None and not taken:
        return (spec.value,)
    if not taken and spec.default is not None:
        return (spec.default,)
    if not taken and spec.required:
        raise UsageError(
            f"the server needs {name}", hint=f"give it after --, as in: -- {name.upper()}"
        )
    for value in taken:
        if spec.choices and value not in spec.choices:
            raise UsageError(f"{name} is {value!r}", hint=f"one of {', '.join(spec.choices)}")
    return tuple(taken)


def fill_environment(
    specs: Sequence[InputSpec], allowed: frozenset[str], host: Mapping[str, str]
) -> dict[str, str]:
    """The server's own variables: fixed values, then what capabilities let in from the host.

    Raises:
        UsageError: a required variable is not set.
    """
    result: dict[str, str] = {}
    declared = {spec.name: spec for spec in specs if spec.kind == "env"}
    for name, spec in declared.items():
        value = spec.value
        if value is None and name in allowed:
            value = host.get(name)
        if value is None:
            value = spec.default
        if value is None and spec.required:
            secret = " (a secret)" if spec.secret else ""
            raise UsageError(
                f"the server needs the variable {name}{secret}",
                hint=f"set it in the environment of mcpreg: {name}=… mcpreg run …",
            )
        if value is not None:
            result[name] = value
    for name in sorted(allowed - declared.keys()):
        if name in host:
            result[name] = host[name]
    return result
