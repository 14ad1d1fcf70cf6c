"""What known clients send and expect, as scripts.

Each follows one client's requests and its own ideas of a right answer (VS Code's gallery service,
GitHub Copilot's organisation registry, ToolHive's registry provider, and programs that crawl or
poll). They use no code of this project, so that what they find is what a stranger finds.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

OFFICIAL = "io.modelcontextprotocol.registry/official"
Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One response: status, lower-case header names, body; `size` is what went over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def size(self) -> int:
        return len(self.body)

    def json(self) -> Json:
        import gzip

        packed = self.headers.get("content-encoding") == "gzip"
        body: Json = json.loads(gzip.decompress(self.body) if packed else self.body)
        return body


@dataclass
class Http:
    """A bare client of one host; `bytes` and `requests` count what it cost."""

    base: str
    accept_encoding: str = "identity"
    bytes: int = 0
    requests: int = 0
    origin: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        sent = {"Accept-Encoding": self.accept_encoding, **self.headers}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.base + path, method=method, headers=sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = _answer(response.status, response.headers.items(), response.read())
        except urllib.error.HTTPError as error:
            with error:
                answer = _answer(error.code, error.headers.items(), error.read())
        self.requests += 1
        self.bytes += answer.size
        return answer


def _answer(status: int, headers: Any, body: bytes) -> Answer:  # noqa: ANN401 - pairs of strings
    return Answer(status, {name.lower(): value for name, value in headers}, body)


def encoded(name: str) -> str:
    """A name as clients put it into a path: one segment."""
    return urllib.parse.quote(name, safe="")


class VSCode:
    """The MCP gallery: is it there, what is in it, and one server's details."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def probe(self) -> bool:
        answer = self.http.get("/v0.1/servers?limit=1")
        return answer.status == 200 and _is_gallery(answer.json())

    def list(self, search: str = "") -> list[Json]:
        """Every page, as scrolling to the end does; a page that leads to itself is an error."""
        found: list[Json] = []
        cursor, seen = "", set()
        while cursor not in seen:
            seen.add(cursor)
            query = {"limit": "50", "version": "latest"}
            query |= {"cursor": cursor} if cursor else {}
            query |= {"search": search} if search else {}
            answer = self.http.get("/v0.1/servers?" + urllib.parse.urlencode(query))
            page = answer.json()
            assert answer.status == 200
            assert _is_gallery(page), "VS Code throws such a page away"
            found += page["servers"]
            cursor = page["metadata"].get("nextCursor", "")
            if not cursor:
                return found
        raise AssertionError("the cursor leads back")

    def detail(self, name: str) -> Json:
        answer = self.http.get(f"/v0.1/servers/{encoded(name)}/versions/latest")
        assert answer.status == 200
        return answer.json()


def _is_gallery(page: Json) -> bool:
    servers = page.get("servers")
    if not isinstance(servers, list) or not isinstance(page.get("metadata"), dict):
        return False
    first = [item.get("server", {}) for item in servers[:1]]
    return all(item.get(key) for item in first for key in ("name", "description", "version"))


class Copilot:
    """An organisation's registry: the list, a latest and an exact version, from a browser."""

    def __init__(self, http: Http) -> None:
        self.http = http
        http.headers["Origin"] = "https://github.example"

    def allowed(self, name: str, version: str) -> Json:
        listed = self._get("/v0.1/servers")
        latest = self._get(f"/v0.1/servers/{encoded(name)}/versions/latest")
        exact = self._get(f"/v0.1/servers/{encoded(name)}/versions/{encoded(version)}")
        assert listed["servers"]
        assert latest["server"]["name"] == exact["server"]["name"] == name
        return exact

    def preflight(self) -> Answer:
        return self.http.get(
            "/v0.1/servers",
            method="OPTIONS",
            Access_Control_Request_Method="GET",
            Access_Control_Request_Headers="authorization",
        )

    def _get(self, path: str) -> Json:
        answer = self.http.get(path, Authorization="Bearer of-no-use-here")
        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "GET" in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed
        return answer.json()


