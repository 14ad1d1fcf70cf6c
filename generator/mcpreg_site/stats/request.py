"""One line of an access log, as far as counting needs it.

Two formats: Amazon S3 server access logs, and CloudFront standard logs (W3C extended log format,
`#Fields:` names the columns). Lines are hostile: paths and agents are what clients sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import unquote

_BLOB = re.compile(r"targets/sha256/([0-9a-f]{64})")
_SUCCESS = ("200", "206")
# owner bucket [time] address requester request operation key "request" status …
_S3 = re.compile(
    r"\S+ \S+ \[(\d\d)/([A-Z][a-z]{2})/(\d{4}):[^\]]{1,20}\] (\S+) \S+ \S+ (\S+) (\S+) "
    r'"(?:[^"]|"(?! \d{3} ))*" (\d{3}) '
)
# … error bytes size time turnaround "referrer" "agent" version …
_S3_AGENT = re.compile(r'\S+ \S+ \S+ \S+ \S+ "(?:[^"]|"(?! "))*" "((?:[^"]|"(?! ))*)"')
_S3_READS = ("REST.GET.OBJECT", "WEBSITE.GET.OBJECT")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIELDS = "#Fields:"
_NEEDED = ("date", "c-ip", "cs-method", "cs-uri-stem", "sc-status", "cs(User-Agent)")
MAX_AGENT = 1000  # characters that tell clients apart


@dataclass(frozen=True, slots=True)
class Request:
    """A successful download of one blob. `digest` is its `sha256:` digest, `day` in UTC."""

    day: date
    client: str
    agent: str
    digest: str


def requests(lines: Iterable[str]) -> Iterator[Request]:
    """The downloads of blobs among the lines of one file; all other lines are passed over."""
    columns: dict[str, int] | None = None
    for line in lines:
        if line.startswith("#"):
            if line.startswith(_FIELDS):
                columns = _columns(line)
            continue
        if "targets/sha256/" not in line:
            continue  # most lines, cheaply
        found = _cloudfront(line, columns) if columns else _s3(line)
        if found is not None:
            yield found


def _columns(line: str) -> dict[str, int] | None:
    names = line.removeprefix(_FIELDS).split()
    places = {name: place for place, name in enumerate(names)}
    return places if all(name in places for name in _NEEDED) else None


def _cloudfront(line: str, columns: dict[str, int]) -> Request | None:
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) < len(columns):
        return None
    day, client, method, path, status, agent = (cells[columns[name]] for name in _NEEDED)
    blob = _BLOB.search(path)
    if method != "GET" or status not in _SUCCESS or blob is None or blob.end() != len(path):
        return None
    # CloudFront encodes what it logs, and clients' own percent signs once more.
    return _request(day, client, unquote(unquote(agent[: 3 * MAX_AGENT])), blob[1])


def _s3(line: str) -> Request | None:
    head = _S3.match(line)
    if head is None:
        return None
    number, month, year, client, operation, key, status = head.groups()
    blob = _BLOB.search(key)
    if (
        operation not in _S3_READS
        or status not in _SUCCESS
        or blob is None
        or blob.end() != len(key)
        or month not in _MONTHS
    ):
        return None
    agent = _S3_AGENT.match(line, head.end())
    day = f"{year}-{_MONTHS.index(month) + 1:02}-{number}"
    return _request(day, client, agent[1] if agent else "", blob[1])


def _request(day: str, client: str, agent: str, digest: str) -> Request | None:
    try:
        when = date.fromisoformat(day)
    except ValueError:
        return None
    agent = "" if agent == "-" else agent[:MAX_AGENT]
    return Request(when, client, agent, f"sha256:{digest}")
