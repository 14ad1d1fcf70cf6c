"""Which audit logs this machine keeps, by the policies' `[audit]`; imports no model, runs often."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from mcpreg.audit.retention import Keep, prune
from mcpreg.errors import McpregError
from mcpreg.store.places import Places
from mcpreg.store.policies import PolicyFile, policy_files


def tidy(where: Places) -> list[str]:
    """Delete the logs that nobody asks to keep; their run ids. Never raises: nothing waits for it.

    A log that cannot be deleted is tried again after the next run.
    """
    try:
        return prune(where.state, kept(policy_files(where.config)))
    except (McpregError, OSError, ValueError):
        return []


def kept(files: tuple[PolicyFile, ...]) -> Keep:
    """What is to be kept: of several policies, whoever wants more has it.

    Raises:
        ValueError: a policy cannot be read; `run` says so to the person, and nothing is deleted.
    """
    asked = list(_asked(files))
    return Keep(
        days=max((int(rules["keep_days"]) for rules in asked if "keep_days" in rules), default=365),
        mib=max((int(rules["keep_mib"]) for rules in asked if "keep_mib" in rules), default=1024),
    )


def _asked(files: tuple[PolicyFile, ...]) -> Iterator[Mapping[str, Any]]:
    for file in files:
        rules = tomllib.loads(file.data.decode()).get("audit", {})
        if not isinstance(rules, dict) or any(not _is_amount(value) for value in rules.values()):
            raise ValueError("not amounts")
        yield rules


def _is_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
