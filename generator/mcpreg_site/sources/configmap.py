"""A ConfigMap that stands among the documents: there is nothing to fetch."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcpreg_site.sources.content import content_of
from mcpreg_site.sources.interface import Checkpoint, ConfigMapLocation, Fetched, Unchanged
from mcpreg_site.sources.limits import Limits


def fetch(
    location: ConfigMapLocation, checkpoint: Checkpoint | None, limits: Limits
) -> Fetched | Unchanged:
    """The key's content under the key's name. Never raises."""
    del checkpoint, limits  # its document is capped where it is read
    files = {PurePosixPath(location.key).name: location.data}
    return Fetched(files, content_of(files))
