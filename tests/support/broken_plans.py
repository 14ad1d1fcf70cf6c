"""What a broken compiler may do: the fuzzer is to find each of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from capability_fuzz import Compile, restated
from mcpreg.core.plan import Access, Bind, Plan
from mcpreg.store.installed import Installed
from mcpreg.usecases.plan import Surroundings, compile_plan


def _binds(change: Callable[[Bind], Bind]) -> Compile:
    def broken(installed: Installed, around: Surroundings) -> Plan:
        plan = compile_plan(installed, around)
        return plan._replace(
            binds=tuple(change(bind) if bind.role == "grant" else bind for bind in plan.binds),
        )

    return broken


def _around(bind: Bind) -> Bind:
    source, target = Path(bind.source), Path(bind.target)
    if source.is_dir():
        return bind
    return bind._replace(source=str(source.parent), target=str(target.parent))


def _resolved(installed: Installed, around: Surroundings) -> Plan:
    plan = compile_plan(installed, around)
    binds = (bind._replace(source=str(Path(bind.source).resolve())) for bind in plan.binds)
    return plan._replace(binds=tuple(binds))


def _starred(installed: Installed, around: Surroundings) -> Plan:
    texts = tuple(
        f"{text}/**" if text.endswith("/*") else text for text in installed.record.sandbox
    )
    record = installed.record._replace(sandbox=texts)
    return compile_plan(restated(installed, record), around)


BROKEN: Mapping[str, Compile] = {
    "a file brings its folder along": _binds(_around),
    "everything is writable": _binds(lambda bind: bind._replace(access=Access.WRITE)),
    "nothing is writable": _binds(lambda bind: bind._replace(access=Access.READ)),
    "links are followed": _resolved,
    "a star at the end is a tree": _starred,
    "home is the folder above it": lambda installed, around: compile_plan(
        installed, around._replace(home=str(Path(around.home).parent))
    ),
}
