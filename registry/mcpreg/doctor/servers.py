"""What is installed: every record is what was written, and its interpreter is still there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcpreg.doctor.interface import Finding, System
from mcpreg.errors import McpregError
from mcpreg.store.installed import InstalledStore

NAME = "installed"


def check(system: System) -> Iterator[Finding]:
    """Every installed version, without hashing its files again (`mcpreg verify` does)."""
    store = InstalledStore(system.places.data)
    try:
        listed = store.versions()
    except McpregError as error:
        yield Finding(NAME, "fail", error.message, error.hint)
        return
    good = 0
    for name, versions in sorted(listed.items()):
        for version in sorted(versions):
            problem = _problem(store, name, version)
            if problem is None:
                good += 1
            else:
                fix = f"mcpreg uninstall {name}@{version} && mcpreg install {name}@{version}"
                yield Finding(NAME, "fail", f"{name}@{version}: {problem}", fix)
    if good == sum(map(len, listed.values())):
        yield Finding(NAME, "ok", f"{good} server versions, each as it was installed")


def _problem(store: InstalledStore, name: str, version: str) -> str | None:
    try:
        record = store.open(name, version).record
    except McpregError as error:
        return error.message
    for path in (record.app, record.runtime.executable):
        if not Path(path).exists():
            return f"{path} is gone"
    return None
