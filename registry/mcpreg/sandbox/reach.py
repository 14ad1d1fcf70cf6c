"""What to think of a path that a server opens: pure, from the path and the plan alone.

Paths are those that the server sees. What exists inside, and where links lead, is for the caller
to find out, and only for the few paths that this module does not settle by itself.
"""

from __future__ import annotations

import os
import posixpath
import re
from enum import Enum, auto
from typing import NamedTuple

from mcpreg.core.plan import Plan
from mcpreg.sandbox import bubblewrap, inside
from mcpreg.sandbox.layout import within
from mcpreg.sandbox.sensitive import is_sensitive

# Programs look for what is theirs in many places; what is missing there says nothing.
_QUIET = (
    "/proc", "/dev", "/sys", "/usr", "/lib", "/lib64", "/bin", "/sbin", *bubblewrap.SYSTEM,
    # what the C library and its like read of a system that has them
    "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
    "/etc/netsvc.conf", "/etc/svc.conf", "/etc/timezone", "/etc/locale.alias", "/etc/mime.types",
)  # fmt: skip
_SCRATCH = ("/tmp", inside.HOME)  # noqa: S108  # inside
# The loader tries a dozen folders for each library; OpenSSL looks where it was built.
_LIBRARY = re.compile(r"(?:\.so(?:\.[0-9.]+)?|/openssl\.cnf)$")
_OWN_ROOT = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/root(?=/|$)")


class Reach(Enum):
    """What a path is."""

    OURS = auto()
    """Provided, or not worth a word."""
    GRANTED = auto()
    """Below a grant, by name; a link there may still lead out."""
    SENSITIVE = auto()
    """On the named list and not granted; unless the server made it itself."""
    ESCAPE = auto()
    """Out of a grant by `..`."""
    ELSEWHERE = auto()
    """Anything else: if it is absent, it was looked for in vain."""


class Reached(NamedTuple):
    """A verdict about one plain path."""

    reach: Reach
    path: str


class Places:
    """The folders of one plan, prepared for many questions."""

    def __init__(self, plan: Plan) -> None:
        self._grants = tuple(bind.target for bind in plan.binds if bind.role == "grant")
        ours = [bind.target for bind in plan.binds if bind.role != "grant"]
        self._provided = (*_QUIET, *ours, *inside.GENERATED, *(path for _, path in plan.links))
        plain = (place for place in self._provided if not within("/proc", place))
        self._quick = tuple(os.fsencode(place) + b"/" for place in plain)

    def is_own_code(self, path: bytes) -> bool:
        """Whether a path as written is plainly `OURS`: so is nearly all that a program opens.

        One comparison in C, for what is asked a thousand times while a server starts.
        """
        return path.startswith(self._quick) and b".." not in path

    def judge(self, path: str, base: str) -> Reached:
        """`path` as the program wrote it; `base` is the folder that it is relative to."""
        whole = path if path.startswith("/") else f"{base.rstrip('/')}/{path}"
        whole = _OWN_ROOT.sub("", whole, count=1) or "/"
        # "//x" is left alone by normpath, POSIX has it so; Linux does not.
        plain = "/" + posixpath.normpath(whole).lstrip("/")
        return Reached(self._reach(plain, whole), plain)

    def _reach(self, plain: str, whole: str) -> Reach:
        if self._granted(plain):
            return Reach.GRANTED
        if any(within(plain, place) for place in self._provided):
            return Reach.OURS
        if self._leaves_grant(whole):
            return Reach.ESCAPE
        if is_sensitive(plain):
            return Reach.SENSITIVE
        scratch = any(within(plain, place) for place in _SCRATCH)
        return Reach.OURS if scratch or _LIBRARY.search(plain) else Reach.ELSEWHERE

    def is_provided(self, path: str) -> bool:
        """Whether a plain path lies in anything that the sandbox shows."""
        shown = (*self._grants, *self._provided, *_SCRATCH)
        return any(within(path, place) for place in shown)

    def _granted(self, plain: str) -> bool:
        return any(within(plain, grant) for grant in self._grants)

    def _leaves_grant(self, whole: str) -> bool:
        """Whether `..` in it steps out of a grant."""
        if ".." not in whole:
            return False
        walked, was_granted = "/", False
        for part in whole.split("/"):
            walked = posixpath.normpath(posixpath.join(walked, part))
            was_granted = was_granted or self._granted(walked)
        return was_granted
