"""Generated manifests, arguments and grants: what a publisher may write and a person may type."""

from __future__ import annotations

import os
import posixpath
import random

from capability_oracle import Ask
from planted_host import ODD, PLAIN, PlantedHost

ELSEWHERE = ("/", "//proc", "/etc", "/usr/lib", "/dev/shm", "/opt", "/home")
PATTERNS = ("*", "*.csv", "?", "[ab]", "[!a]*", "d*", ".*", "*a*", "[", "pro*", "x.[c]sv", "[[]ab]")


def ask_for(host: PlantedHost, rng: random.Random) -> Ask:
    """One person in front of one server. Half of all paths exist."""
    cwd = rng.choice(
        [f"{host.home}/project"] * 3 + [f"{host.top}/project"] * 3
        + [f"{host.top}/pro*", host.home, host.top, "/"]
    )  # fmt: skip
    capabilities = tuple(_capability(host, cwd, rng) for _ in range(rng.choice((1, 1, 2, 2, 3))))
    grants = tuple(_capability(host, cwd, rng) for _ in range(rng.choice((0, 0, 0, 1))))
    arguments = [_argument(host, cwd, rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3)))]
    if any(_is_pattern_below_argument(text) for text in (*capabilities, *grants)):
        # What a pattern finds there is this machine's own.
        arguments = [path for path in arguments if path not in ELSEWHERE]
    return Ask(
        capabilities=capabilities,
        cwd=cwd,
        home=host.home + rng.choice(("", "", "", "/")),
        arguments=tuple(arguments),
        grants=grants,
    )


def _is_pattern_below_argument(text: str) -> bool:
    return "{directory}" in text and not set(text.removesuffix("/**")).isdisjoint("*?[")


def _capability(host: PlantedHost, cwd: str, rng: random.Random) -> str:
    access = rng.choice(("read", "read", "write"))
    lead = rng.choice((".", ".", "~", "~", "{directory}", "{directory}", ""))
    base = {".": cwd, "~": host.home, "": ""}.get(lead, rng.choice([host.home, host.vault]))
    rest = _rest(host, base, rng)
    tree = rng.random() < 0.6
    if lead == "" and not rest:
        rest = [host.top.lstrip("/"), "vault"] if rng.random() < 0.7 else []
    path = "/".join([lead, *rest]) or "/"
    if tree:
        path = path.rstrip("/") + "/**"
    path = path.replace("/", rng.choice(("/", "/", "/", "//", "/./")), 1) if rest else path
    return f"fs:{access}:{path}"


def _rest(host: PlantedHost, base: str, rng: random.Random) -> list[str]:
    """The parts below `base`: of something that exists, half of the time a little altered."""
    below = [path for path in host.items if path.startswith(f"{base.rstrip('/')}/")]
    ours = 0 if base.rstrip("/") else host.top.count("/")  # what stands above is not the test's
    if not below or rng.random() < 0.1:
        return [] if ours or rng.random() < 0.5 else [rng.choice(PLAIN + ODD)]
    if rng.random() < 0.9:  # a capability cannot name what is not printable, only match it
        below = [path for path in below if path.isprintable()] or below
    parts = rng.choice(below)[len(base.rstrip("/")) + 1 :].split("/")
    if rng.random() < 0.45 and ours < len(parts):
        parts[rng.randrange(ours, len(parts))] = rng.choice(PATTERNS)
    if rng.random() < 0.05:
        parts.append(rng.choice(PLAIN))
    # In a capability these are patterns or arguments; as names they come in by other ways.
    return [part for part in parts if part != "**" and not set(part) & set("{}")]


def _argument(host: PlantedHost, cwd: str, rng: random.Random) -> str:
    path = rng.choice(list(host.items))
    kind = rng.random()
    if kind < 0.3:
        path = os.path.relpath(path, cwd)
    elif kind < 0.4:
        path += "/../" + rng.choice(PLAIN)
    elif kind < 0.5:
        path = rng.choice(("/", "//", "")) + path + rng.choice(("/", "/.", "//"))
    elif kind < 0.55:
        path = rng.choice((*ELSEWHERE, ".", "..", "", "*"))
    whole = posixpath.normpath(posixpath.join(cwd, path))
    if not f"/{whole.lstrip('/')}/".startswith(f"{host.top}/") and path not in ELSEWHERE:
        return host.vault  # what lies around the planted host is not the test's
    return f"./{path}" if path.startswith(("~", "-")) else path
