"""A finished tree on disk, which a new build may replace at any moment."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from mcpreg_site.server.listing import Listing, load


class SiteFolder:
    """Reads files by site path. Never leaves the folder, never follows a link out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._identity: tuple[int, int] | None = None
        self._listing: Listing | None = None
        self._loading = Lock()

    def read(self, path: str) -> bytes | None:
        """The file at a site path such as `/a/b.json`; None when there is none."""
        file = self._locate(path)
        if file is None:
            return None
        try:
            # A build never emits links: whatever is one was put there by somebody else.
            descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as stream:
                return stream.read()
        except OSError:
            return None

    def is_file(self, path: str) -> bool:
        """Whether there is a file at a site path."""
        file = self._locate(path)
        return file is not None and file.is_file()

    def is_folder(self, path: str) -> bool:
        """Whether a page of its own lies at `path/`."""
        file = self._locate(path)
        return file is not None and (file / "index.html").is_file()

    def _locate(self, path: str) -> Path | None:
        parts = path.strip("/").split("/")
        if any(part.startswith(".") or "\0" in part or "\\" in part for part in parts):
            return None
        return self._folder.joinpath(*parts)

    @property
    def listing(self) -> Listing:
        """Every version of the tree that is there now; read again when a new build has landed."""
        with self._loading:  # reading a large tree takes seconds: once, however many ask
            identity = self._now()
            if self._listing is None or identity != self._identity:
                self._listing = load(self.read)
                self._identity = identity
            return self._listing

    def _now(self) -> tuple[int, int]:
        # An exchange of folders changes the inode that the name leads to.
        found = self._folder.stat()
        return found.st_dev, found.st_ino
