"""What starts a package for clients of the API starts that package, and opens no host to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.examples import with_package
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.manifest import Argument, NamedArgument, Package
from mcpreg.core.position import Pointer

_NODE = ("npx", "npm", "node", "bunx", "bun", "deno", "pnpm", "yarn")
_PYTHON = ("uvx", "uv", "python", "python3", "pipx")
_CONTAINER = ("docker", "podman")
_OTHERS = ("dnx", "dotnet", "cargo")
_USUAL = {"npm": _NODE, "pypi": _PYTHON, "oci": _CONTAINER}
_KNOWN = frozenset((*_NODE, *_PYTHON, *_CONTAINER, *_OTHERS))

# Flags that fetch other code, run code given as text, or take the walls away.
_FLAGS: dict[tuple[str, ...], str] = {
    _NODE: r"--(registry|package|call|prefix|(user|global)config|script-shell|node-options"
    r"|require|import|loader|experimental-loader|eval|print|allow-all)|-[pcreA].*",
    _PYTHON: r"--(from|with(-editable|-requirements)?|index(-url|-strategy)?|default-index"
    r"|extra-index-url|find-links|(allow-insecure|trusted)-host|spec|pip-args|env-file|config-file"
    r"|overrides|constraints?|directory|project)|-[cifw].*",
    _CONTAINER: r"--(privileged|cap-add|device|security-opt|pid|ipc|uts|userns|cgroupns|entrypoint"
    r"|volumes-from|env-file|add-host)",
}
_HOST_NETWORK = re.compile(r"(--net(work)?[= ])?host")
_HOST_PATH = re.compile(r"(?:.*,)?(?:(?:source|src)=)?(?:/|~|\.\.|\$|[A-Za-z]:\\)")
_MOUNTS = ("-v", "--volume", "--mount")
_NETWORKS = ("--network", "--net")


def _check(case: Case) -> Iterator[Problem]:
    for index, package in enumerate(case.manifest.packages or ()):
        place: Pointer = ("packages", index)
        hint = package.runtime_hint
        if hint is not None and hint not in _KNOWN:
            said = f"{hint!r} is no program that clients start packages with"
            yield Problem(said, (*place, "runtimeHint"), f"one of {', '.join(sorted(_KNOWN))}")
        family = _family(package)
        for number, argument in enumerate(package.runtime_arguments or ()):
            why = _why(argument, family)
            if why:
                where = (*place, "runtimeArguments", number)
                yield Problem(why, where, "leave it out; what must be reviewed is in the package")


def _family(package: Package) -> tuple[str, ...]:
    hint = package.runtime_hint
    named = next((names for names in _FLAGS if hint in names), None)
    return named or _USUAL.get(package.registry_type, ())


def _why(argument: Argument, family: tuple[str, ...]) -> str | None:
    """What is wrong with an argument that is given as it is; what a person fills in is theirs."""
    named = argument.name if isinstance(argument, NamedArgument) else ""
    fixed = argument.value or argument.default or ""
    words = [word for text in (named, fixed) for word in text.split()]
    pattern = _FLAGS.get(family)
    for word in words:
        if pattern and re.fullmatch(pattern, word.partition("=")[0]):
            return f"{word} changes what is run, or what it may reach"
    if family == _CONTAINER:
        return _open(words)
    return None


def _open(words: list[str]) -> str | None:
    """Whether a container gets the host's network, or a path of the host that nobody chose."""
    first = words[0] if words else ""
    if first.startswith("-v") and first != "-v":  # as in -v/:/host
        first = f"-v={first[2:]}"
    flag, _, value = first.partition("=")
    rest = [value, *words[1:]]
    if flag in _NETWORKS and any(_HOST_NETWORK.fullmatch(word) for word in rest):
        return "the container would share the host's network"
    if flag in _MOUNTS and any(_HOST_PATH.match(word) for word in rest):
        return f"the container would get {' '.join(rest).strip()} of the host"
    return None


def _runtime(hint: str, name: str, value: str) -> Example:
    argument = {"type": "named", "name": name, "value": value}
    return Example(with_package(runtimeHint=hint, runtimeArguments=[argument]))


RULE = CaseRule(
    id="client-start",
    severity=Severity.ERROR,
    rationale=(
        "Clients of the API run `runtimeHint runtimeArguments package` outside of any sandbox of "
        "ours: --from and --registry run other code than was checked, and --privileged or a mount "
        "of / opens the machine."
    ),
    fires=_runtime("uvx", "--from", "git+https://code.example/clock"),
    silent=_runtime("uvx", "--python", "3.12"),
    check=_check,
)
