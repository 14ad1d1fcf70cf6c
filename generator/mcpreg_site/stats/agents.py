"""Which clients are not people installing a server: named, so that leaving them out can be argued.

Whoever lies about their agent is counted; the limit on one client's day is what is left then.
"""

from __future__ import annotations

import re

_KINDS: tuple[tuple[str, str], ...] = (
    ("search engines", r"googlebot|bingbot|yandex(?:bot|images)|duckduckbot|baiduspider|applebot"),
    ("AI crawlers", r"gptbot|claudebot|ccbot|bytespider|perplexitybot|amazonbot|meta-external"),
    ("archives", r"archive\.org_bot|ia_archiver|heritrix"),
    ("monitoring", r"uptimerobot|pingdom|statuscake|site24x7|datadog|prometheus|blackbox"),
    ("caches", r"amazon cloudfront|cloudflare|fastly"),
    ("other registries", r"mcpreg-site/"),
    ("security scanners", r"censys|zgrab|nuclei|nessus|shodan|masscan"),
    ("other bots", r"\bbot\b|bot/|crawler|spider|slurp|headlesschrome|phantomjs"),
)
_PATTERN = re.compile(
    "|".join(f"(?P<kind{place}>{pattern})" for place, (_, pattern) in enumerate(_KINDS)),
    re.IGNORECASE,
)
UNNAMED = "clients without a name"


def bot_kind(agent: str) -> str | None:
    """What kind of machine calls itself so; None for what counts as a person's client."""
    if not agent.strip():
        return UNNAMED
    found = _PATTERN.search(agent)
    if found is None or found.lastgroup is None:
        return None
    return _KINDS[int(found.lastgroup.removeprefix("kind"))][0]
