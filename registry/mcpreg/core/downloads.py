"""`stats/downloads.json`: how often each server was downloaded, as data on main.

One download is one client, once a day, that fetched the lock of one version: installing needs that
file, looking at pages does not. `mcpreg-site stats` counts; nothing about clients is kept.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from mcpreg.core import canonical
from mcpreg.core.manifest import Model
from mcpreg.core.reviews import Day
from mcpreg.errors import McpregError

DOWNLOADS_FILE = "downloads.json"
"""Below `stats/`."""
MAX_DOWNLOADS_BYTES = 32 << 20
RECENT_DAYS = 30

Count = Annotated[int, Field(ge=0)]


class ServerDownloads(Model):
    """One server's downloads. `days` counts back from `through`, at most 30, end zeros left out.

    A list and not a map: at production scale the dates alone would be ten megabytes.
    """

    total: Count = 0
    last30: Count = 0
    versions: dict[str, Count] = Field(default_factory=dict)
    days: Annotated[tuple[Count, ...], Field(max_length=RECENT_DAYS)] = ()


class Downloads(Model):
    """The whole file. `through` is the last day (UTC) that was counted; later ones are open."""

    stats_version: Literal[1] = 1
    through: Day | None = None
    servers: dict[str, ServerDownloads] = Field(default_factory=dict)

    def of(self, name: str) -> int:
        """How often a server was ever downloaded."""
        found = self.servers.get(name)
        return found.total if found else 0

    def canonical(self) -> bytes:
        """RFC 8785 bytes: the file's content."""
        return canonical.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def parse_downloads(data: bytes | None) -> Downloads:
    """Read the file; none yet is nothing counted. Raises `McpregError` when it is not one."""
    if data is None:
        return Downloads()
    if len(data) > MAX_DOWNLOADS_BYTES:
        raise _invalid(f"{len(data)} bytes; at most {MAX_DOWNLOADS_BYTES}")
    try:
        found = Downloads.model_validate_json(data)
        if found.through is not None:
            date.fromisoformat(found.through)  # 2026-02-31 has the shape of a day
    except ValueError as error:
        raise _invalid(str(error).partition("\n")[0]) from error
    return found


def _invalid(why: str) -> McpregError:
    where = f"stats/{DOWNLOADS_FILE}"
    return McpregError(
        f"{where} is not valid: {why}",
        where=where,
        hint="mcpreg-site stats --restart counts again, from all logs",
    )


def add(before: Downloads, counts: dict[tuple[str, str, date], int], through: date) -> Downloads:
    """Add days that were not counted yet.

    Args:
        before: what was counted so far.
        counts: downloads by server, version and day, each day after `before.through`.
        through: the last day that is now counted.
    """
    passed = (through - date.fromisoformat(before.through)).days if before.through else 0
    servers = {name: _later(server, passed) for name, server in before.servers.items()}
    for (name, version, day), count in sorted(counts.items()):
        old = servers.get(name, ServerDownloads())
        servers[name] = ServerDownloads(
            total=old.total + count,
            versions=old.versions | {version: old.versions.get(version, 0) + count},
            days=_counted(old.days, (through - day).days, count),
        )
    return Downloads(
        through=through.isoformat(),
        servers={
            name: server.model_copy(update={"last30": sum(server.days)})
            for name, server in sorted(servers.items())
        },
    )


def _later(server: ServerDownloads, passed: int) -> ServerDownloads:
    """The same counts, `passed` days on: what is then older than 30 days counts in no list."""
    days = (*(0,) * min(passed, RECENT_DAYS), *server.days)[:RECENT_DAYS]
    return server.model_copy(update={"days": _trimmed(days)})


def _counted(days: tuple[int, ...], ago: int, count: int) -> tuple[int, ...]:
    if ago >= RECENT_DAYS:
        return days
    padded = [*days, *(0,) * (ago + 1 - len(days))]
    padded[ago] += count
    return tuple(padded)


def _trimmed(days: tuple[int, ...]) -> tuple[int, ...]:
    """Without the zeros at the end."""
    last = max((place for place, count in enumerate(days) if count), default=-1)
    return days[: last + 1]
