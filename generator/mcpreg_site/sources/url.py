"""One document by http or https."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from mcpreg_site.sources.content import content_of
from mcpreg_site.sources.http import Client, conditions
from mcpreg_site.sources.interface import Checkpoint, Fetched, Unchanged, UrlLocation
from mcpreg_site.sources.limits import Limits
from mcpreg_site.sources.network import Lookup, system_lookup

DEFAULT_NAME = "document.json"


def fetch(
    location: UrlLocation,
    checkpoint: Checkpoint | None,
    limits: Limits,
    *,
    lookup: Lookup = system_lookup,
) -> Fetched | Unchanged:
    """The document under the last part of its path; one conditional request if one was made before.

    Raises:
        SourceUnavailableError, SourceInvalidError: as `Client.get`.
    """
    headers = conditions(checkpoint.validators if checkpoint else {})
    with Client(location.url, limits, lookup) as client:
        answer = client.get(location.url, seconds=limits.document_seconds, headers=headers)
    if answer.status == 304:
        return Unchanged()
    files = {file_name(location.url): answer.body}
    return Fetched(files, content_of(files), answer.validators())


def file_name(url: str) -> str:
    """A plain file name out of an address, for formats that go by it."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    odd = any(char in "/\\" or not char.isprintable() for char in name)
    return DEFAULT_NAME if odd or not name or name.startswith(".") else name[:100]
