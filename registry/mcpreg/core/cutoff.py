"""As of when the package indexes are read, so that a lock is derived again next year.

An index may show a release some time after the date that it gives it: a mirror that lags, a cache.
A lock of this very hour then names what was newest for one reader and not for the next. So what a
package depends on is looked for as of a week ago, when indexes have settled; the package itself,
one exact release that somebody wants published now, as of this moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SETTLED = timedelta(days=7)
_FORM = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What was released later is not seen: two moments, as locks hold them (RFC 3339, UTC, `Z`)."""

    package: str
    dependencies: str

    @property
    def lags(self) -> bool:
        """Whether dependencies are looked for as of another moment than the package itself."""
        return self.dependencies != self.package

    def __str__(self) -> str:
        also = f", what it depends on as of {self.dependencies}" if self.lags else ""
        return f"as of {self.package}{also}"

    @classmethod
    def at(cls, moment: str) -> Cutoff:
        """One moment for everything."""
        return cls(moment, moment)

    @classmethod
    def now(cls, now: datetime) -> Cutoff:
        """Everything up to this second."""
        return cls.at(now.astimezone(UTC).strftime(_FORM))

    @classmethod
    def settled(cls, now: datetime) -> Cutoff:
        """The package up to this second, what it depends on up to the hour a week ago."""
        before = (now.astimezone(UTC) - SETTLED).replace(minute=0, second=0)
        return cls(cls.now(now).package, before.strftime(_FORM))
