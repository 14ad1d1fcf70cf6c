"""The plan with which a server is started once to be asked what it offers.

No network, no grants, nothing of the host's environment. A server that refuses to start without
an input gets a fixed one: a path inside the sandbox's scratch folders for a file or folder, the
declared default, choice or placeholder for the rest, and the word `placeholder` for a secret. That
is a function of the manifest, whose digest the lock holds, so the same lock is derived again on
every machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from mcpreg.core.answers import resolve
from mcpreg.core.capability import Files
from mcpreg.core.compare import effective_limits
from mcpreg.core.inputs import TEMPLATE, argument_name, input_specs, questions
from mcpreg.core.install import InputSpec
from mcpreg.core.manifest import Manifest
from mcpreg.core.placing import place
from mcpreg.core.plan import Bind, Plan
from mcpreg.errors import UsageError
from mcpreg.packages.interface import APP, Pins
from mcpreg.packages.registry import kind_for
from mcpreg.packages.runtime import Runtime
from mcpreg.usecases.install import locked_package

_HOME = "/home/mcp"  # both are the sandbox's own, empty and writable
_SCRATCH = "/tmp"  # noqa: S108
_TEXT = {"number": "1", "boolean": "true", "string": "placeholder"}


def probe_plan(manifest: Manifest, pins: Pins, app: Path, runtime: Runtime) -> Plan:
    """What starts the locked package in `app` (installed for `runtime`) and allows it nothing.

    Raises:
        VerificationError: the pins are for a package that the manifest does not have.
        UsageError: a capability or an input of it makes no sense.
        McpregError: the package offers no command.
    """
    package = locked_package(manifest, pins.package)
    trees = {
        item.argument: item.tree
        for item in manifest.capabilities.parsed()
        if isinstance(item, Files) and item.argument
    }
    specs = [_filled(spec, trees) for spec in input_specs(package)]
    filled = place(specs, resolve(questions(specs), ()).answers)
    image = runtime.image
    return Plan(
        name=f"{manifest.name}@{manifest.version}",
        argv=(
            *kind_for(pins.package.registry_type).entry(package, app),
            *filled.argv,
        ),
        env={**runtime.env, **filled.environment},
        binds=() if image else (*runtime.binds, Bind(str(app.resolve()), APP, role="app")),
        cwd=image.folder if image else _HOME,
        image=image._replace(layout=str(app.resolve())) if image else None,
        links=runtime.links,
        limits=effective_limits(manifest.capabilities.limits),
    )


def _filled(spec: InputSpec, trees: Mapping[str, bool]) -> InputSpec:
    """The spec with a value that needs nobody to give it."""
    if spec.value is not None:
        variables = {variable.name: variable for variable in spec.variables}
        filled = re.sub(TEMPLATE, lambda match: _fill(match, variables, trees), spec.value)
        return spec._replace(value=filled, variables=())
    if spec.required or (spec.default is not None and spec.format == "filepath"):
        # What stands here is no secret, and may go into a command line.
        return spec._replace(default=_sample(argument_name(spec), spec, trees), secret=False)
    return spec


def _fill(
    match: re.Match[str], variables: Mapping[str, InputSpec], trees: Mapping[str, bool]
) -> str:
    name = match[1]
    if name not in variables:
        return match[0]
    known = variables[name].value or variables[name].default
    return known or _sample(name, variables[name], trees)


def _sample(name: str, spec: InputSpec, trees: Mapping[str, bool]) -> str:
    if spec.format == "filepath":
        return _path(name, spec, trees)
    if spec.secret:
        return _TEXT["string"]
    chosen = spec.default or (spec.choices or (None,))[0] or spec.placeholder or _TEXT[spec.format]
    if "\0" in chosen:
        raise UsageError(f"the value of {name} holds a NUL byte")
    return chosen


def _path(name: str, spec: InputSpec, trees: Mapping[str, bool]) -> str:
    """A folder for `fs:…:{name}/**`, a file for `fs:…:{name}`; without either, by the example."""
    example = PurePosixPath(spec.default or spec.placeholder or "").name
    is_folder = trees.get(name, not PurePosixPath(example).suffix)
    return _HOME if is_folder else f"{_SCRATCH}/{example or 'file'}"
