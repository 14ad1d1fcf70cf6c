"""A plan in plain words: what it may touch, what it cannot, and what it may take.

Made from the `Plan` itself, the value that both backends enforce, and not from the manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcpreg.core.plan import MIB, Access, Bind, Endpoint, Limits, Plan


def explain(
    plan: Plan, *, backend: str, user: str, on_violation: str, given: Iterable[str]
) -> tuple[str, ...]:
    """Sentences about "the server", in a fixed order.

    Args:
        plan: what would be launched.
        backend: what makes the sandbox.
        user: as whom it runs on this machine, in words.
        on_violation: `kill` or `deny`.
        given: names of variables that come from the person or the manifest; the rest is ours.
    """
    return (
        f"starts {plan.argv[0]} in {plan.cwd}, as {user}",
        *_files([bind for bind in plan.binds if bind.role == "grant"]),
        *_hosts(plan.egress),
        *_variables(sorted(given)),
        "cannot see other processes, Unix sockets, devices or any other file of this machine",
        *_limits(plan.limits),
        _enforcement(plan, backend),
        "what it reaches for undeclared is recorded, "
        + ("and it is killed" if on_violation == "kill" else "denied, and it goes on"),
    )


def _files(grants: list[Bind]) -> Iterator[str]:
    for bind in grants:
        verb = "read and write" if bind.access is Access.WRITE else "read"
        shown = "" if bind.source == bind.target else f", which it sees as {bind.target}"
        yield f"may {verb} {bind.source}{shown}"
    if not grants:
        yield "cannot read or write your files"
    elif all(bind.access is Access.READ for bind in grants):
        yield "cannot change your files"


def _hosts(egress: Iterable[Endpoint]) -> Iterator[str]:
    hosts = list(egress)
    for endpoint in hosts:
        below = endpoint.host.startswith("*.")
        name = f"any host below {endpoint.host[2:]}" if below else endpoint.host
        yield f"may contact {name} on port {endpoint.port}"
    yield "cannot contact any other host" if hosts else "cannot contact any host"


def _variables(names: list[str]) -> Iterator[str]:
    if names:
        yield f"is given the variables {', '.join(names)}, and no other of yours"
    else:
        yield "is given none of your environment variables"


def _limits(limits: Limits) -> Iterator[str]:
    yield (
        f"may take {_size(limits.memory)} of memory, {limits.pids} processes, "
        f"{limits.open_files} open files, {_size(limits.tmp)} in each of /tmp and its home, "
        f"and write files of up to {_size(limits.file_size)}"
    )
    if limits.cpu_seconds is not None:
        yield f"may use {limits.cpu_seconds} s of processor time"


def _enforcement(plan: Plan, backend: str) -> str:
    inside = (
        f"the image {plan.image.manifest}"
        if plan.image
        else "an empty root with what is named here"
    )
    return f"runs under {backend}, in {inside}"


def _size(amount: int) -> str:
    if amount % MIB == 0:
        return f"{amount // MIB} MiB"
    return f"{amount} bytes"
