"""`/checks/`: every check with its reason and examples, from the rules themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from mcpreg_site.pages.environment import Pages
from mcpreg_site.paths import page_file
from mcpreg_site.tree import Content

if TYPE_CHECKING:
    from mcpreg.checks.describe import Described

URL = "/checks/"


@dataclass(frozen=True, slots=True)
class Group:
    """Checks that ask one question; `anchor` is its place on the page."""

    anchor: str
    title: str
    rules: tuple[Described, ...]


_GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "file": (
        "Is the file what it seems?",
        (
            *("regular-file", "file-size", "file-name", "json-encoding", "json-syntax"),
            *("json-depth", "json-values", "json-duplicate-key", "json-number", "unknown-key"),
            *("missing-key", "wrong-type", "bad-value", "meta-keys", "meta-size"),
            *("duplicate-entry", "unfilled-template"),
        ),
    ),
    "identity": (
        "Is it who it says?",
        (
            *("trust-tier", "server-name", "folder-agrees", "one-version", "exact-version"),
            *("namespace-owner", "namespace-proof", "package-ownership", "package-taken"),
            *("remote-url-taken", "look-alike-name", "borrowed-name", "immutable-version"),
            *("publisher-evidence", "publisher-evidence-lost", "case-collision"),
        ),
    ),
    "words": (
        "Do its words mislead?",
        (
            *("description-length", "hidden-characters", "mixed-script", "license-expression"),
            *("license-missing", "repository-host", "readme-present", "hidden-instructions"),
            *("secret-in-text", "visible-text", "dead-link", "link-elsewhere", "icon-bad"),
            *("spec-version", "tool-name", "tool-name-dot", "dependency-name"),
        ),
    ),
    "runs": (
        "Is what runs the thing that was reviewed?",
        (
            *("nothing-to-run", "package-identifier", "package-version", "archive-digest"),
            *("package-version-differs", "positional-argument", "remote-url", "lock-present"),
            *("lock-agrees", "lock-lists-declared-tools", "lock-derived-again"),
            *("artifacts-exist", "artifact-changes", "dependency-changes", "image-digest"),
            *("package-index", "client-start"),
            *("install-scripts", "known-vulnerable", "suspicious-code"),
        ),
    ),
    "reach": (
        "Does it reach for more than it says?",
        (
            *("capability-grammar", "network-contradiction", "redundant-capability"),
            *("broad-capability", "argument-capability", "variable-without-capability"),
            *("capability-without-variable", "undeclared-variable", "secret-with-value"),
            *("unmarked-secret", "loader-variable", "toxic-combination", "held-widening"),
            *("toolset-changes", "toolset-agrees", "undeclared-reach"),
            *("looked-for", "runtime-argument"),
        ),
    ),
}
OTHER = "other"
OTHER_TITLE = "And besides"


@cache
def groups() -> tuple[Group, ...]:
    """Every rule in exactly one group; one that no group names yet stands in the last."""
    from mcpreg.checks.describe import describe  # noqa: PLC0415  # every rule, and few builds ask
    from mcpreg.checks.registry import CASE_RULES, RULES  # noqa: PLC0415

    rules = {rule.id: describe(rule) for rule in (*RULES, *CASE_RULES)}
    found = [
        Group(anchor, title, tuple(rules.pop(name) for name in names if name in rules))
        for anchor, (title, names) in _GROUPS.items()
    ]
    rest = [Group(OTHER, OTHER_TITLE, tuple(rules.values()))] if rules else []
    return (*found, *rest)


@cache
def known() -> Mapping[str, tuple[Group, Described]]:
    """Rule by id, with its group."""
    return {rule.id: (group, rule) for group in groups() for rule in group.rules}


def checks_page(pages: Pages) -> tuple[str, Content]:
    """Path and page."""
    return page_file(URL), partial(_page, pages)


def _page(pages: Pages) -> bytes:
    rules = [rule for group in groups() for rule in group.rules]
    return pages.page(
        "checks.html",
        url=URL,
        groups=groups(),
        total=len(rules),
        errors=sum(rule.severity == "error" for rule in rules),
    )
