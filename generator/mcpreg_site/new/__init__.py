"""A new registry's repository: the files under `registry/`, filled in.

Their names carry no leading dot (git and the wheel's builder would act on them where they lie):
`github/` becomes `.github/`, `gitignore` becomes `.gitignore`. `@@WORD@@` is a blank.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from mcpreg.core.settings import SETTINGS_FILE, parse_settings
from mcpreg.errors import InternalError, McpregError, UsageError
from mcpreg.store.files import write_atomic

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(/[A-Za-z0-9._-]{1,100})?", re.ASCII)
_ADDRESS = re.compile(r"https://[A-Za-z0-9.:/_~%-]*[A-Za-z0-9_~-]", re.ASCII)
_ACTION = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}", re.ASCII)
_BLANK = re.compile(r"@@[A-Z_]+@@")
_DOTTED = ("github", "gitignore")
_EMPTY_FOLDERS = ("owners", "reviews", "servers", "sources")
DEFAULT_BASE_URL = "https://registry.example.com"


@dataclass(frozen=True, slots=True)
class Registry:
    """What a new registry is called and who looks after it.

    `owner` is a GitHub account, or a team as organisation/team; `action` the mcpreg repository that
    the workflows take, as owner/name@commit, or None for a registry without workflows.
    """

    name: str
    owner: str
    base_url: str = DEFAULT_BASE_URL
    action: str | None = None


def render(registry: Registry) -> dict[str, bytes]:
    """The repository's files by path.

    Raises:
        UsageError: a name, owner, address or action that cannot be one.
    """
    _require_words(registry)
    blanks = {
        "@@NAME@@": registry.name,
        "@@OWNER@@": registry.owner,
        "@@BASE_URL@@": registry.base_url,
        "@@ACTION@@": _action(registry),
        "@@COMMENT@@": _action(registry, "comment"),
    }
    files = {path: _filled(text, blanks) for path, text in _templates() if _wanted(path, registry)}
    files |= {f"{folder}/.gitkeep": b"" for folder in _EMPTY_FOLDERS}
    parse_settings(files[SETTINGS_FILE])  # judged by those who will read it
    return files


def _wanted(path: str, registry: Registry) -> bool:
    return registry.action is not None or not path.startswith(".github/workflows/")


def _action(registry: Registry, name: str = "registry") -> str:
    repository, _, commit = (registry.action or "").partition("@")
    return f"{repository}/.github/actions/{name}@{commit}"


def _require_words(registry: Registry) -> None:
    if not _NAME.fullmatch(registry.name):
        raise UsageError(
            f"{registry.name!r} is no name for a registry",
            hint="lower-case letters, digits and hyphens, such as acme-tools",
        )
    if not _OWNER.fullmatch(registry.owner):
        raise UsageError(
            f"{registry.owner!r} is no GitHub account or team", hint="--owner acme or acme/security"
        )
    if not _ADDRESS.fullmatch(registry.base_url):
        raise UsageError(
            f"{registry.base_url!r} is no address for the site",
            hint="https, no final slash, such as https://mcp.acme.example",
        )
    if registry.action is not None and not _ACTION.fullmatch(registry.action):
        raise UsageError(
            f"{registry.action!r} names no commit of a repository",
            hint="--action OWNER/REPOSITORY@COMMIT, the commit in 40 hexadecimal digits",
        )


def _filled(text: str, blanks: Mapping[str, str]) -> bytes:
    for blank, value in blanks.items():
        text = text.replace(blank, value)
    left = _BLANK.search(text)
    if left:
        raise InternalError(f"nothing fills {left[0]}")
    return text.encode()


def _templates() -> Iterator[tuple[str, str]]:
    yield from _below(resources.files(__package__) / "registry", "")


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = f".{item.name}" if not prefix and item.name in _DOTTED else item.name
        if item.is_dir():
            yield from _below(item, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", item.read_text(encoding="utf-8")


def write(registry: Registry, folder: Path) -> list[str]:
    """Write the repository into a folder that is new, empty, or holds only `.git`.

    Returns the paths written.

    Raises:
        UsageError: as `render`, or there is something in the folder.
    """
    files = render(registry)
    try:
        if os.path.lexists(folder) and (not folder.is_dir() or _taken(folder)):
            raise UsageError(f"{folder} is not empty, so nothing is written there")
        for path, data in files.items():
            write_atomic(folder / path, data)
    except OSError as error:
        raise McpregError(f"cannot write {folder}: {error.strerror}") from error
    return sorted(files)


def _taken(folder: Path) -> bool:
    return any(item.name != ".git" for item in folder.iterdir())
