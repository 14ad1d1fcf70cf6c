"""The safety level of a set of capabilities, and the sentences people read (SPEC section 2).

Computed from the values that `mcpreg.core.capability` parses, which are the ones the sandbox
enforces. Every capability yields at most one reason; the highest counts. What the four words
leave open is decided upwards: two secrets, two folders, or a folder that nobody chose are more
than `low`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from mcpreg.core.capability import (
    Capability,
    Egress,
    Files,
    Network,
    Variable,
    describe,
    file_covers,
)
from mcpreg.core.inputs import input_specs, open_variables
from mcpreg.core.plan import Access, Endpoint

if TYPE_CHECKING:  # levels of installed servers are shown without importing pydantic
    from mcpreg.core.manifest import Manifest


class Level(StrEnum):
    """How much a server could harm. `rank` orders them."""

    SAFE = "safe"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for safe to 3 for high."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Reason:
    """One finding: the level it leads to by itself, and what it is about."""

    level: Level
    subject: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Safety:
    """The level, what led to it (highest first), and all that can be said, negatives too."""

    level: Level
    reasons: tuple[Reason, ...]
    sentences: tuple[str, ...]


# Whoever reaches one of these controls the host.
_SOCKETS = (
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/var/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/var/run/crio/crio.sock",
)
_SOCKET_NAMES = tuple(path.rpartition("/")[2] for path in _SOCKETS)
# Folders that hold homes: a tree there is every home.
_HOMES = ("/home", "/root", "/Users")
# Named in every report on stolen credentials; reading one is as good as reading the home.
_CREDENTIALS = (
    "~/.aws", "~/.azure", "~/.config/gcloud", "~/.config/gh", "~/.docker", "~/.git-credentials",
    "~/.gnupg", "~/.kube", "~/.mozilla", "~/.netrc", "~/.npmrc", "~/.password-store",
    "~/.pypirc", "~/.ssh", "~/.vault-token",
)  # fmt: skip
# Read by the next shell or login: whoever writes one runs as the person.
_STARTUP = (
    "~/.bash_login", "~/.bash_profile", "~/.bashrc", "~/.config/autostart", "~/.config/fish",
    "~/.config/systemd", "~/.gitconfig", "~/.local/bin", "~/.profile", "~/.zprofile", "~/.zshenv",
    "~/.zshrc", "~/bin",
)  # fmt: skip
# A variable with such a name holds a secret, whatever its declaration says or leaves out.
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASS|CRED|AUTH|API_?KEY|(^|_)KEYS?($|_)", re.IGNORECASE)
_SYSTEM = ("/boot", "/dev", "/etc", "/proc", "/sys", "/usr", "/var/lib", "/var/run", "/run")
# Anybody can get a name below these, so a wildcard over one is the whole internet. Not complete.
_SHARED_SUFFIXES = frozenset({
    "amazonaws.com", "appspot.com", "azurewebsites.net", "blogspot.com", "cloudfront.net",
    "co.jp", "co.uk", "com.au", "com.br", "com.cn", "fly.dev", "github.io",
    "githubusercontent.com", "gitlab.io", "herokuapp.com", "netlify.app", "ngrok.io",
    "ngrok-free.app", "onrender.com", "pages.dev", "r2.dev", "run.app", "trycloudflare.com",
    "vercel.app", "web.app", "windows.net", "workers.dev",
})  # fmt: skip


def level(
    capabilities: Sequence[Capability],
    *,
    secrets: frozenset[str] = frozenset(),
    sandboxed: bool = True,
) -> Safety:
    """The safety of what a sandbox allows.

    Args:
        capabilities: as parsed, in the manifest's order.
        secrets: names of the secrets it receives, whether by variable, argument or header.
        sandboxed: False when nothing enforces the capabilities; the level is then high.
    """
    reasons = [
        *_unsandboxed(sandboxed=sandboxed),
        *_file_reasons([c for c in capabilities if isinstance(c, Files)]),
        *_network_reasons(capabilities, secrets),
        *_secret_reasons(capabilities, secrets),
    ]
    reasons.sort(key=lambda reason: -reason.level.rank)
    return Safety(
        level=reasons[0].level if reasons else Level.SAFE,
        reasons=tuple(reasons),
        sentences=sentences(capabilities, secrets=secrets, sandboxed=sandboxed),
    )


def _unsandboxed(*, sandboxed: bool) -> Iterator[Reason]:
    if not sandboxed:
        yield Reason(Level.HIGH, "sandbox", "runs without a sandbox")


def _file_reasons(grants: Sequence[Files]) -> Iterator[Reason]:
    for grant in grants:
        yield Reason(*_file_level(grant), describe(grant))
    # A grant within another adds nothing; of two equal ones, the first counts.
    apart = [
        grant
        for index, grant in enumerate(grants)
        if not any(
            file_covers(other, grant) and (place < index or not file_covers(grant, other))
            for place, other in enumerate(grants)
            if place != index
        )
    ]
    if len(apart) > 1:
        yield Reason(Level.MEDIUM, "files", f"may reach {len(apart)} separate places on this host")


def _file_level(grant: Files) -> tuple[Level, str]:
    path = str(grant)
    if grant.path == "/" or _reaches(grant, (*_HOMES, "~")) or _is_top_glob(grant):
        return Level.HIGH, path
    if grant.path.rpartition("/")[2] in _SOCKET_NAMES or _reaches(grant, _SOCKETS):
        return Level.HIGH, path
    if _reaches(grant, _CREDENTIALS) or _lies_in(grant, _CREDENTIALS):
        return Level.HIGH, path
    if grant.access is Access.WRITE and _lies_in(grant, (*_SYSTEM, *_STARTUP)):
        return Level.HIGH, path
    chosen = grant.path.startswith((".", "{"))
    if grant.access is Access.WRITE or not chosen:
        return Level.MEDIUM, path
    return Level.LOW, path


def _reaches(grant: Files, places: Iterable[str]) -> bool:
    """Whether a grant makes one of the places, or all of it, readable."""
    reading = Files(grant.path, Access.READ, grant.tree)
    return any(file_covers(reading, Files(place, Access.READ, tree=False)) for place in places)


def _lies_in(grant: Files, places: Iterable[str]) -> bool:
    return any(grant.path == place or grant.path.startswith(place + "/") for place in places)


def _is_top_glob(grant: Files) -> bool:
    """`/*`, `~/*`, `/home/*`: a whole top level, match by match; `/home/ann` is a home by name."""
    parent, _, last = grant.path.rpartition("/")
    if parent in _HOMES:
        return True
    return parent in ("", "~") and any(char in last for char in "*?[")


def _network_reasons(
    capabilities: Iterable[Capability], secrets: frozenset[str]
) -> Iterator[Reason]:
    touches = any(isinstance(item, Files) for item in capabilities) or bool(secrets)
    for item in capabilities:
        if not isinstance(item, Egress):
            continue
        for endpoint in item.endpoints:
            one = Egress((endpoint,))
            yield Reason(_endpoint_level(endpoint, touches=touches), str(one), describe(one))


def _endpoint_level(endpoint: Endpoint, *, touches: bool) -> Level:
    if not endpoint.host.startswith("*"):
        return Level.LOW
    unrestricted = endpoint.host == "*" or endpoint.host[2:] in _SHARED_SUFFIXES
    return Level.HIGH if unrestricted and touches else Level.MEDIUM


def _secret_reasons(
    capabilities: Iterable[Capability], secrets: frozenset[str]
) -> Iterator[Reason]:
    listed = ", ".join(sorted(secrets))
    if not secrets:
        return
    if any(isinstance(item, Egress) for item in capabilities):
        yield Reason(Level.MEDIUM, listed, f"receives {listed} and may use the network")
    elif len(secrets) > 1:
        yield Reason(Level.MEDIUM, listed, f"receives {len(secrets)} secrets: {listed}")
    else:
        yield Reason(Level.LOW, listed, f"receives the secret {listed}")


def sentences(
    capabilities: Sequence[Capability],
    *,
    secrets: frozenset[str] = frozenset(),
    sandboxed: bool = True,
) -> tuple[str, ...]:
    """What it may do, in the manifest's order, then what it cannot: ends of "This server …"."""
    if not sandboxed:
        return ("runs without a sandbox: may do whatever you may",)
    files = [item for item in capabilities if isinstance(item, Files)]
    told: dict[str, None] = {}
    for item in capabilities:
        if isinstance(item, Variable) and item.name in secrets:
            told[f"receives the secret {item.name}"] = None
        elif item != Network("none"):
            told[describe(item)] = None
    named = {item.name for item in capabilities if isinstance(item, Variable)}
    told.update((f"receives the secret {name}", None) for name in sorted(secrets - named))
    if not files:
        told["cannot read your files"] = None
    elif all(item.access is Access.READ for item in files):
        told["cannot change your files"] = None
    if not any(isinstance(item, Egress) for item in capabilities):
        isolated = Network("loopback") not in capabilities
        told["cannot use the network" if isolated else "cannot reach any host"] = None
    if not secrets:
        let_in = any(isinstance(item, Variable) for item in capabilities)
        told["receives nothing declared secret" if let_in else "receives no secret"] = None
    return tuple(told)


