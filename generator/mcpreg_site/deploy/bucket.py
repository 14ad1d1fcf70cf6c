"""A prefix of an S3 bucket: the few requests that a deploy makes, and their failures in words."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from mcpreg.errors import McpregError, UnreachableError, UsageError
from mcpreg_site.deploy.failures import ConflictError, explain
from mcpreg_site.deploy.stored import ARGUMENTS, Body

ATTEMPTS = 6  # of each request, the first included; with backoff about 20 s at most
CONNECT_SECONDS, READ_SECONDS = 10, 60
DELETE_AT_ONCE = 1000  # S3's own limit
_MARK = "mcpreg"  # metadata: the object's fingerprint, so that a look tells what it is


@dataclass(frozen=True, slots=True)
class Stored:
    """An object: its ETag as S3 writes it, the fingerprint it was uploaded with, bytes, headers."""

    etag: str
    fingerprint: str
    data: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Bucket:
    """Objects by path under `s3://bucket/prefix`. Safe to use from several threads."""

    def __init__(self, address: str, jobs: int) -> None:
        name, _, prefix = address.removeprefix("s3://").rstrip("/").partition("/")
        if not address.startswith("s3://") or not name:
            raise UsageError(f"{address} names no bucket", hint="s3://BUCKET/PREFIX")
        self.address = f"s3://{name}/{prefix}".rstrip("/")
        self._name, self._prefix = name, f"{prefix}/" if prefix else ""
        self._client, self._failures = _connect(jobs)
        self._torn: tuple[type[Exception], ...] = (*self._failures, OSError)
        self._date: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time of the host's last answer: one clock for all who deploy there, right or not."""
        return self._date or datetime.now(UTC)

    def get(self, path: str, limit: int) -> Stored | None:
        """An object, or None. Raises `McpregError` for one of more than `limit` bytes."""
        for left in reversed(range(3)):  # botocore retries requests, but not the reading of a body
            try:
                found = self._ask("get_object", path)
                return self._read(found, path, limit) if found is not None else None
            except _TornError as error:
                if not left:
                    raise UnreachableError(
                        f"{self.address}/{path} breaks off while it is read",
                        hint="try again; nothing was changed by this request",
                    ) from error
        raise AssertionError  # pragma: no cover  # the last round returns or raises

    def _read(self, found: Mapping[str, Any], path: str, limit: int) -> Stored:
        if found["ContentLength"] > limit:
            raise McpregError(f"{self.address}/{path} is larger than {limit >> 20} MiB")
        try:
            data = found["Body"].read(limit + 1)
        except self._torn as error:
            raise _TornError from error
        if len(data) != found["ContentLength"]:
            raise _TornError
        headers = {name: str(found[key]) for name, key in ARGUMENTS.items() if found.get(key)}
        return Stored(found["ETag"], found.get("Metadata", {}).get(_MARK, ""), data, headers)

    def look(self, path: str) -> Stored | None:
        """An object's ETag and fingerprint, or None."""
        found = self._ask("head_object", path)
        if found is None:
            return None
        return Stored(found["ETag"], found.get("Metadata", {}).get(_MARK, ""))

    def put(
        self,
        path: str,
        body: Body,
        fingerprint: str,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
    ) -> str:
        """Write an object; its ETag. Raises `ConflictError` when the condition does not hold."""
        arguments: dict[str, Any] = {ARGUMENTS[k]: v for k, v in body.headers.items()}
        if if_absent:
            arguments["IfNoneMatch"] = "*"
        elif if_match is not None:
            arguments["IfMatch"] = if_match
        done = self._ask(
            "put_object", path, Body=body.data, Metadata={_MARK: fingerprint}, **arguments
        )
        assert done is not None  # noqa: S101  # only reading finds nothing
        self._require_intact(path, body.data, done)
        return str(done["ETag"])

    def _require_intact(self, path: str, data: bytes, done: Mapping[str, Any]) -> None:
        """An ETag is the MD5 of what arrived, unless a key of KMS or the client encrypts it."""
        etag = str(done["ETag"]).strip('"')
        encrypted = done.get("ServerSideEncryption", "AES256") != "AES256"
        own = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if len(etag) == 32 and not encrypted and "SSECustomerAlgorithm" not in done and etag != own:
            raise UnreachableError(
                f"{self.address}/{path} arrived as other bytes than were sent",
                hint="deploy again; what leads readers there was not written",
            )

    def copy(self, path: str, to: str) -> None:
        """Copy an object inside the bucket, headers and all."""
        source = {"Bucket": self._name, "Key": self._prefix + path}
        if self._ask("copy_object", to, CopySource=source) is None:
            raise McpregError(
                f"{self.address}/{path} is gone",
                hint="somebody else removed it; .mcpreg/head.json can be removed to begin anew",
            )

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects; those that are not there are no matter. At most `DELETE_AT_ONCE`."""
        keys = [{"Key": self._prefix + path} for path in paths]
        done = self._call("delete_objects", "", Delete={"Objects": keys, "Quiet": True})
        for problem in done.get("Errors", ()):
            path = str(problem.get("Key", ""))
            code, text = problem.get("Code", ""), problem.get("Message", "")
            raise explain("delete_objects", f"s3://{self._name}/{path}", str(code), str(text), 0)

    def paths(self, under: str = "") -> Iterator[str]:
        """The path of every object, a thousand a request."""
        more: dict[str, Any] = {}
        while True:
            done = self._call("list_objects_v2", "", Prefix=self._prefix + under, **more)
            for item in done.get("Contents", ()):
                yield str(item["Key"]).removeprefix(self._prefix)
            if not done.get("IsTruncated"):
                return
            more = {"ContinuationToken": done["NextContinuationToken"]}

    def _ask(self, operation: str, path: str, **arguments: Any) -> dict[str, Any] | None:  # noqa: ANN401  # boto3's arguments
        return self._call(operation, path, Key=self._prefix + path, **arguments) or None

    def _call(self, operation: str, path: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401  # boto3's arguments
        """One request, retried by botocore. An object that is not there gives an empty answer."""
        try:
            done: dict[str, Any] = getattr(self._client, operation)(Bucket=self._name, **arguments)
        except self._failures as error:
            return self._failed(operation, path, error)
        self._note_date(done)
        return done

    def _failed(self, operation: str, path: str, error: Exception) -> dict[str, Any]:
        answer: Mapping[str, Any] = getattr(error, "response", None) or {}
        self._note_date(answer)
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        missing = code in ("NoSuchKey", "404", "NotFound")
        if missing and operation in ("get_object", "head_object", "copy_object"):
            return {}
        where = f"{self.address}/{path}".rstrip("/")
        if code in ("PreconditionFailed", "ConditionalRequestConflict") or status == 412:
            raise ConflictError(f"{where} is no longer what it was") from error
        raise explain(operation, where, code, str(error), status) from error

    def _note_date(self, answer: Mapping[str, Any]) -> None:
        text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            self._date = parsedate_to_datetime(text).astimezone(UTC)
        except ValueError:
            return


class _TornError(Exception):
    """A body that ended early."""


def _connect(jobs: int) -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        # By name: boto3 has no types, and is slow to load.
        boto3 = importlib.import_module("boto3")
        config = importlib.import_module("botocore.config")
        failures = importlib.import_module("botocore.exceptions")
    except ImportError as error:
        raise UsageError(
            "deploying to s3:// needs boto3", hint="pip install 'mcpreg[site]'"
        ) from error
    settings = config.Config(
        max_pool_connections=jobs,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        # Standard, not adaptive: a deploy's first 503 must not throttle all that follows.
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        user_agent_extra="mcpreg-site",
    )
    known = (failures.BotoCoreError, failures.ClientError)
    try:
        return boto3.session.Session().client("s3", config=settings), known
    except known as error:
        raise UsageError(
            f"boto3 is not set up: {error}", hint="set AWS_REGION, AWS_PROFILE"
        ) from error
