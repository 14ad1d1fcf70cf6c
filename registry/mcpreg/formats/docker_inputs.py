"""Docker's `config` and `run` as server.json's inputs, with the capabilities that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcpreg.core import capability
from mcpreg.core.capability import CapabilityError
from mcpreg.formats import docker_templates
from mcpreg.formats.docker_templates import Parameter
from mcpreg.formats.notes import Notes, shown

_MOUNT = re.compile(r"(.+?):([^:]+?)(:ro|:rw)?")
_SHELL = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
VOLUME = "--volume"
Json = Any
Object = Mapping[str, Any]


@dataclass
class Config:
    """What the two sections of a `server.yaml` come to."""

    server: str
    known: Mapping[str, Parameter]
    secrets: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Each secret's variable, by its name."""
    names: dict[str, str] = field(default_factory=dict)
    """What Docker calls a secret, by its variable's name, where that is not derived."""
    variables: list[dict[str, Json]] = field(default_factory=list)
    arguments: list[dict[str, Json]] = field(default_factory=list)
    mounts: list[dict[str, Json]] = field(default_factory=list)
    sandbox: list[str] = field(default_factory=list)

    def declared(self, wanted: Sequence[str], *, path: bool = False) -> dict[str, Json]:
        """`variables` for these parameters; one that nobody declared is a plain text."""
        found = {
            name: dict(self.known[name].input) if name in self.known else {} for name in wanted
        }
        for item in found.values():
            if path:
                item["format"] = "filepath"
                # What a person opens, they name themselves: a default would open it for them.
                if "default" in item:
                    item["placeholder"] = item.pop("default")
        return found

    def header(self, name: str, value: str) -> dict[str, Json]:
        """A header, its `${SECRET}` as a variable that is a secret."""
        used: dict[str, Json] = {}

        def replace(match: re.Match[str]) -> str:
            variable = match[1] or match[2]
            known = self.secrets.get(variable, {"isRequired": True, "isSecret": True})
            used[variable] = {key: item for key, item in known.items() if key != "name"}
            return "{" + variable + "}"

        text = _SHELL.sub(replace, value)
        return {"name": name, "value": text, **({"variables": used} if used else {})}


def derived_name(server: str, variable: str) -> str:
    """What Docker would call the secret of a variable."""
    return f"{server}.{variable.lower()}"


def read_config(config: Object, run: Object, server: str, notes: Notes) -> Config:
    """Both sections."""
    result = Config(server, docker_templates.parameters(config))
    for secret in _objects(config, "secrets", notes):
        _add_secret(result, secret, notes)
    for variable in _objects(config, "env", notes):
        _add_variable(result, variable, notes)
    for index, text in enumerate(_texts(run, "command", notes)):
        result.arguments.append(_argument(result, text, index, notes))
    for index, text in enumerate(_texts(run, "volumes", notes)):
        _add_volume(result, text, index, notes)
    for name, value in _plain_env(run):
        result.variables.append({"name": name, "value": value})
    return result


def _plain_env(run: Object) -> Iterator[tuple[str, str]]:
    env = run.get("env")
    for name, value in env.items() if isinstance(env, dict) else ():
        yield name, str(value)


def _objects(holder: Object, key: str, notes: Notes) -> Iterator[dict[str, Json]]:
    value = holder.get(key)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield item
        else:
            notes.add((key, index), "not an object, left out")


def _texts(holder: Object, key: str, notes: Notes) -> Iterator[str]:
    value = holder.get(key)
    for index, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, str):
            yield item
        else:
            notes.add(("run", key, index), "not a text, left out")


def _add_secret(result: Config, secret: dict[str, Json], notes: Notes) -> None:
    variable = secret.get("env")
    if not isinstance(variable, str) or not variable:
        notes.add(("config", "secrets"), "a secret without a variable, left out")
        return
    for key in secret.keys() - {"name", "env", "example", "description", "required"}:
        notes.add(("config", "secrets", variable, key), "an unknown key, left out")
    item: dict[str, Json] = {"name": variable}
    if isinstance(secret.get("description"), str):
        item["description"] = secret["description"]
    if secret.get("required") is not False:
        item["isRequired"] = True
    item["isSecret"] = True
    if secret.get("example") is not None:
        item["placeholder"] = str(secret["example"])
    name = secret.get("name")
    if isinstance(name, str) and name != derived_name(result.server, variable):
        result.names[variable] = name
    result.secrets[variable] = item
    result.variables.append(item)
    _grant(result, f"env:{variable}", notes)


