"""The named list: places that no server reaches for by accident.

Reaching for one that was not granted ends the server, although nothing is there inside: what it
looks for says what it is. The list names credentials, keys and doors to the host, not everything
that is private; any other undeclared path is only recorded.
"""

from __future__ import annotations

import re

from mcpreg.sandbox.inside import HOME

PLACES = (
    "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers",
    "/etc/sudoers.d", "/etc/krb5.keytab", "/etc/ssh", "/etc/ssl/private", "/etc/kubernetes",
    "/root", "/run/docker.sock", "/var/run/docker.sock", "/run/containerd", "/run/podman",
    "/run/user", "/run/secrets", "/var/run/secrets", "/var/lib/kubelet", "/var/lib/docker",
    "/boot", "/etc/NetworkManager/system-connections", "/etc/wireguard",
)  # fmt: skip
"""Files, and folders with all that is in them."""

IN_ANY_HOME = (
    # keys and passwords
    ".ssh", ".gnupg", ".password-store", ".local/share/keyrings", ".config/keepassxc", ".config/op",
    # clouds and clusters
    ".aws", ".azure", ".config/gcloud", ".kube", ".docker", ".oci", ".config/doctl", ".terraform.d",
    # code hosts and package indexes
    ".git-credentials", ".config/git/credentials", ".config/gh", ".config/hub",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".pypirc", ".yarnrc.yml",
    # browsers, mail, wallets
    ".mozilla", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware",
    ".config/microsoft-edge", ".thunderbird", ".bitcoin", ".ethereum", ".electrum",
    # what was typed
    ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
)  # fmt: skip
"""Below any folder: whose home it is cannot be told from a path."""

ELSEWHERE_ONLY = (".netrc", ".npmrc", ".pgpass", ".vault-token", ".env")
"""Tools look for these in their own home unasked; in another's nobody does."""

_ROOTED = re.compile("(?:" + "|".join(map(re.escape, PLACES)) + ")(?:/|$)")
_HOMES = re.compile("/(?:" + "|".join(map(re.escape, IN_ANY_HOME)) + ")(?:/|$)")
_ELSEWHERE = re.compile("/(?:" + "|".join(map(re.escape, ELSEWHERE_ONLY)) + ")$")


def is_sensitive(path: str) -> bool:
    """Whether a plain absolute path, as seen inside, is on the list."""
    if _ROOTED.match(path) or _HOMES.search(path):
        return True
    return not path.startswith(HOME + "/") and _ELSEWHERE.search(path) is not None
