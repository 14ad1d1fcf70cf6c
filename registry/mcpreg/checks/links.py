"""What rules about links share."""

from __future__ import annotations

from urllib.parse import urlsplit

from mcpreg.core.evidence import Link
from mcpreg.core.position import Pointer

# Below these, each name is somebody else's; the whole public suffix list would be 250 KB to say it.
_SHARED = (
    "github.io", "gitlab.io", "netlify.app", "vercel.app", "pages.dev", "workers.dev",
    "herokuapp.com", "web.app", "firebaseapp.com", "azurewebsites.net", "cloudfront.net",
    "onrender.com", "fly.dev", "run.app", "readthedocs.io", "hf.space", "blogspot.com",
)  # fmt: skip
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gob", "gov", "net", "ne", "or", "org"))


def pointer_of(link: Link) -> Pointer:
    """The link's place in the manifest (RFC 6901)."""
    steps = (step.replace("~1", "/").replace("~0", "~") for step in link.pointer.split("/")[1:])
    return tuple(int(step) if step.isdecimal() else step for step in steps)


def site_of(url: str) -> str:
    """The host's part that somebody registered: example.com of docs.example.com, a.co.uk."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return url
    labels = host.split(".")
    shared = any(host.endswith(f".{suffix}") for suffix in _SHARED)
    country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if shared or country else labels[-2:])
