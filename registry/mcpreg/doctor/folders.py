"""Our own folders: ours, closed to others, writable, with room left."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mcpreg.doctor.interface import Finding, System

LITTLE = 1 << 30  # bytes; a server with its dependencies takes 20 to 300 MB
TOO_LITTLE = 100 << 20


def check_permissions(system: System) -> Iterator[Finding]:
    """Nobody else may put a server, a registry or a log where we look for ours."""
    bad = False
    for name, folder in _folders(system).items():
        for finding in _judged(system, name, folder):
            bad = True
            yield finding
    audit = system.places.state / "audit"
    if audit.is_dir() and audit.stat().st_mode & 0o077:
        bad = True
        yield Finding(
            "folders", "warn", f"others can look into the audit logs: {audit}", f"chmod 700 {audit}"
        )
    if not bad:
        yield Finding(
            "folders", "ok", "configuration, data, cache and state are yours alone to change"
        )


def _judged(system: System, name: str, folder: Path) -> Iterator[Finding]:
    try:
        about = folder.stat()
    except FileNotFoundError:
        return  # made when something is written
    if about.st_uid != system.uid:
        text = f"the {name} folder belongs to user {about.st_uid}: {folder}"
        yield Finding("folders", "fail", text, f"chown -R {system.uid} {folder}")
    elif about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        text = f"others can write to the {name} folder: {folder}"
        yield Finding("folders", "fail", text, f"chmod go-w {folder}")
    elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        text = f"the {name} folder cannot be written: {folder}"
        yield Finding("folders", "fail", text, f"chmod u+rwx {folder}")


def check_space(system: System) -> Iterator[Finding]:
    """Room on the file systems that installs, caches and logs go to."""
    least: tuple[int, Path] | None = None
    for folder in _folders(system).values():
        there = next(path for path in (folder, *folder.parents) if path.exists())
        found = (system.free(there), there)
        least = min(least, found) if least else found
    assert least is not None  # noqa: S101  # there are four folders
    free, place = least
    text = f"{free >> 20} MiB free at {place}"
    if free < LITTLE:
        fix = "mcpreg list, then: mcpreg uninstall NAME"
        yield Finding("disk", "fail" if free < TOO_LITTLE else "warn", text, fix)
    else:
        yield Finding("disk", "ok", text)


def _folders(system: System) -> dict[str, Path]:
    places = system.places
    return {
        "configuration": places.config,
        "data": places.data,
        "cache": places.cache,
        "state": places.state,
    }
