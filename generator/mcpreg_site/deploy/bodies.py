"""Where the bytes of an upload come from: the folder on this machine, or copies in the bucket."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mcpreg.errors import McpregError
from mcpreg_site.deploy.bucket import Bucket
from mcpreg_site.deploy.source import HOST_FILES, MAX_FILE, STATE, SiteSource
from mcpreg_site.deploy.stored import Body, body_of, fingerprint, headers_for

KEPT = f"{STATE}/kept"


class Bodies(Protocol):
    """`fingerprints` says what each path shall be; `body` gives the bytes."""

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """The whole site, fingerprint by path."""

    def body(self, path: str) -> Body:
        """What to upload at `path`."""


class FolderBodies:
    """A built site, without what is there for other hosts."""

    def __init__(self, source: SiteSource, *, compress: bool) -> None:
        self._source = source
        self._headers = {
            path: headers_for(path, file.size, compress=compress)
            for path, file in source.files.items()
            if path not in HOST_FILES
        }
        self.fingerprints: Mapping[str, str] = {
            path: fingerprint(source.files[path].sha256, headers)
            for path, headers in self._headers.items()
        }

    def body(self, path: str) -> Body:
        """The file, compressed if its kind is."""
        return body_of(self._source.read(path), self._headers[path])


@dataclass(frozen=True)
class KeptBodies:
    """An earlier publication, from the copies that were made before it was overwritten."""

    bucket: Bucket
    fingerprints: Mapping[str, str]

    def body(self, path: str) -> Body:
        """The copy. Raises `McpregError` when it is gone or not what it claims."""
        wanted = self.fingerprints[path]
        for place in (f"{KEPT}/{wanted}", path):
            found = self.bucket.get(place, MAX_FILE)
            # Some hosts keep no metadata; the content decides anyway.
            if found is None or found.fingerprint not in (wanted, ""):
                continue
            plain = found.data
            if found.headers.get("Content-Encoding") == "gzip":
                plain = gzip.decompress(plain)
            if fingerprint(hashlib.sha256(plain).hexdigest(), found.headers) == wanted:
                return Body(found.data, found.headers)
        raise McpregError(
            f"{path} of that publication is no longer in the bucket",
            where=self.bucket.address,
            hint="build that commit again and deploy it; --list shows what can be restored",
        )
