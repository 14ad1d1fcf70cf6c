"""Write docs/checks.md: every check, why it exists, and an example each way.

python scripts/checks_page.py > docs/checks.md
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from mcpreg.checks.interface import CaseRule, Example, ReadingRule, RuleInfo
from mcpreg.checks.registry import CASE_RULES, LISTED_RULES, RULES
from mcpreg.core.evidence import Evidence

SHOWN = 600  # characters of an example
HEAD = """# Checks

Made by `python scripts/checks_page.py > docs/checks.md` from the rules themselves; a test holds the
two together. `mcpreg validate` makes the checks of the first part, `mcpreg ci check` all of them.

An **error** keeps a version out of the registry, a **warning** is shown to reviewers. Mirrored
entries that nobody locked are held to those marked *listed* only. A check whose evidence could not
be gathered is *not run*, with the reason, and a locked version is not published without those that
the registry requires (`[checks] require` in mcpreg.toml).
"""


def main() -> None:
    """Print the page."""
    print(HEAD)
    print("## About the manifest\n")
    for rule in RULES:
        print("\n".join(section(rule)))
    print("## About the version among the others, and what was found out about it\n")
    for case_rule in CASE_RULES:
        print("\n".join(section(case_rule)))


def section(rule: RuleInfo) -> Iterator[str]:
    """One rule's part of the page."""
    marks = [str(rule.severity)]
    if isinstance(rule, CaseRule) and rule.needs:
        marks.append(f"needs {', '.join(rule.needs)}")
    if isinstance(rule, ReadingRule) or rule.id in LISTED_RULES:
        marks.append("*listed*")
    yield f"### {rule.id}\n"
    yield f"{', '.join(marks)}. {rule.rationale}\n"
    yield f"Fires on {example(rule.fires)}\n"
    yield f"Not on {example(rule.silent)}\n"


def example(shown: Example) -> str:
    """An example in one line of code, or what makes it one."""
    if shown.raw is not None:
        return code(repr(shown.raw)[1:])
    said: dict[str, Any] = dict(shown.changes)
    if shown.identity:
        said["(folder)"] = shown.identity
    if shown.unreadable:
        said["(file)"] = shown.unreadable
    for name, data in (shown.files or {}).items():
        said[f"(file {name})"] = data.decode(errors="replace")[:200]
    if shown.surroundings is not None:
        said |= {f"({key})": value for key, value in changed(shown.surroundings)}
    if shown.evidence is not None:
        said |= {f"({key})": value for key, value in changed(shown.evidence)}
    if not said:
        return "the plain example."
    return code(json.dumps(said, ensure_ascii=True, default=plain))


def changed(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # one of two dataclasses
    """The members that an example sets."""
    for item in dataclasses.fields(value):
        found = getattr(value, item.name)
        empty = Evidence() if isinstance(value, Evidence) else None
        if found in (None, (), {}, False) or item.name == "today":
            continue
        if empty is not None and found == getattr(empty, item.name):
            continue
        yield item.name, found


def plain(value: object) -> object:
    """What `json` cannot write by itself."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: found
            for item in dataclasses.fields(value)
            if (found := getattr(value, item.name)) not in (None, (), "", 0, False)
        }
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)


def code(text: str) -> str:
    """The text as inline code, cut to what a person reads."""
    short = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    fence = "``" if "`" in short else "`"
    return f"{fence}{short}{fence}"


if __name__ == "__main__":
    main()