def secrets_of(
    manifest: Manifest, capabilities: Iterable[Capability] | None = None
) -> frozenset[str]:
    """The secrets a manifest's server receives.

    An `env:` capability is one when its declared variable says `isSecret`, when nothing is
    declared about it, or when its name says so (`GITHUB_TOKEN`): leaving `isSecret` out must not
    make a server look safer. Secret arguments, the secret variables of templates and the secret
    headers of remotes count by their names. `capabilities` are the manifest's, when the caller has
    parsed them.

    Raises:
        CapabilityError: a capability is outside the grammar.
    """
    packages = manifest.packages or ()
    inputs = [item for package in packages for item in package.environment_variables or ()]
    declared = {item.name for item in inputs}
    marked = {item.name for item in inputs if item.is_secret}
    if capabilities is None:
        capabilities = manifest.capabilities.parsed()
    let_in = {item.name for item in capabilities if isinstance(item, Variable)}
    arguments = {
        _argument_name(item.name if item.type == "named" else item.value_hint)
        for package in packages
        for item in package.package_arguments or ()
        if item.is_secret
    }
    remotes = {
        header.name
        for remote in manifest.remotes or ()
        for header in remote.headers or ()
        if header.is_secret
    }
    templates = {
        part.name
        for package in packages
        for spec in input_specs(package)
        for part in open_variables(spec)
        if part.secret
    }
    named = {name for name in let_in if sounds_secret(name)}
    given = arguments | remotes | templates
    return frozenset(named | (let_in & marked) | (let_in - declared) | given)


