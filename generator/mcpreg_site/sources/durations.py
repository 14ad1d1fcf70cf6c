"""Durations as Go writes them: `30s`, `1h30m`, `500ms`, `1.5h`."""

from __future__ import annotations

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
MAX_LENGTH = 40  # characters; longer ones are no durations that a person wrote


def seconds(text: str) -> float:
    """The duration in seconds.

    Follows Go's `time.ParseDuration`, without its signs: nobody waits a negative time.

    Raises:
        ValueError: it is no duration, with the reason in words.
    """
    if len(text) > MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:MAX_LENGTH]!r} is not a duration such as 30s, 15m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
