"""Readers of a deployed site: somebody who follows the API, and somebody who follows the pages.

Both begin where readers begin and go wherever they are led. What they are led to must be there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from mcpreg_site.routes import resolve

Get = Callable[[str], bytes | None]
"""The content of a site path such as `/a/b.json`; None when nothing lies there."""
_LINK = re.compile(rb'(?:href|src)="([^"#]*)["#]')


class BrokenReference(AssertionError):  # noqa: N818  # what a test sees
    """Somebody was led to what is not there."""


class Reader:
    """Reads by public addresses, as a host with the rewrites of `routes` would answer."""

    def __init__(self, get: Get) -> None:
        self._get = get

    def read(self, address: str) -> bytes | None:
        """What lies at an address, query and rewriting included."""
        parts = urlsplit(address)
        path = resolve(parts.path, dict(parse_qsl(parts.query))) or parts.path
        return self._get(path + "index.html" if path.endswith("/") else path)

    def follow(self, address: str, came_from: str) -> bytes:
        """The same where something must lie. Raises `BrokenReference`."""
        found = self.read(address)
        if found is None:
            raise BrokenReference(f"{came_from} leads to {address}, which is not there")
        return found

    def json(self, address: str, came_from: str) -> Any:  # noqa: ANN401  # any JSON
        """A document that must be there."""
        return json.loads(self.follow(address, came_from))

    def read_api(self) -> set[str]:
        """List, each server, each version, the changes, the search list. `name@version` of all."""
        found = {f"{item['name']}@{item['version']}" for item in self._listed("")}
        for item in self._listed("?version=latest"):
            self._server(item["name"], item["version"])
        self._changes()
        self._search()
        return found

    def _listed(self, query: str) -> Iterator[dict[str, Any]]:
        address, came_from = f"/v0.1/servers{query}", "the reader"
        if self.read(address) is None:
            return  # nothing was ever deployed
        while True:
            page = self.json(address, came_from)
            for item in page["servers"]:
                yield item["server"]
            following = page["metadata"].get("nextCursor")
            if following is None:
                return
            came_from = address
            address = f"/v0.1/servers{query}{'&' if query else '?'}cursor={following}"

    def _server(self, name: str, latest: str) -> None:
        address = f"/v0.1/servers/{name.replace('/', '%2F')}/versions"
        versions = self.json(address, "the list")["servers"]
        names = [item["server"]["version"] for item in versions]
        if latest not in names:
            raise BrokenReference(f"the list has {name}@{latest}, its versions do not")
        for version in [*names, "latest"]:
            self.json(f"{address}/{version}", address)

    def _changes(self) -> None:
        if self.read("/api/v1/changes/index.json") is None:
            return
        index = self.json("/api/v1/changes/index.json", "the reader")
        feeds = [f"/api/v1/changes/days/{day}.json" for day in index["days"]]
        if self.read("/api/v1/changes/latest.json") is not None:
            feeds.append("/api/v1/changes/latest.json")
        for feed in feeds:
            for change in self.json(feed, "the index of changes")["changes"]:
                self.follow(change["page"], feed)

    def _search(self) -> None:
        if self.read("/search/directory.json") is None:
            return
        directory = self.json("/search/directory.json", "the reader")
        for table in ("terms", "documents"):
            names = directory[table]["names"]
            for at in range(0, len(names), 32):
                shard = self.json(f"/search/shards/{names[at : at + 32]}.json", "the directory")
                for name in shard.get("name", ()):
                    self.follow(f"/servers/{name.lower()}/", "the search index")

    def read_pages(self) -> set[str]:
        """Every page that links lead to from the home page, and whatever they show."""
        if self.read("/") is None:
            return set()
        seen, waiting = {"/"}, ["/"]
        while waiting:
            page = waiting.pop()
            for target in self._links(page):
                if target not in seen:
                    self.follow(target, page)
                    seen.add(target)
                    if target.endswith(("/", ".html")):
                        waiting.append(target)
        return seen

    def _links(self, page: str) -> Iterator[str]:
        for link in _LINK.findall(self.follow(page, "the reader")):
            target = urlsplit(urljoin(f"http://here{page}", link.decode().replace("&amp;", "&")))
            if target.netloc == "here" and target.scheme == "http":
                yield target.path + (f"?{target.query}" if target.query else "")
