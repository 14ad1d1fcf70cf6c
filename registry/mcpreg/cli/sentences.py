"""Capabilities in plain words, for the commands that show them."""

from __future__ import annotations

from collections.abc import Iterable

from mcpreg.core import capability


def describe_capabilities(texts: Iterable[str]) -> list[str]:
    """One sentence part a capability, in the manifest's order."""
    return [capability.describe(item) for item in capability.parse_all(texts)]
