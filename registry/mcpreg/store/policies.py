"""Where policy files lie, and whether they are the same as before. Read at every start."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from mcpreg.errors import McpregError

FILE = "policy.toml"
SYSTEM = Path("/etc/mcpreg") / FILE
VARIABLE = "MCPREG_POLICY"
"""Names one more file: it can narrow, never widen."""
_MAX_BYTES = (1 << 20) + 1  # one more than is allowed, so that the parser can say so


class PolicyFile(NamedTuple):
    """One file as it is now."""

    path: Path
    data: bytes


def policy_files(config: Path) -> tuple[PolicyFile, ...]:
    """The system's policy, the person's, and the one that a variable names; every one must allow.

    The first two may be absent.

    Raises:
        McpregError: one exists and cannot be read; then nothing may run.
    """
    found = []
    more = os.environ.get(VARIABLE)
    for path in (SYSTEM, config / FILE, *([Path(more)] if more else [])):
        try:
            with path.open("rb") as stream:
                found.append(PolicyFile(path, stream.read(_MAX_BYTES)))
        except OSError as error:
            if isinstance(error, FileNotFoundError) and str(path) != more:
                continue
            raise McpregError(
                f"the policy cannot be read: {error.strerror}",
                where=str(path),
                hint="whoever administers this machine must make it readable",
            ) from error
    return tuple(found)


def digest_of(files: tuple[PolicyFile, ...]) -> str:
    """`sha256:<hex>` of what is in force; empty when nothing is."""
    if not files:
        return ""
    sha = hashlib.sha256()
    for file in files:
        sha.update(hashlib.sha256(str(file.path).encode()).digest())
        sha.update(hashlib.sha256(file.data).digest())
    return f"sha256:{sha.hexdigest()}"
