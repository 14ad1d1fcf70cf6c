"""Write docs/checks.md: every check, why it exists, and an example each way.

python scripts/checks_page.py > docs/checks.md
"""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.describe import PLAIN, describe
from mcpreg.checks.interface import RuleInfo
from mcpreg.checks.registry import CASE_RULES, RULES

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
    said = describe(rule)
    marks = [str(said.severity)]
    if said.needs:
        marks.append(f"needs {', '.join(said.needs)}")
    if said.listed:
        marks.append("*listed*")
    yield f"### {said.id}\n"
    yield f"{', '.join(marks)}. {said.rationale}\n"
    yield f"Fires on {code(said.fires)}\n"
    yield f"Not on {code(said.silent)}\n"


def code(text: str | None) -> str:
    """The example as inline code."""
    if text is None:
        return f"{PLAIN}."
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


if __name__ == "__main__":
    main()
