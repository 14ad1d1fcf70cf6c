"""The inputs of a package or a remote server: from the manifest to the questions they come to.

server.json, `Input`: "If a value is set, it should not be configurable by end users. Identifiers
wrapped in {curly_braces} will be replaced with the corresponding properties from the input
variables map. If an identifier in braces is not found in variables … the substring should remain
unchanged." So an input without a value is a question, and one with a value is a question for each
variable in it that is declared and has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mcpreg.core.install import InputSpec

if TYPE_CHECKING:  # starting a server must not import pydantic, nor what only locking needs
    from mcpreg.core import docker_options as docker
    from mcpreg.core.manifest import (
        Argument,
        HttpTransport,
        Input,
        InputWithVariables,
        KeyValueInput,
        Package,
    )

TEMPLATE = r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}"
ARGUMENTS = frozenset(("positional", "named"))
_UNTYPABLE = r"[\s=]+"  # `--input NAME=VALUE` ends a name at the first `=`
_MAX_NAME = 128  # characters; what is longer is nothing that a person types


def input_specs(package: Package) -> tuple[InputSpec, ...]:
    """Environment variables, then arguments in order, then an image's mounts (kind `mount`)."""
    variables = [_key_value(item, "env") for item in package.environment_variables or ()]
    options = _docker_specs(package)
    declared = {spec.name for spec in variables}
    return (
        *variables,
        *(spec for spec in options if spec.kind == "env" and spec.name not in declared),
        *(_argument(item) for item in package.package_arguments or ()),
        *(spec for spec in options if spec.kind == "mount"),
    )


def docker_options(package: Package) -> tuple[docker.Found, ...]:
    """What an image's `runtimeArguments` mean; nothing for other packages, which nothing wraps."""
    if package.registry_type != "oci":
        return ()
    from mcpreg.core import docker_options as docker  # noqa: PLC0415  # no start needs it

    pairs = (
        (item.name if item.type == "named" else None, item.value)
        for item in package.runtime_arguments or ()
    )
    return docker.read(docker.words_of(pairs), package.identifier)


def _docker_specs(package: Package) -> list[InputSpec]:
    """`-e` as variables, `-v` and `--mount` as places: `name` inside, `value` the `{folder}`."""
    from mcpreg.core import docker_options as docker  # noqa: PLC0415  # no start needs it

    specs = []
    for found in docker_options(package):
        if isinstance(found, docker.Refused):
            continue
        item = (package.runtime_arguments or ())[found.index]
        if isinstance(found, docker.Mount):
            spec = _with_variables(item, "mount", found.target)
            specs.append(spec._replace(value=f"{{{found.variable}}}", default=None))
        else:
            spec = _with_variables(item, "env", found.name)
            specs.append(spec._replace(value=found.value))
    return specs


def remote_specs(remote: HttpTransport) -> tuple[InputSpec, ...]:
    """The address (kind `url`), then the headers in order."""
    url = InputSpec(
        "url", "url", value=remote.url, required=True, variables=_variables(remote.variables, "url")
    )
    return (url, *(_key_value(item, "header") for item in remote.headers or ()))


def _key_value(item: KeyValueInput, kind: str) -> InputSpec:
    return _with_variables(item, kind, item.name)


def _argument(item: Argument) -> InputSpec:
    name = (item.value_hint or "") if item.type == "positional" else item.name
    return _with_variables(item, item.type, name)._replace(repeated=item.is_repeated)


def _with_variables(item: InputWithVariables, kind: str, name: str) -> InputSpec:
    return _spec(item, kind, name)._replace(variables=_variables(item.variables, kind))


def _variables(declared: Mapping[str, Input] | None, kind: str) -> tuple[InputSpec, ...]:
    return tuple(_spec(item, kind, name) for name, item in (declared or {}).items())


def _spec(item: Input, kind: str, name: str) -> InputSpec:
    return InputSpec(
        kind=kind,
        name=name,
        value=item.value,
        default=item.default,
        required=item.is_required,
        secret=item.is_secret,
        choices=item.choices or (),
        format=item.format,
        placeholder=item.placeholder,
        description=item.description,
    )


class Question(NamedTuple):
    """What a person can be asked for, by one name; `specs` are all the places that it fills.

    Where several places share a name, the strictest of each counts.
    """

    name: str
    specs: tuple[InputSpec, ...]

    @property
    def secret(self) -> bool:
        """Whether the value must be kept from logs, files and command lines."""
        return any(spec.secret for spec in self.specs)

    @property
    def required(self) -> bool:
        """Whether the server needs a value."""
        return any(spec.required for spec in self.specs)

    @property
    def repeated(self) -> bool:
        """Whether several values make sense."""
        return all(spec.repeated for spec in self.specs)

    @property
    def default(self) -> str | None:
        """What it is when nobody says."""
        return next((spec.default for spec in self.specs if spec.default is not None), None)

    @property
    def is_argument(self) -> bool:
        """Whether it reaches the server's command line, which every process can read."""
        return any(spec.kind in ARGUMENTS for spec in self.specs)

    @property
    def is_switch(self) -> bool:
        """Whether it is a flag that is there or not: a named boolean without choices."""
        return all(is_switch(spec) for spec in self.specs)

    @property
    def first(self) -> InputSpec:
        """The place whose words describe it."""
        return next((spec for spec in self.specs if spec.description), self.specs[0])


def variable_for(name: str) -> str:
    """The environment variable that gives any input: `MCPREG_INPUT_X_API_KEY` for `X-API-Key`.

    Not the input's own name: whoever writes a manifest would choose which variable is read.
    """
    return f"MCPREG_INPUT_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"


def is_switch(spec: InputSpec) -> bool:
    """`--verbose`, rather than `--verbose true`: upstream's manifests mean the former by it."""
    return spec.kind == "named" and spec.format == "boolean" and not spec.choices


def argument_name(spec: InputSpec) -> str:
    """The name by which a person, and a `{arg}` capability, refers to an input."""
    return spec.name.lstrip("-")


def keyed(specs: Sequence[InputSpec]) -> Iterator[tuple[str, InputSpec]]:
    """Each spec with the name of its question; positional ones of one hint are numbered."""
    seen: dict[str, int] = {}
    for spec in specs:
        name = re.sub(_UNTYPABLE, "-", argument_name(spec))[:_MAX_NAME] or "argument"
        if spec.kind == "positional" and spec.value is None:
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                name = f"{name}-{seen[name]}"
        yield name, spec


def questions(specs: Sequence[InputSpec]) -> tuple[Question, ...]:
    """Everything that can be asked, in the order of the manifest."""
    found: dict[str, list[InputSpec]] = {}
    for name, spec in keyed(specs):
        if spec.value is None:
            found.setdefault(name, []).append(spec)
            continue
        for variable in open_variables(spec):
            found.setdefault(variable.name, []).append(variable)
    return tuple(Question(name, tuple(places)) for name, places in found.items())


def open_variables(spec: InputSpec) -> tuple[InputSpec, ...]:
    """The variables of a template that have no value of the publisher's.

    A part of a secret is a secret, and what a required input is made of is required.
    """
    used = set(re.findall(TEMPLATE, spec.value or ""))
    return tuple(
        variable._replace(
            secret=variable.secret or spec.secret,
            required=variable.required or spec.required,
        )
        for variable in spec.variables
        if variable.name in used and variable.value is None
    )
