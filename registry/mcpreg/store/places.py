"""Where things lie on this machine (XDG Base Directory Specification, through platformdirs)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import platformdirs

from mcpreg.errors import UsageError

_APP = "mcpreg"


class Places(NamedTuple):
    """`config` is worth a backup, `data` can be installed again, `cache` can be deleted."""

    config: Path
    data: Path
    cache: Path
    state: Path


def places() -> Places:
    """The folders of the current user; created when something is written.

    Raises `UsageError`: a user without a home folder, as containers have them.
    """
    try:
        return Places(
            config=Path(platformdirs.user_config_dir(_APP)),
            data=Path(platformdirs.user_data_dir(_APP)),
            cache=Path(platformdirs.user_cache_dir(_APP)),
            state=Path(platformdirs.user_state_dir(_APP)),
        )
    except RuntimeError as error:  # of pathlib
        raise UsageError(
            "this user has no home folder, so there is no place for what is installed",
            hint="set HOME to a folder of this user's own",
        ) from error
