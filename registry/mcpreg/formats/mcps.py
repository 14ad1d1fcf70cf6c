"""Our own format, under its old file name `mcp-manifest.json` too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpreg.formats.interface import Converted


class Mcps:
    """`mcps.json`: nothing to convert."""

    name = "mcps"

    def to_mcps(self, document: Mapping[str, Any]) -> Converted:
        """The document as it is."""
        return Converted(dict(document))

    def from_mcps(self, document: Mapping[str, Any]) -> Converted:
        """The document as it is."""
        return Converted(dict(document))
