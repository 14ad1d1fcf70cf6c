"""A bucket to deploy to, and ways to look into it that share nothing with the deploy."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest

from mcpreg_site.deploy import s3
from mcpreg_site.deploy.bodies import FolderBodies
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.source import scan
from s3_hosts import S3Host
from site_reader import Reader


@dataclass
class Place:
    """A prefix of a bucket."""

    host: S3Host
    bucket: str
    prefix: str = "registry/"

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def get(self, path: str) -> bytes | None:
        """The object at a site path; None when there is none."""
        client = self.client
        try:
            found = client.get_object(Bucket=self.bucket, Key=self.prefix + path.lstrip("/"))
        except client.exceptions.NoSuchKey:
            return None
        data: bytes = found["Body"].read()
        if found.get("ContentEncoding") == "gzip":
            return gzip.decompress(data)
        return data

    @cached_property
    def client(self) -> Any:  # noqa: ANN401  # boto3 makes its classes while it runs
        return self.host.client()

    def paths(self) -> set[str]:
        """Every object's path, the deploys' own records included."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        found = (item["Key"] for page in pages for item in page.get("Contents", ()))
        return {key.removeprefix(self.prefix) for key in found}

    def reader(self) -> Reader:
        """Somebody who reads now, and each object once."""
        return Reader(cache(self.get))


class Clock:
    """The host's clock, as a deploy sees it, moved by tests."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        monkeypatch.setattr(Bucket, "now", property(lambda _: datetime.now(UTC) + self.ahead))


def request_for(site: Path, **changes: Any) -> s3.Request:  # noqa: ANN401  # the fields of Request
    """What `mcpreg-site deploy --site` asks for."""
    source = scan(site)
    changes.setdefault("bodies", FolderBodies(source, compress=True))
    return s3.Request(**{"commit": source.commit, "jobs": 4, "wait": 0.0, **changes})
