"""What an MCPB bundle says of itself: how its server is started, and what it asks a person for.

The bundle is a stranger's: only what starts code that lies in the bundle, on a Node or Python of
this machine or as a program of its own, is taken. `npx`, `uvx` and the like fetch code that no
digest names, and are refused; of the type `uv`, `uv run` stands for the Python in which the lock's
own wheels lie. Standard: MCPB manifest 0.2 (2025-08-26), and 0.4 for `uv`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal

from mcpreg.errors import McpregError
from mcpreg.packages.interface import APP

FILE = "manifest.json"
MAX_BYTES = 1 << 20  # of a manifest; the largest real one seen has 40 KB
HOME = "/home/mcp"  # inside
Kind = Literal["node", "python", "binary", "uv"]
_KINDS: tuple[Kind, ...] = ("node", "python", "binary", "uv")
_PYTHONS = re.compile(r"python(3(\.[0-9]{1,2})?)?")
_USER = re.compile(r"\$\{user_config\.([A-Za-z_][A-Za-z0-9_.-]*)\}")
_OURS = {"${__dirname}": APP, "${HOME}": HOME, "${/}": "/", "${pathSeparator}": "/"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_MAX_WORDS = 256
_PATH = "PYTHONPATH"
# Of `uv run`: what changes nothing, or names the bundle's own folder, where all is anyway.
_UV_FLAGS = frozenset(
    ("--frozen", "--locked", "--no-sync", "--no-dev", "--no-progress", "--quiet", "-q", "--offline")
)
_UV_FOLDERS = ("--directory", "--project")
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """How the bundled server is started inside the sandbox, the bundle lying at `/app`.

    `command` ends before the first word that a person's answer goes into: that word and all after
    it are `asked`, and are the manifest's `packageArguments`. `environment` holds the variables
    with fixed values, `variables` the names of those that a person's answers go into.
    """

    kind: Kind
    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    script: str
    """The file of the bundle that is started, relative to it."""
    asked: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    runtimes: Mapping[str, str] = field(default_factory=dict)
    """Version ranges by interpreter, as the bundle writes them."""


def parse(data: bytes) -> Bundle:
    """Read a bundle's `manifest.json`. Raises `McpregError` that says what of it cannot be run."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise McpregError(f"the bundle's {FILE} is not JSON: {error}") from error
    server = _object(document, "server")
    kind = server.get("type")
    if kind not in _KINDS:
        raise McpregError(
            f"the bundle's server is of the type {kind!r}", hint=f"one of {', '.join(_KINDS)}"
        )
    _require_linux(_object(document, "compatibility").get("platforms"))
    config = _config(server)
    words = [_word(word) for word in _texts(config.get("args"), "args")]
    split = next((i for i, word in enumerate(words) if _USER.search(word)), len(words))
    env = {name: _word(value) for name, value in _variables(config)}
    command = _command(kind, server, config, words[:split])
    script = _script(command, server)
    fixed = {name: value for name, value in env.items() if not _USER.search(value)}
    if kind in ("python", "uv"):
        # As Python has it for a script; the sandbox turns that off for the folder of the person.
        paths = [f"{APP}/{PurePosixPath(script).parent}".removesuffix("/.")]
        # uv installs the project as editable, which is to import it from one of these.
        paths += [f"{APP}/src", APP] if kind == "uv" else []
        fixed[_PATH] = ":".join(dict.fromkeys(filter(None, (*paths, fixed.get(_PATH)))))
    if not _is_plain(script):
        raise McpregError(
            f"the bundle starts {script or 'no file of its own'!r}",
            hint="server.mcp_config.args names a file below ${__dirname}",
        )
    return Bundle(
        kind=kind,
        version=str(document.get("version", "")),
        command=command,
        environment=fixed,
        script=script,
        asked=tuple(words[split:]),
        variables=tuple(name for name, value in env.items() if _USER.search(value)),
        runtimes=dict(_ranges(document)),
    )


def _config(server: Object) -> Object:
    """`mcp_config` as it is on Linux."""
    config = _object(server, "mcp_config")
    linux = _object(_object(config, "platform_overrides"), "linux")
    return {**config, **linux, "env": {**_object(config, "env"), **_object(linux, "env")}}


