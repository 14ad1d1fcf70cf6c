"""The table of docs/hosts.md, made by asking the hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from api_clients import Answer, Http, encoded
from hosted_site import ODD

Probe = Callable[[Http], str]


def _count(path: str) -> Callable[[Http], int]:
    return lambda http: len(http.get(path).json()["servers"])


def _yes(found: bool, otherwise: str = "no") -> str:
    return "yes" if found else otherwise


def _limit(http: Http) -> str:
    return _yes(_count("/v0.1/servers?limit=2")(http) == 2, "ignored")


def _search(http: Http) -> str:
    return _yes(_count("/v0.1/servers?search=weather")(http) == 1, "ignored")


def _since(http: Http) -> str:
    found = _count("/v0.1/servers?updated_since=2026-12-04T00:00:00Z")(http)
    return _yes(found == 2, "ignored")


def _deleted(http: Http) -> str:
    path = "/v0.1/servers/io.github.acme%2Fhalf/versions"
    more = _count(f"{path}?include_deleted=true")(http) > _count(path)(http)
    return _yes(more, "ignored")


def _exact(http: Http) -> str:
    return _yes(_count("/v0.1/servers?version=1.1.0")(http) == 1, "ignored")


def _latest(http: Http) -> str:
    page = http.get("/v0.1/servers?version=latest").json()
    cursor = page["metadata"].get("nextCursor")
    return _yes(http.get(f"/v0.1/servers?version=latest&cursor={cursor}").status == 200)


def _capitals(http: Http) -> str:
    paths = (encoded(ODD[0]), ODD[0])
    found = [http.get(f"/v0.1/servers/{path}/versions/latest").status for path in paths]
    return _yes(found == [200, 200])


def _other_case(http: Http) -> str:
    path = f"/v0.1/servers/{encoded(ODD[0].upper())}/versions/latest"
    return _yes(http.get(path).status == 200)


def _refuses(http: Http) -> str:
    return _yes(http.get("/v0.1/servers?limit=0").status == 400)


def _missing(http: Http) -> str:
    answer = http.get("/v0.1/servers/no%2Fone/versions/latest")
    kind = answer.headers["content-type"].partition(";")[0]
    return f"{answer.status}, `{kind}`"


def _unchanged(http: Http) -> str:
    path = "/api/v1/changes/latest.json"
    tag = http.get(path).headers.get("etag", "")
    return _yes(http.get(path, If_None_Match=tag).status == 304)


def _range(http: Http) -> str:
    return _yes(http.get("/sitemap.xml", Range="bytes=0-9").status == 206)


def _coding(name: str) -> Probe:
    def ask(http: Http) -> str:
        answer: Answer = http.get("/v0.1/servers", Accept_Encoding=name)
        return _yes(answer.headers.get("content-encoding") == name)

    return ask


def _metrics(http: Http) -> str:
    return _yes(http.get("/metrics").status == 200)


def _preflight(http: Http) -> str:
    answer = http.get("/v0.1/servers", method="OPTIONS")
    return _yes(answer.status in (200, 204) and "access-control-allow-methods" in answer.headers)


ROWS: dict[str, Probe] = {
    "lists by `cursor`, `version=latest`": _latest,
    "names with capitals, `/` or `%2F`": _capitals,
    "the same names in other capitals": _other_case,
    "`limit`": _limit,
    "`search`": _search,
    "`updated_since`": _since,
    "`version=` an exact one": _exact,
    "`include_deleted`": _deleted,
    "a wrong parameter is 400": _refuses,
    "an unknown server": _missing,
    "preflight of a browser": _preflight,
    "unchanged is 304": _unchanged,
    "one range": _range,
    "gzip": _coding("gzip"),
    "Brotli": _coding("br"),
    "`/metrics`": _metrics,
}


def observed(http: Http) -> dict[str, str]:
    """What one host did, by row."""
    return {row: probe(http) for row, probe in ROWS.items()}


def table(found: Mapping[str, Mapping[str, str]]) -> str:
    """The Markdown of it."""
    lines = ["| | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    lines += [
        f"| {row} | " + " | ".join(host[row] for host in found.values()) + " |" for row in ROWS
    ]
    return "\n".join(lines) + "\n"
