"""Ubuntu since 23.10 lets only programs with an AppArmor profile use user namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.doctor.interface import Finding, System

NAME = "apparmor"
_SETTING = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_PROFILES = ("/etc/apparmor.d/bwrap-userns-restrict", "/etc/apparmor.d/bwrap")


def check(system: System) -> Iterator[Finding]:
    """Restricted, and whether bubblewrap is excepted."""
    if system.text(_SETTING) != "1":
        yield Finding(NAME, "ok", "does not restrict user namespaces here")
        return
    if any(system.file(path).is_file() for path in _PROFILES):
        yield Finding(NAME, "ok", "restricts user namespaces, and bubblewrap has a profile")
        return
    yield Finding(
        NAME, "fail", "restricts user namespaces, and bubblewrap has no profile",
        "apt-get install apparmor-profiles && ln -s "
        "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && "
        "apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict",
    )  # fmt: skip