class ToolHive:
    """Is this a registry API, then the list, a search, one server."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def validate(self) -> bool:
        import yaml

        answer = self.http.get("/openapi.yaml")
        if answer.status != 200:
            return False
        info = yaml.safe_load(answer.body)["info"]
        marker = "https://github.com/modelcontextprotocol/registry"
        return info["version"] == "1.0.0" and marker in info["description"]

    def servers(self, search: str = "") -> list[Json]:
        return list(_follow(self.http, {"search": search} if search else {}))

    def server(self, name: str) -> Json:
        answer = self.http.get(f"/v0.1/servers/{encoded(name)}/versions/latest")
        assert answer.status == 200, answer
        return answer.json()


class Crawler:
    """Everything, once: from the first page to the last."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def crawl(self, prefix: str = "/v0.1") -> list[Json]:
        return list(_follow(self.http, {}, prefix))


def _follow(http: Http, query: dict[str, str], prefix: str = "/v0.1") -> Iterator[Json]:
    cursor = ""
    for _ in range(10_000):
        asked = query | ({"cursor": cursor} if cursor else {})
        text = urllib.parse.urlencode(asked)
        answer = http.get(f"{prefix}/servers{'?' if text else ''}{text}")
        assert answer.status == 200, (asked, answer)
        page = answer.json()
        assert page["metadata"]["count"] == len(page["servers"])
        yield from page["servers"]
        cursor = page["metadata"].get("nextCursor", "")
        if not cursor:
            return
    raise AssertionError("the list has no end")


class Poller:
    """Knows yesterday; asks once a day what is new, and reads that and nothing else."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.tag = ""
        self.known: dict[tuple[str, str], Json] = {}
        self._seen: set[str] = set()
        self._days: dict[str, str] = {}
        self._entries: dict[tuple[str, str], Json] = {}

    def start(self) -> None:
        """A full crawl, and where the feed stands."""
        for item in Crawler(self.http).crawl():
            self.known[item["server"]["name"], item["server"]["version"]] = item
        self._changes()

    def poll(self) -> int:
        """How many changes there were since the last time."""
        changes = self._changes()
        for change in changes:
            key = change["name"], change["version"]
            if change["change"] != "deleted" and key in self._entries:
                self.known[key] = self._entries[key]
                continue
            path = f"/v0.1/servers/{encoded(key[0])}/versions/{encoded(key[1])}"
            if change["change"] == "deleted":
                self.known.pop(key, None)
                continue
            answer = self.http.get(path)
            assert answer.status == 200
            self.known[key] = answer.json()
        return len(changes)

    def _changes(self) -> list[Json]:
        """One conditional request; then the days whose digest is another one, and no other."""
        condition = {"If_None_Match": self.tag} if self.tag else {}
        answer = self.http.get("/api/v1/changes/index.json", **condition)
        if answer.status == 304:
            return []
        assert answer.status == 200
        crawled, self.tag = not self.tag, answer.headers["etag"]
        index = answer.json()
        recent = index["recent"]
        found: list[Json] = []
        self._entries = {}
        for day in sorted(day for day in recent if recent[day] != self._days.get(day)):
            feed = self.http.get(f"/api/v1/changes/days/{day}.json")
            assert feed.status == 200
            day_changes = feed.json()["changes"]
            new = [c for c in day_changes if json.dumps(c) not in self._seen]
            # Where little of a day is new, those documents are less than all of the day's.
            if not crawled and day in index["entries"] and len(new) > len(day_changes) // 4:
                self._read_entries(day)
            found += new
        self._days = recent
        self._seen |= {json.dumps(change) for change in found}
        return found

    def _read_entries(self, day: str) -> None:
        answer = self.http.get(f"/api/v1/changes/entries/{day}.json")
        assert answer.status == 200
        for item in answer.json()["servers"]:
            self._entries[item["server"]["name"], item["server"]["version"]] = item
