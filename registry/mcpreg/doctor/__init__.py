"""`mcpreg doctor`: one check a file, and the list of them in the order they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from mcpreg.doctor import (
    apparmor,
    audit_logs,
    bubblewrap,
    cgroups,
    docker,
    folders,
    kernel,
    registries,
    runtimes,
    servers,
    user_namespaces,
)
from mcpreg.doctor.interface import Check

CHECKS: Mapping[str, Check] = {
    "kernel": kernel.check,
    "user-namespaces": user_namespaces.check,
    "apparmor": apparmor.check,
    "bubblewrap": bubblewrap.check,
    "cgroups": cgroups.check,
    "docker": docker.check,
    "uv": runtimes.check_uv,
    "node": runtimes.check_node,
    "registries": registries.check,
    "installed": servers.check,
    "audit": audit_logs.check,
    "folders": folders.check_permissions,
    "disk": folders.check_space,
}
