"""Uploads in parallel, each under the condition that its kind of file needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from mcpreg.errors import VerificationError
from mcpreg_site.deploy.bodies import Bodies
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.failures import AGAIN, ConflictError
from mcpreg_site.deploy.order import Step, is_leaf, is_pointer
from mcpreg_site.deploy.plan import Upload
from mcpreg_site.deploy.stored import Body

_LOOK_AGAIN = 5.0  # seconds between two looks at the lease while uploads run


class Writer:
    """Writes one plan. `etags` are those of the pointers: known ones first, then the new ones."""

    def __init__(
        self,
        bucket: Bucket,
        bodies: Bodies,
        etags: Mapping[str, str],
        keep: Callable[[], None],
        jobs: int,
    ) -> None:
        self._bucket, self._bodies, self._keep, self._jobs = bucket, bodies, keep, jobs
        self.etags = dict(etags)
        self.sent = 0
        """Bytes uploaded."""

    def write(self, uploads: Iterable[Upload]) -> None:
        """Write files of one step; returns when all are there. Raises at the first that fails."""
        self.parallel(partial(self._one, upload) for upload in uploads)

    def parallel(self, tasks: Iterable[Callable[[], None]]) -> None:
        """Run tasks on `jobs` threads while the lease is kept."""
        pool = ThreadPoolExecutor(self._jobs, "mcpreg-deploy")
        running: set[Future[None]] = set()
        try:
            for task in tasks:
                self._keep()
                running.add(pool.submit(task))
                running = self._collect(running, 2 * self._jobs)
            self._collect(running, 1)
        finally:
            pool.shutdown(cancel_futures=True)

    def _collect(self, running: set[Future[None]], most: int) -> set[Future[None]]:
        """Wait until fewer than `most` run; raises what failed."""
        while len(running) >= most:
            done, running = wait(running, _LOOK_AGAIN, FIRST_COMPLETED)
            for future in done:
                future.result()
            self._keep()
        return running

    def _one(self, upload: Upload) -> None:
        body = self._bodies.body(upload.path)
        if upload.step is Step.ROOT or is_leaf(upload.path):
            self._leaf(upload, body)
        elif is_pointer(upload.path):
            self._pointer(upload, body)
        else:
            self._put(upload, body)
        self.sent += len(body.data)

    def _put(self, upload: Upload, body: Body, **condition: Any) -> str:  # noqa: ANN401  # of Bucket.put
        return self._bucket.put(upload.path, body, upload.fingerprint, **condition)

    def _leaf(self, upload: Upload, body: Body) -> None:
        """What never changes is written once; what is there already has to be the same."""
        try:
            self._put(upload, body, if_absent=True)
        except ConflictError:
            found = self._bucket.look(upload.path)
            if found is None or found.fingerprint == upload.fingerprint:
                return
            # Without a fingerprint it was not a deploy that wrote it: an earlier tool, by hand.
            if found.fingerprint and found.fingerprint[:64] != upload.fingerprint[:64]:
                raise VerificationError(
                    f"{upload.path} is already there with other content, and never changes",
                    where=self._bucket.address,
                    hint="was the same version signed twice? publish again: the next one is free",
                ) from None
            self._put(upload, body, if_match=found.etag)  # the headers changed, no more

    def _pointer(self, upload: Upload, body: Body) -> None:
        """Written only if it is what this deploy believes it to be."""
        known = self.etags.get(upload.path)
        if known is None and not upload.new:
            found = self._bucket.look(upload.path)
            known = found.etag if found else None
        try:
            etag = self._put(upload, body, if_match=known, if_absent=known is None)
        except ConflictError as error:
            found = self._bucket.look(upload.path)
            if found is None or found.fingerprint != upload.fingerprint:
                raise ConflictError(
                    f"{upload.path} was changed by somebody else",
                    where=self._bucket.address,
                    hint=AGAIN,
                ) from error
            etag = found.etag  # an answer was lost, and the request sent again
        self.etags[upload.path] = etag
