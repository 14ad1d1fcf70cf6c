"""Manifests as Docker's folders: `<name>/server.yaml`, with `tools.json` and `readme.md`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from mcpreg.core import capability
from mcpreg.core.capability import Egress, Files, Network, Variable
from mcpreg.formats import docker_kept, docker_templates
from mcpreg.formats.docker_inputs import VOLUME, derived_name
from mcpreg.formats.interface import Exported, Loss, Written

Json = Any
Object = Mapping[str, Any]
Lose = Callable[[str, str], None]
_TYPES = {"number": "number", "boolean": "boolean"}
_HELD = frozenset(("name", "title", "description", "version", "repository", "icons", "tags"))
_HELD |= {"_meta", "packages", "remotes", "capabilities"}


def write_folders(servers: Sequence[Exported]) -> Written:
    """A folder a server; the second one of a name is left out."""
    files: dict[str, bytes] = {}
    losses: list[Loss] = []
    for server in servers:
        name = str(server.document["name"])
        short = name.rpartition("/")[2]

        def lose(pointer: str, reason: str, name: str = name) -> None:
            losses.append(Loss(name, pointer, reason))

        entry = _entry(server.document, short, lose)
        if entry is None:
            lose("", "Docker's registry holds images and remote servers, and this is neither")
        elif f"{short}/server.yaml" in files:
            lose("", f"another server is called {short} already, and Docker has no namespaces")
        else:
            files |= _files(short, entry, server, lose)
    return Written(files, tuple(losses))


def _files(short: str, entry: Object, server: Exported, lose: Lose) -> dict[str, bytes]:
    text = yaml.safe_dump(dict(entry), sort_keys=False, allow_unicode=True, width=10_000)
    files = {f"{short}/server.yaml": text.encode()}
    tools = server.document.get("capabilities", {}).get("tools", ())
    if tools and "tools" not in entry:
        body = json.dumps([_tool(tool, lose) for tool in tools], indent=2, ensure_ascii=False)
        files[f"{short}/tools.json"] = f"{body}\n".encode()
    if server.readme is not None:
        files[f"{short}/readme.md"] = server.readme.encode()
    if server.status != "active":
        lose("status", f"Docker's registry cannot say that it is {server.status}")
    return files


def _tool(tool: Json, lose: Lose) -> Json:
    if isinstance(tool, str):
        return {"name": tool}
    for key in tool.keys() - {"name", "description", "inputSchema", "annotations"}:
        lose(f"/capabilities/tools/{tool['name']}/{key}", "no such member in tools.json")
    return {key: value for key, value in tool.items() if key not in ("title", "outputSchema")}


def _entry(document: Object, short: str, lose: Lose) -> dict[str, Json] | None:
    keeps = docker_kept.find(document)
    image = _image(document, lose)
    remotes = document.get("remotes") or ()
    if image is None and not remotes and keeps.get("type") != "poci":
        return None
    for index in range(len(remotes)):
        if image is not None or index:
            lose(f"/remotes/{index}", "Docker's entries are one image or one remote server")
    for key in document.keys() - _HELD - {"$schema"}:
        lose(f"/{key}", "no such member in server.yaml")
    entry: dict[str, Json] = {"name": short}
    if image is not None:
        entry["image"] = image["identifier"]
    entry["type"] = "server" if image else "remote" if remotes else keeps["type"]
    entry["meta"] = _meta(document, keeps)
    entry["about"] = _about(document, lose)
    source = _source(document, keeps, lose)
    if source:
        entry["source"] = source
    parameters: dict[str, Json] = {}
    config: dict[str, Json] = dict(keeps.get("config", {}))
    if image is not None:
        command = list(_command(image.get("packageArguments", ()), parameters, short, lose))
        volumes = list(_volumes(image.get("runtimeArguments", ()), parameters, short, lose))
        run = _run(document, image, command, volumes, lose)
        if run:
            entry["run"] = run
        config |= _config(image.get("environmentVariables", ()), keeps, parameters, short, lose)
    elif remotes:
        entry["remote"], config["secrets"] = _remote(remotes[0], keeps, short, lose)
        if not config["secrets"]:
            del config["secrets"]
    if parameters:
        config["parameters"] = _schema(parameters)
    if config:
        entry["config"] = config
    return entry | {
        key: keeps[key]
        for key in ("oauth", "dynamic", "longLived", "requirement", "tools")
        if key in keeps
    }


def _image(document: Object, lose: Lose) -> Object | None:
    """The package that is written: the first image that speaks on stdio."""
    chosen: Object | None = None
    for index, package in enumerate(document.get("packages") or ()):
        stdio = package["transport"]["type"] == "stdio"
        if chosen is None and package["registryType"] == "oci" and stdio:
            chosen = package
            for key in ("version", "registryBaseUrl", "fileSha256", "runtimeHint"):
                if key in package:
                    lose(f"/packages/{index}/{key}", "no such member in server.yaml")
        else:
            lose(f"/packages/{index}", "Docker's entries are one image, which speaks on stdio")
    return chosen


def _meta(document: Object, keeps: Object) -> dict[str, Json]:
    tags = list(document.get("tags", ()))
    category = keeps.get("category")
    if category is None:
        category = tags[0] if tags else "other"
    return {"category": category, "tags": tags}


def _about(document: Object, lose: Lose) -> dict[str, Json]:
    short = document["name"].rpartition("/")[2]
    about = {"title": document.get("title", short), "description": document["description"]}
    for index, icon in enumerate(document.get("icons") or ()):
        if "icon" in about:
            lose(f"/icons/{index}", "Docker shows one icon")
            continue
        about["icon"] = icon["src"]
        for key in icon.keys() - {"src"}:
            lose(f"/icons/{index}/{key}", "Docker's icon is an address")
    return about


def _source(document: Object, keeps: Object, lose: Lose) -> dict[str, Json]:
    repository = document.get("repository") or {}
    source: dict[str, Json] = {}
    if repository.get("url"):
        source["project"] = repository["url"]
    if "subfolder" in repository:
        source["directory"] = repository["subfolder"]
    if "id" in repository:
        lose("/repository/id", "no such member in server.yaml")
    return source | dict(keeps.get("source", {}))


def _run(
    document: Object, image: Object, command: list[str], volumes: list[str], lose: Lose
) -> dict[str, Json]:
    keeps = docker_kept.find(document)
    run: dict[str, Json] = {}
    if command:
        run["command"] = command
    if volumes:
        run["volumes"] = volumes
    if "user" in keeps:
        run["user"] = keeps["user"]
    hosts = list(_sandbox(document, image, volumes, lose, run))
    kept = [host for host in keeps.get("allowHosts", ()) if host not in hosts]
    if hosts or kept:
        run["allowHosts"] = hosts + kept
    return run


def _sandbox(
    document: Object, image: Object, volumes: Sequence[str], lose: Lose, run: dict[str, Json]
) -> Iterator[str]:
    """The hosts of the capabilities; what has no place is said."""
    declared = {item["name"] for item in image.get("environmentVariables", ())}
    for index, text in enumerate(document.get("capabilities", {}).get("sandbox", ())):
        pointer = f"/capabilities/sandbox/{index}"
        grant = capability.parse(text)
        match grant:
            case Egress(endpoints):
                yield from (f"{item.host}:{item.port}" for item in endpoints)
            case Network("none"):
                run["disableNetwork"] = True
            case Variable(name) if name in declared:
                pass
            case Files() if any(f".{grant.argument}" in volume for volume in volumes):
                pass
            case _:
                lose(pointer, "Docker's entries cannot say it")
    for key in document.get("capabilities", {}).keys() - {"tools", "sandbox"}:
        lose(f"/capabilities/{key}", "no such member in server.yaml")


def _command(
    arguments: Sequence[Object], parameters: dict[str, Json], short: str, lose: Lose
) -> Iterator[str]:
    for index, item in enumerate(arguments):
        place = f"/packages/0/packageArguments/{index}"
        if item["type"] == "named":
            yield item["name"]
        if "value" in item:
            variables = item.get("variables", {})
            parameters |= variables
            yield docker_templates.back(item["value"], variables, short)
        elif item.get("valueHint"):
            name = item["valueHint"]
            parameters[name] = item
            filters = "|volume-target|into" if item.get("format") == "filepath" else "|into"
            yield f"{{{{{short}.{name}{filters if item.get('isRepeated') else ''}}}}}"
        elif item["type"] == "positional":
            lose(place, "an argument without a value or a name")


def _volumes(
    arguments: Sequence[Object], parameters: dict[str, Json], short: str, lose: Lose
) -> Iterator[str]:
    for index, item in enumerate(arguments):
        place = f"/packages/0/runtimeArguments/{index}"
        variables = item.get("variables", {})
        if item["type"] != "named" or item["name"] != VOLUME or "value" not in item:
            lose(place, "Docker's entries know volumes alone")
        elif item.get("isRepeated") and len(variables) == 1:
            (name,) = variables
            parameters.setdefault(name, {**variables[name], "isRepeated": True})
            yield f"{{{{{short}.{name}|volume|into}}}}"
        else:
            parameters |= variables
            yield docker_templates.back(item["value"], variables, short)


def _config(
    variables: Sequence[Object],
    keeps: Object,
    parameters: dict[str, Json],
    short: str,
    lose: Lose,
) -> dict[str, Json]:
    secrets, env = [], []
    for index, item in enumerate(variables):
        place = f"/packages/0/environmentVariables/{index}"
        for key in item.keys() & {"format", "default", "choices"}:
            if not item.get("variables"):
                lose(f"{place}/{key}", "Docker's variables have none")
        if item.get("isSecret") and "value" not in item:
            secrets.append(_secret(item, keeps, short))
            continue
        if item.get("isSecret"):
            lose(f"{place}/isSecret", "Docker's secrets have no fixed value")
        entry = {"name": item["name"]}
        if "value" in item:
            parameters |= item.get("variables", {})
            entry["value"] = docker_templates.back(item["value"], item.get("variables", {}), short)
        entry |= _said(item)
        if item.get("isRequired"):
            entry["required"] = True
        env.append(entry)
    return {key: value for key, value in (("secrets", secrets), ("env", env)) if value}


def _said(item: Object) -> dict[str, Json]:
    pairs = (("placeholder", "example"), ("description", "description"))
    return {theirs: item[ours] for ours, theirs in pairs if ours in item}


def _secret(item: Object, keeps: Object, short: str) -> dict[str, Json]:
    variable = item["name"]
    name = keeps.get("secretNames", {}).get(variable, derived_name(short, variable))
    secret = {"name": name, "env": variable, **_said(item)}
    return secret if item.get("isRequired") else {**secret, "required": False}


def _remote(
    remote: Object, keeps: Object, short: str, lose: Lose
) -> tuple[dict[str, Json], list[Json]]:
    entry: dict[str, Json] = {"transport_type": remote["type"], "url": remote["url"]}
    secrets: dict[str, Json] = {}
    headers = {}
    if "variables" in remote:
        lose("/remotes/0/variables", "Docker's addresses are fixed")
    for index, item in enumerate(remote.get("headers", ())):
        if "value" not in item:
            lose(f"/remotes/0/headers/{index}", "Docker's headers have a value")
            continue
        value = item["value"]
        for name, variable in item.get("variables", {}).items():
            secrets[name] = _secret({"name": name, **variable}, keeps, short)
            value = value.replace("{" + name + "}", "${" + name + "}")
        headers[item["name"]] = value
    if headers:
        entry["headers"] = headers
    return entry, list(secrets.values())


def _schema(parameters: Object) -> dict[str, Json]:
    """A JSON Schema with dots as levels, as Docker nests them."""
    root: dict[str, Json] = {"type": "object", "properties": {}}
    for dotted, item in parameters.items():
        *path, leaf = dotted.split(".")
        here = root
        for step in path:
            below = here["properties"].setdefault(step, {"type": "object", "properties": {}})
            if item.get("isRequired") and step not in here.setdefault("required", []):
                here["required"].append(step)
            here = below
        here["properties"][leaf] = _leaf(item)
        if item.get("isRequired"):
            here.setdefault("required", []).append(leaf)
    return root


def _leaf(item: Object) -> dict[str, Json]:
    if item.get("isRepeated"):
        leaf: dict[str, Json] = {"type": "array", "items": {"type": "string"}}
    else:
        leaf = {"type": _TYPES.get(item.get("format", ""), "string")}
    if "description" in item:
        leaf["description"] = item["description"]
    default = item.get("default", item.get("placeholder"))
    if default is not None:
        leaf["default"] = [default] if item.get("isRepeated") else _default(default, leaf["type"])
    if "choices" in item:
        leaf["enum"] = list(item["choices"])
    return leaf


def _default(text: str, kind: str) -> Json:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "number":
        try:
            return int(text) if text.lstrip("-").isdigit() else float(text)
        except ValueError:
            return text
    return text
