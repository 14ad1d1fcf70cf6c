"""The options of `docker run` in an image's `runtimeArguments`: what of them means something here.

Nothing of them ever reaches Docker: variables become inputs, mounts are folders that a capability
opens, and what a sandbox is there to prevent is refused by name. docker-run(1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HOST = "it would leave the sandbox"
_VALUED = {
    "-e": "--env", "--env": "--env",
    "-v": "--volume", "--volume": "--volume", "--mount": "--mount",
    "--network": "--network", "--net": "--network",
}  # fmt: skip
# What means nothing here: the sandbox has its own ways, and nothing listens outside of it.
_IGNORED_VALUED = frozenset((
    "-p", "--publish", "-u", "--user", "-w", "--workdir", "--name", "--pull", "--platform",
    "-h", "--hostname", "-l", "--label",
))  # fmt: skip
_IGNORED = frozenset((
    "-i", "-t", "-it", "-ti", "--interactive", "--tty", "--rm", "--init", "--read-only",
))  # fmt: skip
_DANGEROUS = {
    "--privileged": f"{HOST}: every device and every power of root",
    "--pid": f"{HOST}: other processes",
    "--ipc": f"{HOST}: other processes' memory",
    "--uts": f"{HOST}: the machine's name",
    "--userns": f"{HOST}: the machine's own users",
    "--cgroupns": f"{HOST}: the machine's own limits",
    "--cap-add": f"{HOST}: a power of root",
    "--device": f"{HOST}: a device",
    "--gpus": f"{HOST}: a device",
    "--security-opt": f"{HOST}: it can switch the system-call filter off",
    "--volumes-from": f"{HOST}: another container's files",
    "--env-file": "it reads variables from a file of the person's",
    "--entrypoint": "it starts another program than the lock names",
    "--runtime": f"{HOST}: another way to start containers",
}
_FLAGS = frozenset(("--privileged",))
_NETWORKS = frozenset(("", "none", "bridge", "default"))
_SOCKETS = r"(?i)(docker|containerd|podman|crio)[^/]*\.sock$"
_TEMPLATE = r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,127}"


@dataclass(frozen=True, slots=True)
class Word:
    """One word, and the index of the argument that it comes from."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Handed:
    """`-e NAME` or `-e NAME=value`; `value` may be a template. `index` is where the name stands."""

    index: int
    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Mount:
    """`-v {variable}:/target`: a folder that the person names, seen at `target`."""

    index: int
    variable: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """An option that is not carried out, and why."""

    index: int
    option: str
    why: str


Found = Handed | Mount | Refused


def words_of(arguments: Iterable[tuple[str | None, str | None]]) -> tuple[Word, ...]:
    """The words that pairs of a name (of a named argument) and a value come to."""
    words = []
    for index, (name, value) in enumerate(arguments):
        words += [Word(index, text) for text in (name, value) if text is not None]
    return tuple(words)


def read(words: Sequence[Word], image: str) -> tuple[Found, ...]:
    """What the options of `docker run … IMAGE` mean, in order."""
    left, found = list(words), list[Found]()
    while left and left[0].text in ("docker", "podman", "run"):
        left.pop(0)
    while left:
        word = left.pop(0)
        option, equals, value = word.text.partition("=")
        if not option.startswith("-"):
            if _bare(word.text) != _bare(image):
                found.append(Refused(word.index, word.text, "it is no option of docker run"))
            elif left:
                why = "what follows the image belongs into packageArguments"
                found.append(Refused(left[0].index, left[0].text, why))
            return tuple(found)
        if option in _IGNORED or option in _FLAGS:
            _drop_true(left, word)
        elif not equals and left and not left[0].text.startswith("-"):
            word = left.pop(0)  # upstream writes it as an argument of its own, with its own flags
            value = word.text
        found += _meaning(word.index, option, value)
    return tuple(found)


def capabilities(found: Iterable[Found]) -> tuple[str, ...]:
    """What the options need to be let in, as a manifest writes it."""
    written = []
    for item in found:
        if isinstance(item, Mount):
            access = "read" if item.read_only else "write"
            written.append(f"fs:{access}:{{{item.variable}}}/**")
        elif isinstance(item, Handed) and item.value is None:
            written.append(f"env:{item.name}")
    return tuple(dict.fromkeys(written))


def _drop_true(left: list[Word], word: Word) -> None:
    """Upstream writes a flag with the value `true` as well."""
    if left and left[0].index == word.index and left[0].text in ("true", ""):
        left.pop(0)


def _bare(image: str) -> str:
    """An image's name without tag and digest."""
    name = image.partition("@")[0].removeprefix("docker.io/")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _meaning(index: int, option: str, value: str) -> list[Found]:
    if option in _IGNORED or option in _IGNORED_VALUED:
        return []
    known = _VALUED.get(option)
    if known == "--env":
        return [_variable(index, option, value)]
    if known == "--volume":
        source, _, rest = value.partition(":")
        target, _, mode = rest.partition(":")
        return [_mount(index, option, source, target, "ro" in mode.split(","))]
    if known == "--mount":
        return [_long_mount(index, option, value)]
    if known == "--network":
        why = f"{HOST}: only hosts of net:egress can be contacted"
        return [] if value in _NETWORKS else [Refused(index, f"{option} {value}", why)]
    return [Refused(index, option, _DANGEROUS.get(option, "nothing here carries it out"))]


def _variable(index: int, option: str, text: str) -> Found:
    name, equals, value = text.partition("=")
    if not re.fullmatch(_VARIABLE, name):
        return Refused(index, f"{option} {text}".strip(), "it names no variable")
    return Handed(index, name, value if equals else None)


def _long_mount(index: int, option: str, text: str) -> Found:
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    if fields.get("type") != "bind":
        return Refused(index, option, "only type=bind is known")
    source = fields.get("source", fields.get("src", ""))
    target = fields.get("target", fields.get("dst", fields.get("destination", "")))
    return _mount(index, option, source, target, bool(fields.keys() & {"ro", "readonly"}))


def _mount(index: int, option: str, source: str, target: str, read_only: bool) -> Found:
    shown = f"{option} {source}:{target}"
    if re.search(_SOCKETS, source) or re.search(_SOCKETS, target):
        return Refused(index, shown, "a container engine's socket is the whole machine")
    variable = re.fullmatch(_TEMPLATE, source)
    if variable is None and source.startswith(("/", "~", ".")):
        why = "it names a folder of the person's: write {folder} and declare it in variables"
        return Refused(index, shown, why)
    if variable is None:
        return Refused(index, shown, "nothing is kept between runs; mount a folder {folder}")
    plain = target.rstrip("/")
    if not plain.startswith("/") or "{" in plain or ".." in plain.split("/"):
        return Refused(index, shown, "the place inside must be an absolute path")
    return Mount(index, variable[1], plain, read_only)
