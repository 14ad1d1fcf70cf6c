"""The icons of a manifest, as pictures of our own making.

Nobody's server learns who looks at the site, and no reader's browser decodes what a publisher sent:
each icon is fetched once, decoded in a process of its own that may fail, and encoded again.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile

from mcpreg.core.evidence import FetchedIcon
from mcpreg.core.manifest import Manifest
from mcpreg.evidence.icon_decoder import REFUSED
from mcpreg.evidence.web import Web, WebError, follow

MAX_ICONS = 8
MAX_BYTES = 1 << 20
_SECONDS = 20.0  # starting an interpreter on a busy machine included
_DECODER = "mcpreg.evidence.icon_decoder"
_PNG_HEADER = struct.Struct(">8sI4sII")  # signature; length, name and size of the first chunk


class NoPictureError(Exception):
    """Why there is no icon; `harmless` as in `FetchedIcon`."""

    def __init__(self, problem: str, *, harmless: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.harmless = harmless


def icons(manifest: Manifest, web: Web) -> tuple[FetchedIcon, ...]:
    """Fetch each icon and encode it again; what went wrong with one is in its `problem`."""
    return tuple(_icon(index, icon.src, web) for index, icon in enumerate(manifest.icons or ()))


def _icon(index: int, url: str, web: Web) -> FetchedIcon:
    if index >= MAX_ICONS:
        return FetchedIcon(index, url, f"only {MAX_ICONS} icons are fetched", harmless=True)
    try:
        png = picture(_fetched(url, web))
    except NoPictureError as error:
        return FetchedIcon(index, url, error.problem, harmless=error.harmless)
    width, height = _PNG_HEADER.unpack_from(png)[3:]
    return FetchedIcon(index, url, None, png, width, height)


def _fetched(url: str, web: Web) -> bytes:
    try:
        _, page = follow(url, web, limit=MAX_BYTES)
    except WebError as error:
        raise NoPictureError(str(error), harmless=True) from error
    if page.status != 200:
        raise NoPictureError(f"{url} answers {page.status}", harmless=True)
    if _is_svg(page.body):
        raise NoPictureError(
            "is SVG, a document that may hold scripts; only pictures are shown", harmless=True
        )
    return page.body


def _is_svg(data: bytes) -> bool:
    start = data[:1024].lower()
    return b"<svg" in start or start.lstrip().startswith((b"<?xml", b"<!doctype svg"))


def picture(data: bytes) -> bytes:
    """The picture as a PNG of at most 256 pixels a side. Raises `NoPictureError`."""
    with tempfile.TemporaryDirectory(prefix="mcpreg-icon-") as folder:  # nothing of ours near it
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-m", _DECODER],
                input=data,
                capture_output=True,
                cwd=folder,
                env={},
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NoPictureError(f"takes more than {_SECONDS:.0f} s to decode") from error
    if done.returncode == 0 and done.stdout.startswith(b"\x89PNG"):
        return done.stdout
    if done.returncode == REFUSED:
        raise NoPictureError(done.stderr.decode(errors="replace").strip()[:200])
    raise NoPictureError("broke the decoder")
