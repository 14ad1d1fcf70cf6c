"""One launch, as `runner.run` hands it to a backend."""

from __future__ import annotations

from typing import NamedTuple

from mcpreg.core.plan import Plan
from mcpreg.sandbox.interface import Identity, OnViolation, Recorder, Resolver
from mcpreg.sandbox.outlet import Outlet
from mcpreg.sandbox.process import Stdio


class Launch(NamedTuple):
    """A plan whose layout was checked, and everything beside it that both backends need.

    `identity` is whom a launcher started as root becomes, None when it is an ordinary user already.
    `stdio` is what the server gets, and `outlets` are behind those of it that we read; `client`
    holds the caller's own ends of the first two.
    """

    plan: Plan
    identity: Identity | None
    stdio: Stdio
    outlets: tuple[Outlet, ...]
    client: tuple[int, int]
    recorder: Recorder
    resolver: Resolver
    on_violation: OnViolation
