"""What `/metrics` tells, in the text format of Prometheus.

Label values come from short fixed lists: what a stranger sends makes no new series.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from mcpreg_site.routes import CHANGES, PREFIXES, VIEWS

_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Seconds; the official registry's complaints begin at the upper end.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mcpreg_requests",
            "Requests by kind of address, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mcpreg_request_seconds",
            "Seconds from the request to the last byte handed to the connection.",
            ("route",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._sent = Counter("mcpreg_sent_bytes", "Bytes of bodies sent.", registry=self._registry)
        self._trees = Counter(
            "mcpreg_builds", "Builds that landed while this was running.", registry=self._registry
        )
        self._cached = Gauge(
            "mcpreg_cached_bytes", "Bytes of bodies kept in memory.", registry=self._registry
        )

    def count(self, path: str, method: str, status: int, sent: int, seconds: float) -> None:
        """One request that was answered."""
        route = route_of(path)
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._sent.inc(sent)

    def landed(self) -> None:
        """A new build is there."""
        self._trees.inc()

    def text(self, cached: int) -> bytes:
        """The page that Prometheus reads, with the bytes that are kept now."""
        self._cached.set(cached)
        return generate_latest(self._registry)


CONTENT_TYPE = CONTENT_TYPE_LATEST


def route_of(path: str) -> str:
    """The kind of address: one of a dozen words."""
    for prefix in PREFIXES:
        if path.startswith(f"{prefix}/"):
            rest = path.removeprefix(f"{prefix}/").strip("/").split("/")
            if rest[0] != "servers":
                return "probe"
            return "list" if len(rest) == 1 else "versions" if rest[-1] == "versions" else "version"
    if path.startswith(CHANGES):
        return "changes"
    if path.startswith(VIEWS):
        return "registry"
    first = path.strip("/").partition("/")[0]
    if first in ("tuf", "targets", "search", "assets", "api"):
        return first
    return "probe" if first in ("health", "readiness", "metrics") else "page"
