"""The handful of /etc files a sandbox has, generated: nothing of the host's own is shown."""

from __future__ import annotations

from collections.abc import Mapping

USER = 1000
HOME = "/home/mcp"
HOSTNAME = "mcp"
RESOLVER = "127.0.0.53"


# What `etc_files` makes; a grant there would replace what set-up and name look-ups stand on.
GENERATED = frozenset(
    f"/etc/{name}"
    for name in ("hosts", "resolv.conf", "nsswitch.conf", "passwd", "group", "machine-id")
)


def etc_files(pinned: Mapping[str, str], machine: str) -> dict[str, bytes]:
    """Path inside to content.

    Args:
        pinned: host name to the loopback address that stands for it.
        machine: 32 hex digits, new for each run: also how set-up recognises its own sandbox.
    """
    hosts = ["127.0.0.1 localhost", "::1 localhost", f"127.0.1.1 {HOSTNAME}"]
    hosts += [f"{address} {name}" for name, address in pinned.items()]
    files = {
        "hosts": hosts,
        # One try: the responder is a pipe's length away and either answers or ends the server.
        "resolv.conf": [f"nameserver {RESOLVER}", "options attempts:1 timeout:2"],
        "nsswitch.conf": ["passwd: files", "group: files", "hosts: files dns"],
        "passwd": [f"mcp:x:{USER}:{USER}:mcp:{HOME}:/usr/sbin/nologin"],
        "group": [f"mcp:x:{USER}:"],
        "machine-id": [machine],
    }
    return {f"/etc/{name}": "".join(f"{line}\n" for line in files[name]).encode() for name in files}


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The whole environment inside: what the plan gives over what every program expects."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": HOME,
        "USER": "mcp",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108  # the sandbox's own
        **given,
    }