def _command(kind: Kind, server: Object, config: Object, words: list[str]) -> tuple[str, ...]:
    entry = server.get("entry_point")
    script = f"{APP}/{entry}" if isinstance(entry, str) else ""
    program = _word(str(config.get("command") or ""))
    name = PurePosixPath(program).name
    if kind == "uv":
        return ("python3", *(_uv_run(program, words) if program else [script]))
    if kind == "binary":
        if program and not program.startswith("/"):
            program = f"{APP}/{program}"
        return (program or script, *words)
    fits = name == "node" if kind == "node" else _PYTHONS.fullmatch(name)
    if program and not fits:
        raise McpregError(
            f"the bundle is started by {program!r}",
            hint=f"a {kind} bundle is started by {'node' if kind == 'node' else 'python3'}; "
            "what fetches packages when it starts has code that no digest names",
        )
    return ("node" if kind == "node" else "python3", *(words or [script]))


def _uv_run(program: str, words: list[str]) -> list[str]:
    """What `uv run` starts: a file of the bundle, with its arguments, all of it as Python's own."""
    rest = list(words[1:])
    if PurePosixPath(program).name != "uv" or words[:1] != ["run"]:
        raise McpregError(
            f"the bundle is started by {' '.join((program, *words[:1]))!r}",
            hint="a uv bundle is started by uv run SCRIPT, or says its entry_point alone",
        )
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        option, equals, value = rest.pop(0).partition("=")
        if option in _UV_FOLDERS:
            value = value if equals or not rest else rest.pop(0)
        if option not in _UV_FLAGS and not (option in _UV_FOLDERS and value in (APP, f"{APP}/")):
            raise McpregError(
                f"the bundle is started by uv run {f'{option} {value}'.strip()}",
                hint="its code and its dependencies are what the lock names: no other option of uv",
            )
    if rest and _PYTHONS.fullmatch(rest[0]):
        rest.pop(0)
    if rest and rest[0].endswith(".py") and not rest[0].startswith("/"):
        rest[0] = f"{APP}/{rest[0]}"  # uv is started in the bundle's folder
    if not rest or not (rest[0] == "-m" or rest[0].startswith(f"{APP}/")):
        raise McpregError(
            f"the bundle starts the command {(rest or ['of no name'])[0]!r} of its project",
            hint="the project would have to be built for that; name a .py file, or -m MODULE",
        )
    return rest


def _script(command: tuple[str, ...], server: Object) -> str:
    """The first file of the bundle on the command line; of `python -m`, its `entry_point`."""
    entry = server.get("entry_point")
    named = (word for word in command if word.startswith(f"{APP}/"))
    return next(named, f"{APP}/{entry}").removeprefix(f"{APP}/")


def _word(text: str) -> str:
    for name, value in _OURS.items():
        text = text.replace(name, value)
    if "${" in _USER.sub("", text) or "\0" in text:
        raise McpregError(f"the bundle asks for {text[:100]!r}, which has no meaning in a sandbox")
    return text


def _variables(config: Object) -> Iterator[tuple[str, str]]:
    for name, value in _object(config, "env").items():
        if not isinstance(value, str) or not _NAME.fullmatch(name):
            raise McpregError(f"the bundle's variable {name[:100]!r} is not a name and a text")
        yield name, value


def _ranges(document: Object) -> Iterator[tuple[str, str]]:
    runtimes = _object(_object(document, "compatibility"), "runtimes")
    return ((name, text) for name, text in runtimes.items() if isinstance(text, str))


def _require_linux(platforms: object) -> None:
    if isinstance(platforms, list) and platforms and "linux" not in platforms:
        raise McpregError(f"the bundle is for {', '.join(map(str, platforms))}, not for linux")


def _is_plain(path: str) -> bool:
    return bool(path) and ".." not in PurePosixPath(path).parts and path.isprintable()


def _texts(value: object, what: str) -> list[str]:
    words = value or []
    if not isinstance(words, list) or len(words) > _MAX_WORDS:
        raise McpregError(f"the bundle's {what} is not a list of texts")
    if not all(isinstance(word, str) for word in words):
        raise McpregError(f"the bundle's {what} is not a list of texts")
    return words


def _object(holder: object, key: str) -> Object:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}