def sounds_secret(name: str) -> bool:
    """Whether a variable of this name is taken for a secret, whatever is declared."""
    return _SECRET_NAME.search(name) is not None


def _argument_name(name: str | None) -> str:
    return (name or "argument").lstrip("-")


def of_manifest(manifest: Manifest) -> Safety:
    """The safety of one version. A remote server is judged by where it is and what it is sent.

    Raises:
        CapabilityError: a capability is outside the grammar.
    """
    capabilities = manifest.capabilities.parsed()
    if not manifest.is_remote:
        return level(capabilities, secrets=secrets_of(manifest, capabilities))
    addresses = [remote.url for remote in manifest.remotes or ()]
    places = Egress(tuple(dict.fromkeys(map(remote_endpoint, addresses))))
    secrets = secrets_of(manifest, capabilities)
    judged = level((*capabilities, places), secrets=secrets)
    # No sandbox of ours holds it: what is said about one does not apply to the server's own code.
    told = [elsewhere(url) for url in addresses]
    told += [f"receives the secret {name}" for name in sorted(secrets)] or ["receives no secret"]
    told.append("cannot read your files, except what the client sends it")
    return replace(judged, sentences=tuple(dict.fromkeys(told)))


def elsewhere(url: str) -> str:
    """The sentence about one remote address; a template in it stands as it is."""
    authority = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    return f"runs on somebody else's machine: what the client tells it is sent to {authority}"


def remote_endpoint(url: str) -> Endpoint:
    """The host of a remote address; a template in it stands for any subdomain."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.partition("/")[0].rpartition("@")[2].partition(":")
    if "}" in host:
        host = "*" + host.rpartition("}")[2]
    default = 80 if scheme == "http" else 443
    return Endpoint(host.lower(), int(port) if port.isascii() and port.isdigit() else default)
