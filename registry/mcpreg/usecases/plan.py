"""install -> plan: an installed version, a person's arguments and grants become one `Plan`.

Pure but for looking at the paths that capabilities name. Imports nothing heavy: it runs at every
start.
"""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from mcpreg.core import capability
from mcpreg.core.answers import Answer, Source
from mcpreg.core.capability import Capability, Egress, Files
from mcpreg.core.inputs import argument_name, keyed, open_variables
from mcpreg.core.install import InstallRecord
from mcpreg.core.placing import place
from mcpreg.core.plan import Access, Bind, Endpoint, Plan
from mcpreg.errors import PolicyError, UsageError
from mcpreg.sandbox.inside import GENERATED
from mcpreg.sandbox.layout import COVERED, OURS, within
from mcpreg.store.installed import Installed
from mcpreg.usecases.answering import answered, let_in

SANDBOX_HOME = "/home/mcp"
APP = "/app"
RUNTIME_PLACES = (APP, "/opt", "/opt/python", "/usr/bin", "/usr/bin/python3", "/usr/bin/node")
MAX_MATCHES = 256  # a glob that matches more is a tree, and should say so


class Surroundings(NamedTuple):
    """What the person brings: where they stand, their environment, arguments and grants.

    `inputs` are answers from the command line; `sources` are where the others may be found.
    """

    cwd: str
    home: str
    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    inputs: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    sources: tuple[Source, ...] = ()

    def __repr__(self) -> str:
        # The rest may hold secrets.
        return f"Surroundings(cwd={self.cwd!r}, grants={self.grants!r})"


def compile_plan(installed: Installed, around: Surroundings) -> Plan:
    """The sandbox plan.

    Raises:
        PolicyError: the install record asks for more than its lock, or a path is out of bounds.
        UsageError: an argument or variable is missing, or a granted path does not exist.
    """
    record = installed.record
    _require_locked(record.sandbox, installed.lock)
    wanted = _granted(record.sandbox, around.grants)
    allowed = let_in(wanted)
    given = answered(record.name, record.inputs, around, allowed)
    answers = _with_full_paths(record, wanted, given.answers, around)
    grants: list[Bind] = []
    for item in wanted:
        if isinstance(item, Files):
            chosen = _chosen(record, item, answers)
            grants += _binds(item, around, chosen, _place_of(record, item))
    # `./` of the manifest is where the person runs it; when nothing of it is there, a private home.
    here = _covers(grants, around.cwd) or any(within(b.target, around.cwd) for b in grants)
    image = record.runtime.image
    cwd = around.cwd if here else (image.folder if image else SANDBOX_HOME)
    filled = place(record.inputs, answers, given.rest)
    return Plan(
        name=f"{record.name}@{record.version}",
        argv=(*record.entry, *filled.argv),
        env={
            **record.runtime.env,
            **_undeclared(record, allowed, around.environment),
            **filled.environment,
        },
        cwd=cwd,
        binds=(
            *record.runtime.binds,
            *(() if image else (Bind(record.app, APP, role="app"),)),
            *_merged(grants),
        ),
        links=record.runtime.links,
        egress=_endpoints(wanted),
        limits=record.limits,
        image=image._replace(layout=record.app) if image else None,
    )


def _undeclared(
    record: InstallRecord, allowed: frozenset[str], environment: Mapping[str, str]
) -> dict[str, str]:
    """What capabilities let in and no input declares."""
    declared = {spec.name for spec in record.inputs if spec.kind == "env"}
    return {name: environment[name] for name in sorted(allowed - declared) if name in environment}


def _granted(locked: Sequence[str], grants: Sequence[str]) -> tuple[Capability, ...]:
    """The lock's capabilities and the person's; a granted network lifts the lock's `net:none`."""
    extra = capability.parse_all(grants)
    if any(isinstance(item, Egress) for item in extra):
        locked = [text for text in locked if text != "net:none"]
    return (*capability.parse_all(locked), *extra)


def _require_locked(asked: Iterable[str], lock: Mapping[str, object]) -> None:
    locked = lock.get("sandbox")
    granted = set(locked) if isinstance(locked, list) else set()
    more = [text for text in asked if text not in granted]
    if more:
        raise PolicyError(
            f"asks for more than its lock grants: {', '.join(more)}",
            hint="install it again; --grant CAPABILITY widens one run",
        )


def _endpoints(wanted: Iterable[Capability]) -> tuple[Endpoint, ...]:
    return tuple(
        dict.fromkeys(
            endpoint for item in wanted if isinstance(item, Egress) for endpoint in item.endpoints
        )
    )


def _chosen(record: InstallRecord, item: Files, answers: Mapping[str, Answer]) -> tuple[str, ...]:
    """What the person gave for the input that a `{arg}` capability names.

    Values and defaults of the manifest do not count: a publisher must not choose "the folder you
    choose".
    """
    if item.argument is None:
        return ()
    names = _names_of(record, item.argument)
    if not names:
        raise UsageError(f"{item}: the server takes no argument called {item.argument}")
    chosen = [answers[name] for name in names if name in answers]
    return tuple(value for answer in chosen if not answer.is_publishers for value in answer.values)


