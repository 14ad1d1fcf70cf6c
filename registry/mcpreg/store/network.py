"""Whether mcpreg may use the network at all: the person's word, for this process and its children.

`--offline` and `MCPREG_OFFLINE=1` are the same thing. It is asked where a socket would be opened
(`mcpreg.trust.fetch`, `mcpreg.packages`), so that no path around it exists. It is about mcpreg:
what a server may contact is its capabilities' business.
"""

from __future__ import annotations

import os

VARIABLE = "MCPREG_OFFLINE"


def is_offline() -> bool:
    """Whether nothing may be fetched."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def go_offline() -> None:
    """From here on nothing is fetched, by this process or one that it starts."""
    os.environ[VARIABLE] = "1"
