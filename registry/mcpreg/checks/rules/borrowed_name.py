"""A well-known name is its owner's to use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.rules.look_alike_name import skeleton

# Names that people trust at sight, with the namespaces (or their beginnings) of their owners.
BRANDS: dict[str, tuple[str, ...]] = {
    "anthropic": ("com.anthropic", "io.github.anthropics", "io.github.modelcontextprotocol"),
    "openai": ("com.openai", "io.github.openai"),
    "google": ("com.google", "dev.google", "io.github.google", "io.github.googleapis"),
    "microsoft": ("com.microsoft", "io.github.microsoft", "io.github.azure"),
    "github": ("com.github", "io.github.github"),
    "gitlab": ("com.gitlab", "io.github.gitlab"),
    "amazon": ("com.amazon", "io.github.awslabs", "io.github.aws"),
    "apple": ("com.apple", "io.github.apple"),
    "cloudflare": ("com.cloudflare", "io.github.cloudflare"),
    "stripe": ("com.stripe", "io.github.stripe"),
    "paypal": ("com.paypal", "io.github.paypal"),
    "slack": ("com.slack", "io.github.slackapi"),
    "notion": ("com.notion", "so.notion", "io.github.makenotion"),
    "atlassian": ("com.atlassian", "io.github.atlassian"),
    "docker": ("com.docker", "io.github.docker"),
    "mongodb": ("com.mongodb", "io.github.mongodb", "io.github.mongodb-js"),
    "supabase": ("com.supabase", "io.github.supabase", "io.github.supabase-community"),
    "vercel": ("com.vercel", "io.github.vercel"),
    "figma": ("com.figma", "io.github.figma"),
    "salesforce": ("com.salesforce", "io.github.salesforce", "io.github.salesforcecli"),
    "sentry": ("io.sentry", "io.github.getsentry"),
    "grafana": ("com.grafana", "io.github.grafana"),
    "postgresql": ("org.postgresql",),
    "playwright": ("dev.playwright", "io.github.microsoft"),
}
_OFFICIAL = re.compile(r"\b(official|verified|certified)\b", re.IGNORECASE)


def _check(case: Case) -> Iterator[Problem]:
    namespace = case.manifest.name.partition("/")[0].casefold()
    owner = namespace.removeprefix("io.github.")
    for brand, theirs in BRANDS.items():
        if namespace.startswith(theirs):
            continue
        if brand != owner and skeleton(brand) == skeleton(owner):
            yield _problem(case, f"the namespace {namespace} looks like {brand}", ("name",))
        title = case.manifest.title or ""
        if _OFFICIAL.search(title) and brand in title.casefold():
            message = f"the title {title!r} claims to be {brand}'s own"
            yield _problem(case, message, ("title",))


def _problem(case: Case, message: str, place: tuple[str | int, ...]) -> Problem:
    return Problem(
        message,
        place,
        "say whose it is: 'NAME for …'",
        severity=Severity.WARNING if case.surroundings.curated else None,
    )


RULE = CaseRule(
    id="borrowed-name",
    severity=Severity.ERROR,
    rationale="A server that reads like a company's own is trusted with that company's secrets.",
    fires=Example({"title": "Official GitHub server"}),
    silent=Example({"title": "Clock for GitHub"}),
    check=_check,
)
