"""`stats/downloads.json`: how often each server was downloaded, as data on main.

One download is one client, once a day, that fetched the lock of one version: installing needs that
file, looking at pages does not. `mcpreg-site stats` counts; nothing about clients is kept.
"""

from __future__ import annotations

from datetime import date, timedelta
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
    """One server's downloads up to `through`. `days` are the last 30 days that had any."""

    total: Count = 0
    last30: Count = 0
    versions: dict[str, Count] = Field(default_factory=dict)
    days: dict[Day, Count] = Field(default_factory=dict)


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
    servers = dict(before.servers)
    oldest = (through - timedelta(days=RECENT_DAYS - 1)).isoformat()
    for (name, version, day), count in sorted(counts.items()):
        old = servers.get(name, ServerDownloads())
        spelled = day.isoformat()
        servers[name] = ServerDownloads(
            total=old.total + count,
            versions=old.versions | {version: old.versions.get(version, 0) + count},
            days=old.days | {spelled: old.days.get(spelled, 0) + count},
        )
    return Downloads(
        through=through.isoformat(),
        servers={name: _recent(server, oldest) for name, server in sorted(servers.items())},
    )


def _recent(server: ServerDownloads, oldest: str) -> ServerDownloads:
    days = {day: count for day, count in server.days.items() if day >= oldest}
    return server.model_copy(update={"days": days, "last30": sum(days.values())})
