"""TUF never goes back: a client that saw version N refuses N-1 for good (TUF section 5.4.4).

So a tree with older metadata than readers can already see is not deployed, however it came about: a
build of an old commit, two jobs that ended in the other order, a key used twice. A rollback
restores pages and API, and leaves `/tuf/` and `/targets/` as they are; what is wrong in the signed
state is put right forwards, by `mcpreg ci delete` or a revert, and published anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from mcpreg.errors import VerificationError
from mcpreg_site.deploy.inventory import UNKNOWN
from mcpreg_site.deploy.order import is_leaf

MAX_TIMESTAMP = 64 << 10  # bytes; python-tuf reads 16 KiB at most
_ROOT = re.compile(r"tuf/(\d+)\.root\.json", re.ASCII)


def require_forward(new: bytes | None, visible: bytes | None) -> None:
    """Compare two `timestamp.json`; None is none. Raises `VerificationError`."""
    if visible is None or new == visible:
        return
    if new is None:
        raise VerificationError(
            "this site is not signed, but the one there is: its clients would be locked out",
            hint="build from the published branch, or deploy to another place",
        )
    (was, was_snapshot), (now, now_snapshot) = _versions(visible), _versions(new)
    if now <= was or now_snapshot < was_snapshot:
        raise VerificationError(
            f"the site has TUF timestamp {now}, snapshot {now_snapshot}; readers have seen "
            f"timestamp {was}, snapshot {was_snapshot}, and refuse to go back",
            hint="build from the newest published commit; for older pages use --rollback",
        )


def require_roots(new: Iterable[str], visible: Iterable[str]) -> None:
    """Refuse a tree that lacks a root version that readers may have. Raises `VerificationError`."""
    missing = {path for path in visible if _ROOT.fullmatch(path)} - set(new)
    if missing:
        raise VerificationError(
            f"the site lacks {sorted(missing)[-1]}, which clients walk through",
            hint="build from the newest published commit",
        )


def require_leaves(new: Mapping[str, str], visible: Mapping[str, str]) -> None:
    """Refuse other content under a name that never changes; both are fingerprints by path.

    Raises:
        VerificationError: there is such a path. It tells of two signers, or of a broken build.
    """
    for path in new.keys() & visible.keys():
        known = visible[path]
        # The rest of a fingerprint are headers, which may change.
        if is_leaf(path) and known != UNKNOWN and known[:64] != new[path][:64]:
            raise VerificationError(
                f"{path} has other content than what was deployed, and never changes",
                hint="was the same version signed twice? publish again: the next one is free",
            )


def _versions(data: bytes) -> tuple[int, int]:
    try:
        signed = json.loads(data)["signed"]
        return int(signed["version"]), int(signed["meta"]["snapshot.json"]["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError("tuf/timestamp.json is not TUF metadata") from error
