"""Server names and versions, as the official registry defines them.

A name is `namespace/name`, 3 to 200 characters, pattern `^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`, each
part beginning and ending alphanumeric (server.json 2025-12-11). A version is any string that is
not `latest` and not a range; semantic versions order before others.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from mcpreg.errors import UsageError

NAME_LIMIT = 200
_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9{}-]*[a-zA-Z0-9])?"
# Patterns are texts, compiled by `re` when they are first used: a start uses few of them.
NAME_PATTERN = rf"{_PART.format('.')}/{_PART.format('._')}"
# A version is also a folder and a URL segment, so path tricks are refused with ranges.
VERSION_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9._+!-]{0,127}"
_FOLDER_LIMIT = 200  # a file name holds 255 bytes, and a record adds its ending
# Comparators before a number, alternatives, hyphen ranges, and x or * for a part.
_RANGE = r"^[\^~<>=]|\|\||\s-\s|\s[<>=^~]|(?:^|\.)[xX*](?:\.|$)|^\*"
_SEMVER = (
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)
_SCOPED = r"@([a-zA-Z0-9-]+)/([a-zA-Z0-9._-]+)"


class Reference(NamedTuple):
    """What a person names on the command line: a server, perhaps at a version."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


def is_name(text: str) -> bool:
    """Whether `text` is a valid server name."""
    return 3 <= len(text) <= NAME_LIMIT and re.fullmatch(NAME_PATTERN, text) is not None


def is_version(text: str) -> bool:
    """Whether `text` is one version that is also a plain folder name: what we accept by hand."""
    return is_one_version(text) and re.fullmatch(VERSION_PATTERN, text) is not None


def is_one_version(text: str) -> bool:
    """Whether `text` is one version by upstream's rule: any text but `latest` and ranges.

    What cannot be printed, or would not fit a folder name once encoded, is left out too.
    """
    return (
        text != "latest"
        and text.isprintable()
        and text.strip() == text != ""
        and re.search(_RANGE, text) is None
        and len(version_folder(text)) <= _FOLDER_LIMIT
    )


def version_folder(version: str) -> str:
    """The version as one path segment: itself, or percent-encoded where it must be (RFC 3986).

    Mirrored registries hold versions such as `{{VERSION}}` and `1.0.1º`; no text is a path trick.
    """
    quoted = quote(version, safe="+!")
    return "%2E" + quoted[1:] if quoted.startswith(".") else quoted


def parse_reference(text: str) -> Reference:
    """Read `namespace/name[@version]` or `@org/pkg[@version]` (SPEC section 2).

    Raises:
        UsageError: the text is neither.
    """
    body, at, version = text[1:].partition("@")
    name = text[:1] + body
    scoped = re.fullmatch(_SCOPED, name)
    if scoped:
        name = f"io.github.{scoped[1]}/{scoped[2]}"
    if not is_name(name):
        raise UsageError(
            f"{text!r} is not a server name",
            hint="names look like io.github.owner/server; try: mcpreg search WORD",
        )
    if at and version != "latest" and not is_version(version):
        raise UsageError(f"{version!r} in {text!r} is not an exact version")
    return Reference(name, None if version in ("", "latest") else version)


def version_key(
    version: str,
) -> tuple[int, tuple[int, int, int], tuple[int, tuple[tuple[int, int, str], ...]], str]:
    """Sort key: semantic versions by precedence (semver 2.0.0 section 11), others below them."""
    match = re.fullmatch(_SEMVER, version, re.ASCII)
    if not match:
        return (0, (0, 0, 0), (0, ()), version)
    core = (int(match[1]), int(match[2]), int(match[3]))
    if match[4] is None:
        return (1, core, (1, ()), version)
    identifiers = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in match[4].split(".")
    )
    return (1, core, (0, identifiers), version)
