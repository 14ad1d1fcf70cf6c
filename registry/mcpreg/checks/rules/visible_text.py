"""What people and models read beside the manifest can be seen, and is what it seems to be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.checks.scripts import mixed_word
from mcpreg.checks.strings import first_hidden, strings
from mcpreg.core.evidence import Missing
from mcpreg.core.position import Place

README_FILE = "README.md"
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BOM = "\ufeff"


def _check(case: Case) -> Iterator[Problem]:
    yield from _readme((case.subject.files or {}).get(README_FILE, b""))
    behaviour = case.evidence.behaviour
    if isinstance(behaviour, Missing) or behaviour.offer is None:
        return
    for offer in behaviour.offer.readings:
        for items in (offer.tools, offer.prompts, offer.resources, offer.templates):
            for item in items:
                yield from _offered(f"of {str(item.get('name'))[:80]!r}", dict(item))
        yield from _offered("as its instructions", offer.instructions or "")


def _readme(data: bytes) -> Iterator[Problem]:
    if data.isascii() and not _CONTROL.search(data):
        return
    # Not splitlines(): it takes U+2028 and its kin for line ends, and they are what is looked for.
    lines = data.decode(errors="replace").removeprefix(_BOM).split("\n")
    for number, line in enumerate(lines, 1):
        bad = first_hidden(line)
        if bad is not None:
            place = Place(number, line.index(bad) + 1)
            yield Problem(_unseen(bad), place=place, file=README_FILE, fix="remove it")
        mixed = mixed_word(line)
        if mixed is not None:  # a warning: prose in Cyrillic or Greek inflects Latin names
            yield Problem(
                _mixed(mixed),
                place=Place(number, line.index(mixed[0]) + 1),
                file=README_FILE,
                fix="write the word in one script",
                severity=Severity.WARNING,
            )


def _offered(where: str, value: object) -> Iterator[Problem]:
    for _, text in strings(value):
        if text.isascii() and text.isprintable():
            continue
        bad, mixed = first_hidden(text), mixed_word(text)
        if bad is not None or mixed is not None:
            said = _unseen(bad) if bad is not None else _mixed(mixed or ("", ""))
            yield Problem(f"what the server offers {where} {said}")
            return


def _unseen(bad: str) -> str:
    name = unicodedata.name(bad, "unnamed")
    return f"contains U+{ord(bad):04X} ({name}), which nobody can see"


def _mixed(mixed: tuple[str, str]) -> str:
    word, name = mixed
    return f"holds {word[:80]!r}, which mixes Latin letters with {name}"


RULE = CaseRule(
    id="visible-text",
    severity=Severity.ERROR,
    rationale=(
        "A README is read by people and by models, and a toolset by models alone; neither may say "
        "what the other cannot see, nor name a tool with letters of another script."
    ),
    fires=Example(files={README_FILE: "# Clo\u200bck".encode()}),
    silent=Example(files={README_FILE: "# Clöck 🕰️".encode()}),
    check=_check,
)
