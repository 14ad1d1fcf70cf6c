"""Container image references: `[host[:port]/]path[:tag][@digest]`."""

from __future__ import annotations

from mcpreg.core import names


def tag_of(image: str) -> str | None:
    """The tag, when there is one."""
    name, colon, tag = image.partition("@")[0].rpartition(":")
    return tag if colon and name and "/" not in tag else None


def version_of(image: str) -> str | None:
    """The tag as a version when it is one exact version: `v0.19.1` → `0.19.1`, `latest` → None."""
    tag = tag_of(image)
    is_semantic = tag is not None and names.version_key(tag)[0] == 1
    return tag.removeprefix("v") if tag is not None and is_semantic else None
