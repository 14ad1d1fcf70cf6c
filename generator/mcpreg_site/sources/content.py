"""One digest over what was fetched: equal digests mean that nothing changed."""

from __future__ import annotations

import hashlib

from mcpreg.formats.interface import Files


def content_of(files: Files) -> str:
    """`sha256:` over names and bytes, whatever their order; no two sets of files read alike."""
    total = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode("utf-8", "surrogateescape"), files[name]):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return f"sha256:{total.hexdigest()}"
