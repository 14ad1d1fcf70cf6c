"""What a server says on its standard error, on its way to a person's terminal.

A terminal takes commands among the text: into the clipboard, the title, the answer-back. It is also
opened for both ways, so that a server that had it could read what is typed there. Through a pipe
and this filter it gets neither; colours pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# ECMA-48: SGR, "select graphic rendition"; then C0 controls but tab and line ends, and C1 in UTF-8.
_CONTROL = re.compile(rb"(\x1b\[[0-9;:]{0,64}m)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
_UNFINISHED = re.compile(rb"(?:\x1b(?:\[[0-9;:]{0,64})?|\xc2)\Z")


class Printable:
    """Implements `Filter`: refuses nothing, and puts `?` where a control character was."""

    refusal = None

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The text without controls; the beginning of a sequence waits for its end."""
        text = self._held + data
        unfinished = _UNFINISHED.search(text)
        self._held = text[unfinished.start() :] if unfinished else b""
        return (self._clean(text[: len(text) - len(self._held)]),)

    def end(self) -> Sequence[bytes]:
        """What waited."""
        held, self._held = self._held, b""
        return (self._clean(held),)

    @staticmethod
    def _clean(text: bytes) -> bytes:
        return _CONTROL.sub(lambda found: found[1] or b"?", text)
