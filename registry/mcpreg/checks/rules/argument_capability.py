"""{arg} in a capability is a declared argument that only the person fills."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities, with_package
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.capability import Files
from mcpreg.core.inputs import argument_name, input_specs
from mcpreg.core.install import InputSpec


def _check(subject: Subject) -> Iterator[Problem]:
    wanted = [
        (grant.pointer, grant.capability.argument)
        for grant in subject.grants
        if isinstance(grant.capability, Files) and grant.capability.argument
    ]
    if not wanted:
        return
    arguments = [
        (name, item)
        for package in subject.manifest.packages or ()
        for spec in input_specs(package)
        for name, item in ((argument_name(spec), spec), *_parts(spec))
        if name and not (spec.kind == "mount" and item is spec)
    ]
    declared = {name for name, _ in arguments}
    for pointer, argument in wanted:
        for name, item in arguments:
            if name == argument and (item.value is not None or item.default is not None):
                yield Problem(
                    f"{{{argument}}} opens what the person names, so it has no value or default",
                    pointer,
                    "drop the value, or name the fixed path in the capability itself",
                )
        if argument not in declared:
            listed = ", ".join(sorted(declared)) or "none"
            yield Problem(
                f"{{{argument}}} is no declared argument of a package (declared: {listed})",
                pointer,
                "add it to packageArguments, as valueHint or name, or to the variables of a value",
            )


def _parts(spec: InputSpec) -> Iterator[tuple[str, InputSpec]]:
    yield from ((variable.name, variable) for variable in spec.variables)


RULE = Rule(
    id="argument-capability",
    severity=Severity.ERROR,
    rationale=(
        "The path comes from what the person gives for that argument; without one nothing "
        "would be granted."
    ),
    fires=Example(with_capabilities(sandbox=["fs:read:{folder}/**"])),
    silent=Example(
        {
            **with_package(packageArguments=[{"type": "positional", "valueHint": "folder"}]),
            **with_capabilities(sandbox=["fs:read:{folder}/**"]),
        }
    ),
    check=_check,
)
