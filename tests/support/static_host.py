"""A static host's rewrite rules, as Netlify documents them."""

from __future__ import annotations

import tomllib
from typing import Any
from urllib.parse import unquote


class StaticHost:
    """Netlify's rules as documented: first match wins, `query` is required, `:word` a segment.

    It neither folds nor hashes. `decoded` says whether `%2F` arrives as a slash.
    """

    def __init__(self, text: str, *, decoded: bool) -> None:
        self.rules: list[dict[str, Any]] = tomllib.loads(text)["redirects"]
        self.decoded = decoded

    def target(self, path: str, query: dict[str, str]) -> tuple[str, int] | None:
        parts = (unquote(path) if self.decoded else path).split("/")
        for rule in self.rules:
            found = self._match(rule, parts, query)
            if found is not None:
                to = str(rule["to"])
                for word, value in found.items():
                    to = to.replace(f":{word}", unquote(value))
                return to, rule["status"]
        return None

    def _match(
        self, rule: dict[str, Any], parts: list[str], query: dict[str, str]
    ) -> dict[str, str] | None:
        pattern = rule["from"].split("/")
        if pattern[-1] == "*":
            pattern, parts = pattern[:-1], parts[: len(pattern) - 1]
        if len(pattern) != len(parts):
            return None
        pairs = [*zip(pattern, parts, strict=True)]
        pairs += [(value, query.get(key, "")) for key, value in rule.get("query", {}).items()]
        found = {}
        for expected, given in pairs:
            if expected.startswith(":") and given:
                found[expected[1:]] = given
            elif expected != given:
                return None
        return found
