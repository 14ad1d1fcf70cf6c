"""What people and models read beside the manifest can be seen, too."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.strings import first_hidden, strings
from mcpreg.core.evidence import Missing
from mcpreg.core.position import Place

README_FILE = "README.md"
_BOM = "\ufeff"


def _check(case: Case) -> Iterator[Problem]:
    text = (case.subject.files or {}).get(README_FILE, b"").decode(errors="replace")
    for number, line in enumerate(text.removeprefix(_BOM).splitlines(), 1):
        bad = None if line.isascii() else first_hidden(line)
        if bad is not None:
            place = Place(number, line.index(bad) + 1)
            yield Problem(_message(bad), place=place, file=README_FILE, fix="remove it")
    behaviour = case.evidence.behaviour
    if isinstance(behaviour, Missing) or behaviour.offer is None:
        return
    offer = behaviour.offer
    for items in (offer.tools, offer.prompts, offer.resources, offer.templates):
        for item in items:
            for _, said in strings(dict(item)):
                bad = None if said.isascii() and said.isprintable() else first_hidden(said)
                if bad is not None:
                    yield Problem(f"what the server offers {_message(bad)}")
                    break


def _message(bad: str) -> str:
    name = unicodedata.name(bad, "unnamed")
    return f"contains U+{ord(bad):04X} ({name}), which nobody can see"


RULE = CaseRule(
    id="visible-text",
    severity=Severity.ERROR,
    rationale=(
        "A README is read by people and by models, and a toolset by models alone; neither may say "
        "what the other cannot see."
    ),
    fires=Example(files={README_FILE: "# Clo\u200bck".encode()}),
    silent=Example(files={README_FILE: "# Clöck 🕰️".encode()}),
    check=_check,
)
