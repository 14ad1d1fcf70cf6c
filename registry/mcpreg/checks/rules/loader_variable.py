"""No variable decides which code runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.examples import with_capabilities
from mcpreg.checks.interface import Example, Problem, Rule, Severity
from mcpreg.checks.subject import Subject
from mcpreg.core.capability import Variable
from mcpreg.core.docker_options import Handed
from mcpreg.core.inputs import docker_options

# ld.so(8), dyld(1), python(1), node(1), bash(1), perlrun(1), ruby(1), git(1)
_LOADERS = re.compile(
    r"LD_[A-Z_]+|DYLD_[A-Z_]+|GCONV_PATH|PYTHON(PATH|HOME|STARTUP|INSPECT|BREAKPOINT|WARNINGS)"
    r"|NODE_(OPTIONS|PATH|REPL_EXTERNAL_MODULE)|BASH_ENV|ENV|PERL5?(OPT|LIB|DB)|RUBY(OPT|LIB)"
    # From where clients of the API fetch the package that they start.
    r"|(UV|PIP)_([A-Z_]*INDEX[A-Z_]*|FIND_LINKS|CONFIG_FILE|OVERRIDE|CONSTRAINT|TRUSTED_HOST)"
    r"|[Nn][Pp][Mm]_[Cc][Oo][Nn][Ff][Ii][Gg]_\w+"
    r"|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|GIT_(SSH|SSH_COMMAND|EXEC_PATH|EXTERNAL_DIFF|PROXY_COMMAND)"
)


def _check(subject: Subject) -> Iterator[Problem]:
    for grant in subject.grants:
        item = grant.capability
        if isinstance(item, Variable) and _LOADERS.fullmatch(item.name):
            yield Problem(f"{item.name} decides which code runs", grant.pointer)
    for number, package in enumerate(subject.manifest.packages or ()):
        for index, variable in enumerate(package.environment_variables or ()):
            if _LOADERS.fullmatch(variable.name):
                place = ("packages", number, "environmentVariables", index, "name")
                yield Problem(f"{variable.name} decides which code runs", place)
        for found in docker_options(package):
            if isinstance(found, Handed) and _LOADERS.fullmatch(found.name):
                option = ("packages", number, "runtimeArguments", found.index)
                yield Problem(f"{found.name} decides which code runs", option)


RULE = Rule(
    id="loader-variable",
    severity=Severity.ERROR,
    rationale=(
        "Variables such as LD_PRELOAD or NODE_OPTIONS load code that no lock names and no review "
        "has seen."
    ),
    fires=Example(with_capabilities(sandbox=["env:LD_PRELOAD", "net:none"])),
    silent=Example(with_capabilities(sandbox=["net:none"])),
    check=_check,
)
