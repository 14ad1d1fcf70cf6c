"""CloudFront's caches, told which paths are no longer what they hold."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from urllib.parse import quote

from mcpreg.errors import UsageError
from mcpreg_site.deploy.failures import explain
from mcpreg_site.routes import PREFIXES, VIEWS

MAX_PATHS = 100
"""Beyond that, whole folders: the first 1,000 paths a month are free, a wildcard counts as one."""
MAX_WILDCARDS = 15  # CloudFront's own limit on those in progress
EVERYTHING = ("/*",)
_REWRITTEN = tuple(f"{prefix}/*" for prefix in (*PREFIXES, VIEWS))


def invalidation_paths(changed: Sequence[str] | None) -> tuple[str, ...]:
    """What to invalidate for changed site paths; None stands for all.

    CloudFront wants both forms of an address that its function rewrites: a page's folder beside its
    `index.html`, and for the API the addresses that its documents answer.
    """
    if changed is None:
        return EVERYTHING
    found: set[str] = set()
    for path in changed:
        found.add("/" + quote(path))
        if path == "index.html" or path.endswith("/index.html"):
            found.add("/" + quote(path.removesuffix("index.html")))
    rewritten = _REWRITTEN if any(path.startswith("api/") for path in changed) else ()
    if len(found) + len(rewritten) > MAX_PATHS:
        found = {_folder(path) for path in found}
    everything = sorted({*found, *rewritten})
    wildcards = sum(path.endswith("*") for path in everything)
    return EVERYTHING if wildcards > MAX_WILDCARDS else tuple(everything)


def _folder(path: str) -> str:
    """The wildcard of the first folder that a path lies in; files of the root stay themselves."""
    first, slash, _ = path.removeprefix("/").partition("/")
    return f"/{first}/*" if slash else path


class Distribution:
    """One distribution. `invalidate` may be repeated: the same reference is one invalidation."""

    def __init__(self, identifier: str) -> None:
        self._id = identifier
        boto3 = importlib.import_module("boto3")  # by name: it has no types, and is slow to load
        failures = importlib.import_module("botocore.exceptions")
        self._failures = (failures.BotoCoreError, failures.ClientError)
        try:
            self._client = boto3.session.Session().client("cloudfront")
        except self._failures as error:
            raise UsageError(f"boto3 is not set up: {error}", hint="set AWS_PROFILE") from error

    def require(self) -> None:
        """Raise `NotFoundError` or `PolicyError` before anything is written, not after."""
        self._call("get_distribution", Id=self._id)

    def invalidate(self, changed: Sequence[str] | None, reference: str) -> None:
        """Forget these paths. Raises as `failures.explain` tells."""
        paths = invalidation_paths(changed)
        if paths:
            batch = {
                "Paths": {"Quantity": len(paths), "Items": list(paths)},
                "CallerReference": f"mcpreg-{reference[:40]}-{len(paths)}",
            }
            self._call("create_invalidation", DistributionId=self._id, InvalidationBatch=batch)

    def _call(self, operation: str, **arguments: object) -> None:
        try:
            getattr(self._client, operation)(**arguments)
        except self._failures as error:
            answer = getattr(error, "response", None) or {}
            code = str(answer.get("Error", {}).get("Code", ""))
            status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            where = f"CloudFront distribution {self._id}"
            raise explain(operation, where, code, str(error), status) from error
