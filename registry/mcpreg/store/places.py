"""Where things lie on this machine (XDG Base Directory Specification, through platformdirs)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import platformdirs

_APP = "mcpreg"


class Places(NamedTuple):
    """`config` is worth a backup, `data` can be installed again, `cache` can be deleted."""

    config: Path
    data: Path
    cache: Path
    state: Path


def places() -> Places:
    """The folders of the current user; created when something is written."""
    return Places(
        config=Path(platformdirs.user_config_dir(_APP)),
        data=Path(platformdirs.user_data_dir(_APP)),
        cache=Path(platformdirs.user_cache_dir(_APP)),
        state=Path(platformdirs.user_state_dir(_APP)),
    )
