"""The keys of `_meta` in the API's answers, as upstream's documents reserve them.

By themselves: who serves a built site needs nothing of what makes one.
"""

from __future__ import annotations

OFFICIAL = "io.modelcontextprotocol.registry/official"
PUBLISHER = "io.modelcontextprotocol.registry/publisher-provided"
OURS = "dev.mcpreg/entry"
