"""bubblewrap: there, new enough, not set-user-id, without a known hole, and it makes a sandbox."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcpreg.doctor.interface import Finding, System, dotted, version_in
from mcpreg.sandbox.bubblewrap import PLACES

NAME = "bubblewrap"
OLDEST = (0, 8, 0)  # the first with --disable-userns
_INSTALL = "apt-get install bubblewrap"
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Flaw:
    """A published vulnerability, the version that fixed it, and why it does not reach us, if so."""

    name: str
    fixed: tuple[int, ...]
    what: str
    why_not_here: str | None


FLAWS: Sequence[Flaw] = (
    Flaw(
        "CVE-2026-87766",
        (0, 12, 0),
        "a planted link redirects a mount inside a writable folder",
        "mcpreg never mounts inside one",
    ),
)


def check(system: System) -> Iterator[Finding]:
    """As the launcher finds it: never through PATH."""
    program = _find(system)
    if program is None:
        yield Finding(NAME, "fail", "is not installed; nothing can be run without it", _INSTALL)
        return
    code, said = system.ask(str(program), "--version")
    version = version_in(said) if code == 0 else None
    if version is None:
        yield Finding(NAME, "fail", f"{program} does not say its version: {said[:200]}", _INSTALL)
        return
    if version < OLDEST:
        yield Finding(
            NAME, "fail", f"{dotted(version)} is too old; {dotted(OLDEST)} is needed", _INSTALL
        )
        return
    if program.stat().st_mode & stat.S_ISUID:
        yield Finding(
            NAME, "fail", f"{program} is set-user-id root, which forbids what is needed",
            f"chmod u-s {program}",
        )  # fmt: skip
        return
    yield _trial(system, program, version)
    for flaw in FLAWS:
        if version < flaw.fixed:
            yield _flawed(flaw, version)


def _find(system: System) -> Path | None:
    candidates = (system.file(f"{place}/bwrap") for place in PLACES)
    return next((path for path in candidates if path.is_file()), None)


def _trial(system: System, program: Path, version: tuple[int, ...]) -> Finding:
    """Make a sandbox that does nothing. As root by nobody, as the launcher does it."""
    words = [
        str(program),
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--cap-drop",
        "ALL",
    ]
    words += ["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"]
    words += ["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--", "/usr/bin/true"]
    code, said = system.ask(*words, user=_NOBODY if system.uid == 0 else None)
    if code == 0:
        return Finding(NAME, "ok", f"{dotted(version)} at {program} makes sandboxes")
    return Finding(
        NAME, "fail", f"{dotted(version)} cannot make a sandbox: {said[:200]}",
        "see user-namespaces and apparmor here; in a container, allow it unprivileged namespaces",
    )  # fmt: skip


def _flawed(flaw: Flaw, version: tuple[int, ...]) -> Finding:
    text = f"{dotted(version)} has {flaw.name} ({flaw.what}), fixed in {dotted(flaw.fixed)}"
    if flaw.why_not_here is None:
        return Finding(NAME, "fail", text, f"{_INSTALL}={dotted(flaw.fixed)}*")
    # Still a warning: other programs start the same bubblewrap.
    fix = "apt-get install --only-upgrade bubblewrap"
    return Finding(NAME, "warn", f"{text}; {flaw.why_not_here}", fix)