def _names_of(record: InstallRecord, argument: str) -> tuple[str, ...]:
    """The questions behind the name in a `{arg}` capability."""
    found: dict[str, None] = {}
    for name, spec in keyed(record.inputs):
        if spec.value is not None:
            variables = open_variables(spec)
            found.update((v.name, None) for v in variables if v.name == argument)
        if argument_name(spec) == argument:
            found[name] = None
    return tuple(found)


def _with_full_paths(
    record: InstallRecord,
    wanted: Iterable[Capability],
    answers: Mapping[str, Answer],
    around: Surroundings,
) -> dict[str, Answer]:
    """The answers, those that name a path in full: inside, the working folder may be another."""
    result = dict(answers)
    for item in wanted:
        if isinstance(item, Files) and item.argument is not None:
            for name in _names_of(record, item.argument):
                if name in answers and not answers[name].is_publishers:
                    full = tuple(_full(value, around) for value in answers[name].values)
                    result[name] = answers[name]._replace(values=full)
    return result


def _full(value: str, around: Surroundings) -> str:
    return _plain(os.path.join(around.cwd, os.path.expanduser(value)))


def _place_of(record: InstallRecord, item: Files) -> str | None:
    """Where an image wants to see the folder of a `{arg}` capability; None is its own path."""
    mounts = (spec for spec in record.inputs if spec.kind == "mount")
    return next((spec.name for spec in mounts if spec.value == f"{{{item.argument}}}"), None)


def _binds(
    item: Files, around: Surroundings, chosen: Sequence[str], place: str | None
) -> list[Bind]:
    binds = []
    for source, target in _paths(item, around, chosen, place):
        if not os.path.lexists(source):
            verb = "mkdir -p" if item.tree else "touch"
            raise UsageError(f"{source} does not exist ({item})", hint=f"{verb} {source}")
        if os.path.isdir(source) and not item.tree and item.path not in (".", "~"):
            raise PolicyError(f"{source} is a folder, and {item} allows one file")
        _require_free(target, item)
        binds.append(Bind(source, target, item.access))
    return binds


def _paths(
    item: Files, around: Surroundings, chosen: Sequence[str], place: str | None
) -> list[tuple[str, str]]:
    if item.argument is not None:
        rest = item.path.removeprefix(f"{{{item.argument}}}")
        return [
            (source, _plain((place or path) + "/" + source.removeprefix(path)))
            for path in chosen
            for source in _expanded(path, rest)
        ]
    if item.path.startswith("~"):
        home = _plain(around.home).rstrip("/")
        return [
            (source, SANDBOX_HOME + source.removeprefix(home))
            for source in _expanded(home, item.path[1:])
        ]
    if item.path.startswith("."):
        return [(source, source) for source in _expanded(around.cwd, item.path[1:])]
    return [(source, source) for source in _expanded("", item.path)]


def _plain(path: str) -> str:
    # POSIX lets normpath keep two leading slashes, and no comparison below would know "//proc".
    return "/" + os.path.normpath(path).lstrip("/")


def _expanded(base: str, pattern: str) -> list[str]:
    """The paths of a capability. Only its own text is a pattern, never the folder it lies in."""
    if not glob.has_magic(pattern):
        return [_plain(base + pattern)]
    base = "" if base == "/" else base
    found = map(_plain, glob.glob(glob.escape(base) + pattern))
    matches = sorted(match for match in found if not _by_link(match, base))
    if len(matches) > MAX_MATCHES:
        raise PolicyError(f"{pattern} matches {len(matches)} paths; at most {MAX_MATCHES}")
    return matches


def _by_link(path: str, base: str) -> bool:
    """Whether a pattern came through a link below `base`: such a match is nobody's choice."""
    parts = path[len(base) :].split("/")[1:]
    ends = itertools.accumulate(parts, lambda above, part: f"{above}/{part}", initial=base)
    return any(map(os.path.islink, itertools.islice(ends, 1, None)))


def _require_free(target: str, item: Files) -> None:
    ours = target in COVERED or target in RUNTIME_PLACES
    if ours or target in GENERATED or any(within(target, place) for place in OURS):
        raise PolicyError(
            f"{item} would cover {target}, which the sandbox itself provides",
            hint="grant a folder below your home or project instead",
        )


def _covers(grants: Sequence[Bind], path: str) -> bool:
    return any(within(path, bind.target) for bind in grants)


def _merged(grants: Sequence[Bind]) -> list[Bind]:
    """Drop what another grant covers: a bind inside a bind could be redirected by a planted link.

    Raises:
        PolicyError: a writable path lies inside a read-only one, or the other way round.
    """
    kept: list[Bind] = []
    for bind in sorted(set(grants), key=lambda b: (b.target, b.access != Access.WRITE)):
        outer = next((other for other in kept if _covers([other], bind.target)), None)
        if outer is None:
            kept.append(bind)
        elif outer.access != bind.access and not (
            outer.access is Access.WRITE and bind.access is Access.READ
        ):
            raise PolicyError(
                f"{bind.target} is to be writable inside the read-only {outer.target}",
                hint="grant the two side by side, not one inside the other",
            )
    return kept
