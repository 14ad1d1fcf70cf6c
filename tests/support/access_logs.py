"""Lines of access logs, and counting them."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

from mcpreg.core import canonical
from mcpreg.core.downloads import Downloads
from mcpreg_site.stats.count import LATE, Counted, count
from mcpreg_site.stats.logs import LogFile, find

DAY = date(2026, 11, 1)
TODAY = DAY + LATE
LOCK = canonical.sha256(b"lock")
OTHER = canonical.sha256(b"another lock")
NOT_A_LOCK = canonical.sha256(b"a README")
LOCKS = {LOCK: ("io.github.acme/clock", "1.0.0"), OTHER: ("io.github.acme/clock", "1.1.0")}
AGENT = "python-tuf/7.0.0"
FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status "
    "cs(Referer) cs(User-Agent) cs-uri-query"
)


def blob(digest: str) -> str:
    return f"targets/sha256/{digest.removeprefix('sha256:')}"


def s3(
    digest: str = LOCK,
    *,
    client: str = "192.0.2.3",
    agent: str = AGENT,
    day: date = DAY,
    status: str = "200",
    operation: str = "REST.GET.OBJECT",
    uri: str | None = None,
) -> str:
    """A line of an S3 server access log, in the shape that AWS documents."""
    key = blob(digest)
    return (
        f"79a59df900b949e5 bucket [{day:%d/%b/%Y}:00:00:38 +0000] {client} - 3E57427F3EXAMPLE "
        f'{operation} {key} "{uri or f"GET /{key} HTTP/1.1"}" {status} - 113 113 7 6 "-" "{agent}" '
        "- s9lzHYrFp76ZVxRcpX9= - ECDHE-RSA-AES128-GCM-SHA256 - bucket.example TLSV1.2 - -"
    )


def cloudfront(
    digest: str = LOCK,
    *,
    client: str = "192.0.2.3",
    agent: str = AGENT,
    day: date = DAY,
    status: str = "200",
    method: str = "GET",
) -> str:
    cells = (
        *(day.isoformat(), "00:00:38", "FRA2-C1", "113", client, method, "d1.example"),
        *(f"/{blob(digest)}", status, "-", agent, "-"),
    )
    return "\t".join(cells)


def cloudfront_file(*lines: str) -> str:
    return "\n".join(["#Version: 1.0", f"#Fields: {FIELDS}", *lines]) + "\n"


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def counted(*places: Path | str, before: Downloads | None = None, today: date = TODAY) -> Counted:
    files = find([str(place) for place in places])
    return count(files, LOCKS, before or Downloads(), today)


def total(done: Counted) -> int:
    return done.downloads.of("io.github.acme/clock")


def in_memory(data: bytes, name: str = "log") -> LogFile:
    return LogFile(name, lambda: io.BytesIO(data))