def _add_variable(result: Config, variable: dict[str, Json], notes: Notes) -> None:
    name, value = variable.get("name"), variable.get("value")
    # One real entry writes a secret's keys here.
    name = variable["env"] if isinstance(variable.get("env"), str) else name
    if not isinstance(name, str) or not name:
        notes.add(("config", "env"), "a variable without a name, left out")
        return
    for key in variable.keys() - {"name", "env", "value", "example", "description", "required"}:
        notes.add(("config", "env", name, key), "an unknown key, left out")
    item: dict[str, Json] = {"name": name}
    if isinstance(variable.get("description"), str):
        item["description"] = variable["description"]
    if variable.get("required") is True:
        item["isRequired"] = True
    if value is None:
        _grant(result, f"env:{name}", notes)
    else:
        translated = docker_templates.translate(str(value), result.server)
        for odd in translated.odd:
            notes.add(("config", "env", name), f"no filter '{shown(odd)}' here")
        item["value"] = translated.text
        if translated.names:
            item["variables"] = result.declared(translated.names)
    if variable.get("example") is not None:
        item["placeholder"] = _plain(variable["example"])
    result.variables.append(item)


def _plain(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _argument(result: Config, text: str, index: int, notes: Notes) -> dict[str, Json]:
    alone = docker_templates.only(text, result.server)
    if alone is not None and "into" in alone[1]:
        name = alone[0]
        is_path = "volume-target" in alone[1]
        known = result.declared([name], path=is_path)[name]
        return {"type": "positional", **known, "valueHint": name, "isRepeated": True}
    translated = docker_templates.translate(text, result.server)
    for odd in translated.odd:
        notes.add(("run", "command", index), f"no filter '{shown(odd)}' here")
    if _SHELL.search(text):
        notes.add(("run", "command", index), "a variable of the shell, which nothing fills in here")
    item: dict[str, Json] = {"type": "positional", "value": translated.text}
    if translated.names:
        item["variables"] = result.declared(translated.names)
    return item


def _add_volume(result: Config, text: str, index: int, notes: Notes) -> None:
    alone = docker_templates.only(text, result.server)
    if alone is not None and "volume" in alone[1]:
        name = alone[0]
        result.mounts.append(_mount(result, f"{{{name}}}:{{{name}}}", [name], repeated=True))
        _grant(result, f"fs:write:{{{name}}}/**", notes)
        return
    translated = docker_templates.translate(text, result.server)
    match = _MOUNT.fullmatch(translated.text)
    result.mounts.append(_mount(result, translated.text, list(translated.names)))
    if match is None or not translated.names or match[1] != f"{{{translated.names[0]}}}":
        why = "a volume that Docker keeps or a fixed path of the host; no capability"
        notes.add(("run", "volumes", index), why)
        return
    access = "read" if match[3] == ":ro" else "write"
    below = "" if _is_file(match[2]) else "/**"
    _grant(result, f"fs:{access}:{match[1]}{below}", notes)


def _mount(
    result: Config, value: str, wanted: list[str], *, repeated: bool = False
) -> dict[str, Json]:
    item: dict[str, Json] = {"type": "named", "name": VOLUME, "value": value}
    if wanted:
        item["variables"] = result.declared(wanted, path=True)
    if repeated:
        item["isRepeated"] = True
    return item


def _is_file(target: str) -> bool:
    """By the name inside the container: Docker's files do not say which it is."""
    return "." in target.rpartition("/")[2].lstrip(".")


def _grant(result: Config, text: str, notes: Notes) -> None:
    try:
        grant = str(capability.parse(text))
    except CapabilityError:
        notes.add(("config",), f"no capability '{shown(text)}'")
        return
    if grant not in result.sandbox:
        result.sandbox.append(grant)
