"""Commands that start a package, read and written: `npx`, `uvx`, `docker run` and relatives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcpreg.core import names

_NPM = frozenset(("npx", "bunx", "pnpx"))
_PYPI = frozenset(("uvx", "pipx"))
_DOCKER = frozenset(("docker", "podman"))
_NPM_NAME = re.compile(r"((?:@[a-z0-9._~-]+/)?[A-Za-z0-9._~-]+)(?:@(.+))?")
_PYPI_NAME = re.compile(r"([A-Za-z0-9._-]+(?:\[[A-Za-z0-9,._-]+\])?)(?:(?:==|@)(.+))?")
# Options of docker run that take no value; every other one takes the next word, or has `=`.
_USUAL = frozenset(("-i", "-t", "-it", "--interactive", "--tty", "--rm", "--init"))
_FLAGS = frozenset(("-d", "--detach", "--privileged", "--read-only", "-P"))
Json = Any
Lose = Callable[[str, str], None]


def package_of(words: Sequence[str]) -> dict[str, Json] | None:
    """The package that a command starts, with its arguments; None when it is no such command."""
    program = words[0].rpartition("/")[2].removesuffix(".cmd").removesuffix(".exe")
    rest = list(words[1:])
    if program == "cmd" and rest[:1] == ["/c"]:  # how Windows starts a script
        return package_of(rest[1:]) if rest[1:] else None
    if program in _NPM or (program in ("npm", "pnpm", "yarn") and rest[:1] in (["exec"], ["dlx"])):
        return _npm(rest if program in _NPM else rest[1:])
    if program in _PYPI:
        return _pypi(rest[1:] if rest[:1] == ["run"] else rest)
    if program == "uv" and rest[:2] == ["tool", "run"]:
        return _pypi(rest[2:])
    if program in _DOCKER and rest[:1] == ["run"]:
        return _docker(rest[1:])
    return None


def _npm(rest: list[str]) -> dict[str, Json] | None:
    named = None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("-p", "--package") and rest:
            named = rest.pop(0)
        elif option.startswith("--package="):
            named = option.partition("=")[2]
        elif option == "--":
            break
    if not rest:
        return None
    word = rest.pop(0)
    return _package("npm", _NPM_NAME.fullmatch(named or word), rest)


def _pypi(rest: list[str]) -> dict[str, Json] | None:
    named = None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in ("--from", "--spec") and rest:
            named = rest.pop(0)
        elif option in ("--python", "--with", "--index-url", "-p") and rest:
            rest.pop(0)
        elif option.startswith(("--from=", "--spec=")):
            named = option.partition("=")[2]
    if not rest:
        return None
    word = rest.pop(0)
    return _package("pypi", _PYPI_NAME.fullmatch(named or word), rest)


def _package(kind: str, match: re.Match[str] | None, rest: list[str]) -> dict[str, Json] | None:
    if match is None:
        return None
    package: dict[str, Json] = {"registryType": kind, "identifier": match[1]}
    if match[2] and names.is_version(match[2]):
        package["version"] = match[2]
    return package | _rest(rest)


def _rest(arguments: list[str]) -> dict[str, Json]:
    listed = [{"type": "positional", "value": word} for word in arguments]
    return {
        "transport": {"type": "stdio"},
        **({"packageArguments": listed} if listed else {}),
    }


def _docker(rest: list[str]) -> dict[str, Json] | None:
    options: list[dict[str, Json]] = []
    variables: list[dict[str, Json]] = []
    while rest and rest[0].startswith("-"):
        option, equals, value = rest.pop(0).partition("=")
        if option in _USUAL:
            continue
        if option in _FLAGS:
            options.append({"type": "named", "name": option})
            continue
        if not equals:
            if not rest:
                return None
            value = rest.pop(0)
        if option in ("-e", "--env"):
            name, given, fixed = value.partition("=")
            variables.append(
                {"name": name, **({"value": fixed} if given else {"isRequired": True})}
            )
        else:
            options.append({"type": "named", "name": option, "value": value})
    if not rest:
        return None
    image = rest.pop(0)
    package: dict[str, Json] = {"registryType": "oci", "identifier": image}
    if options:
        package["runtimeArguments"] = options
    if variables:
        package["environmentVariables"] = variables
    return package | _rest(rest)


def command_of(package: Mapping[str, Json], lose: Lose) -> dict[str, Json] | None:
    """`{command, args, env}` for a package that speaks on stdio; None when nothing starts it.

    Args:
        package: of a valid manifest.
        lose: takes a pointer below the package, and the reason.
    """
    kind, version = package["registryType"], package.get("version")
    if package["transport"]["type"] != "stdio" or kind not in ("npm", "pypi", "oci"):
        return None
    variables = list(package.get("environmentVariables") or ())
    if kind == "oci":
        words = ["docker", "run", "-i", "--rm"]
        words += _words(package.get("runtimeArguments") or (), "/runtimeArguments", lose)
        words += [word for item in variables for word in ("-e", item["name"])]
        words.append(package["identifier"])
    else:
        at = "@" if kind == "npm" else "=="
        target = f"{package['identifier']}{at}{version}" if version else package["identifier"]
        words = ["npx", "-y", target] if kind == "npm" else ["uvx", target]
        for index in range(len(package.get("runtimeArguments") or ())):
            lose(f"/runtimeArguments/{index}", "npx and uvx are started without options")
    words += _words(package.get("packageArguments") or (), "/packageArguments", lose)
    for key in package.keys() & {"registryBaseUrl", "fileSha256"}:
        lose(f"/{key}", "a command has no place for it")
    entry: dict[str, Json] = {"command": words[0], "args": words[1:]}
    env = dict(_variable(item, index, lose) for index, item in enumerate(variables))
    return entry | ({"env": env} if env else {})


def _words(arguments: Sequence[Mapping[str, Json]], pointer: str, lose: Lose) -> list[str]:
    words: list[str] = []
    for index, item in enumerate(arguments):
        if item["type"] == "named":
            words.append(item["name"])
        value = item.get("value", item.get("default"))
        if value is None and item["type"] == "positional":
            value = f"<{item.get('valueHint') or 'value'}>"
        if value is not None:
            words.append(value)
        for key in item.keys() - {"type", "name", "value", "valueHint"}:
            lose(f"{pointer}/{index}/{key}", "a command line is words")
    return words


def _variable(item: Mapping[str, Json], index: int, lose: Lose) -> tuple[str, str]:
    for key in item.keys() - {"name", "value", "isSecret", "isRequired"}:
        lose(f"/environmentVariables/{index}/{key}", "a variable is a name and a value")
    return item["name"], item.get("value", "${" + item["name"] + "}")
