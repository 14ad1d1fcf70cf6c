"""`deploy(s3://…)`: change a bucket so that readers, at any moment, follow no dead end.

    1. take the lease; finish what a deploy that ended left to do
    2. plan: compare with the current inventory; refuse to take TUF back
    3. write the new inventory, and copies of what will be overwritten
    4. announce the attempt in the head
    5. leaves, then whatever is new, then what is changed; pointers; roots; `timestamp.json` last
    6. make the new inventory the current one
    7. tell the caches; delete what is past its grace

Killed before 4, nothing that a reader sees has changed. After it, whoever deploys next knows from
the announced inventory which paths may be of either generation, asks the bucket once which of them
exist, and writes what differs. Since 5 begins with what is new and removes nothing (`order` tells
why that is enough), both generations are whole all the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from mcpreg_site.deploy.bodies import KEPT, Bodies
from mcpreg_site.deploy.bucket import DELETE_AT_ONCE, Bucket
from mcpreg_site.deploy.forward import (
    MAX_TIMESTAMP,
    require_forward,
    require_leaves,
    require_roots,
)
from mcpreg_site.deploy.head import Head, Publication
from mcpreg_site.deploy.lease import Held, read_head
from mcpreg_site.deploy.order import TIMESTAMP, Step
from mcpreg_site.deploy.plan import Plan, iso, make_plan
from mcpreg_site.deploy.state import inventory_path, read_inventory, read_live
from mcpreg_site.deploy.stored import Body
from mcpreg_site.deploy.writer import Writer

DEFAULT_GRACE = timedelta(days=7)
"""How long what is no longer part of the site stays: clients half-way, caches, old pages."""
DEFAULT_JOBS = 16
_INVENTORY_HEADERS = {"Content-Type": "application/gzip", "Cache-Control": "no-store"}

Tell = Callable[[str], None]
Invalidate = Callable[[Sequence[str] | None, str], None]
"""Makes caches forget these paths (None: all of them); the text names the publication."""


@dataclass(frozen=True)
class Request:
    """What to deploy, and how."""

    bodies: Bodies
    commit: str = ""
    restores: int | None = None
    grace: timedelta = DEFAULT_GRACE
    jobs: int = DEFAULT_JOBS
    wait: float = 120.0  # seconds for a lease that another holds
    invalidate: Invalidate | None = None
    tell: Tell = lambda _: None


@dataclass(frozen=True)
class Deployed:
    """What was done: `sent` is in bytes; `plan` tells the rest."""

    publication: int
    inventory: str
    plan: Plan
    sent: int
    resumed: bool
    conditional: bool
    """Whether the host heeded conditions; where not, nothing keeps two deploys apart."""


def preview(bucket: Bucket, request: Request) -> Plan:
    """The plan that a deploy would carry out now. Reads only."""
    return _plan(bucket, read_head(bucket), request)


def deploy(bucket: Bucket, request: Request) -> Deployed:
    """Bring the bucket to a site; see the module's text for the steps.

    Raises:
        ConflictError: another deploy is at work, or somebody else changed a pointer.
        VerificationError: TUF would go back, or a name that never changes has other content.
        UnreachableError, PolicyError, NotFoundError: as the host answers; deploying again goes on.
    """
    with _held(bucket, request) as held:  # 1
        run = _Run(bucket, held, request)
        resumed = bool(held.head.attempts) or not held.head.settled
        if not held.head.settled:
            run.settle(None)
        plan = _plan(bucket, held.head, request)  # 2
        if not plan.is_empty or held.head.attempts:
            run.carry_out(plan)
        current = held.head.current
        assert current is not None  # noqa: S101  # there is one, or the plan was not empty
        return Deployed(
            current.number, current.inventory, plan, run.sent, resumed, held.conditional
        )


@contextmanager
def _held(bucket: Bucket, request: Request) -> Iterator[Held]:
    held = Held(bucket)
    held.acquire(request.wait)
    try:
        yield held
    finally:  # Ctrl-C too: whoever deploys next need not wait
        held.release()


def _plan(bucket: Bucket, head: Head, request: Request) -> Plan:
    files = request.bodies.fingerprints
    live = read_live(bucket, head, files)
    visible = bucket.get(TIMESTAMP, MAX_TIMESTAMP)
    new = request.bodies.body(TIMESTAMP).data if TIMESTAMP in files else None
    require_forward(new, visible.data if visible else None)
    require_roots(files, live.paths)
    require_leaves(files, live.paths)
    return make_plan(files, live, bucket.now, request.grace)


class _Run:
    """One deploy, from its plan on, by whoever holds the lease."""

    def __init__(self, bucket: Bucket, held: Held, request: Request) -> None:
        self._bucket, self._held, self._request = bucket, held, request
        self.sent = 0

    def carry_out(self, plan: Plan) -> None:
        """Steps 3 to 7."""
        identifier, document = plan.inventory.to_bytes()
        body = Body(document, _INVENTORY_HEADERS)
        self._bucket.put(inventory_path(identifier), body, identifier)  # 3
        attempts = self._held.head.attempts
        # After a deploy that broke off, only a look tells what a pointer is.
        known = {} if attempts else self._held.head.pointers
        request = self._request
        writer = Writer(self._bucket, request.bodies, known, self._held.keep, request.jobs)
        writer.parallel(
            partial(self._bucket.copy, path, f"{KEPT}/{text}") for path, text in plan.copies.items()
        )
        self._held.update(attempts=(*(a for a in attempts if a != identifier), identifier))  # 4
        self._write(plan, writer)  # 5
        self._commit(plan, identifier, writer)  # 6
        self.settle(plan.changed)  # 7

    def _write(self, plan: Plan, writer: Writer) -> None:
        for step in Step:
            uploads = plan.step(step)
            if not uploads:
                continue
            self._request.tell(f"{step.name.lower()}: {len(uploads)} files")
            if step >= Step.POINTER:
                self._held.update()  # the last moment to learn that somebody else took over
            # Clients walk from each root to the next, so these go one after the other.
            batches = [[upload] for upload in uploads] if step is Step.ROOT else [uploads]
            for batch in batches:
                writer.write(batch)
        self.sent = writer.sent

    def _commit(self, plan: Plan, identifier: str, writer: Writer) -> None:
        head = self._held.head
        publications = self._history(plan, identifier)
        named = {item.inventory for item in publications}
        past = {item.inventory for item in head.publications}
        self._held.update(
            publications=publications,
            attempts=(),
            pointers={p: tag for p, tag in writer.etags.items() if p in plan.inventory.files},
            settled=False,
            obsolete=tuple(sorted({*past, *head.attempts, *head.obsolete} - named)),
        )

    def _history(self, plan: Plan, identifier: str) -> tuple[Publication, ...]:
        """What can be restored, and the new publication; the same site is no new one."""
        request, before, now = self._request, self._held.head.current, self._bucket.now
        earlier = list(self._held.head.publications[:-1])
        if before is not None and plan.same_site:
            fresh = before.model_copy(update={"inventory": identifier})
        else:
            fresh = Publication(
                number=before.number + 1 if before else 1,
                inventory=identifier,
                at=iso(now),
                commit=request.commit,
                files=len(plan.inventory.files),
                restores=request.restores,
            )
            if before is not None:
                earlier.append(before.model_copy(update={"replaced_at": iso(now)}))
        too_old = iso(now - request.grace)
        return (*(item for item in earlier if (item.replaced_at or "") > too_old), fresh)

    def settle(self, changed: Sequence[str] | None) -> None:
        """Tell the caches, delete what is past its grace; repeated until it was done once."""
        current = self._held.head.current
        assert current is not None  # noqa: S101  # only a commit unsettles
        if self._request.invalidate is not None:
            self._request.tell("telling the caches")
            self._request.invalidate(changed, current.inventory)
        inventory = read_inventory(self._bucket, current.inventory)
        doomed = [*inventory.expired_paths]
        doomed += [f"{KEPT}/{text}" for text in inventory.expired_copies]
        doomed += [inventory_path(identifier) for identifier in self._held.head.obsolete]
        for start in range(0, len(doomed), DELETE_AT_ONCE):
            self._held.update()  # nobody else may have begun to need any of these
            self._bucket.delete(doomed[start : start + DELETE_AT_ONCE])
        self._held.update(settled=True, obsolete=())
