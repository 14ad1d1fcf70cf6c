"""An icon is a picture."""

from __future__ import annotations

from collections.abc import Iterator

from mcpreg.checks.case import Case
from mcpreg.checks.interface import CaseRule, Example, Problem, Severity
from mcpreg.core.evidence import Evidence, FetchedIcon, Missing

_ICON = "https://acme.example/icon.png"


def _check(case: Case) -> Iterator[Problem]:
    icons = case.evidence.icons
    if isinstance(icons, Missing):
        return
    for icon in icons:
        if icon.problem is not None:
            yield Problem(
                f"{icon.url}: {icon.problem}",
                ("icons", icon.index, "src"),
                "a PNG, JPEG, WEBP or GIF of at most 1 MiB, or no icon",
                severity=Severity.WARNING if icon.harmless else None,
            )


RULE = CaseRule(
    id="icon-bad",
    severity=Severity.ERROR,
    rationale=(
        "Pages and clients decode icons. Ours are pictures that the registry decoded and encoded "
        "again itself; what cannot be is no icon. One that is not there just now, or is SVG, is "
        "left out with a warning."
    ),
    fires=Example(
        {"icons": [{"src": _ICON}]},
        evidence=Evidence(icons=(FetchedIcon(0, _ICON, "is 60000 x 60000 pixels"),)),
    ),
    silent=Example(
        {"icons": [{"src": _ICON}]},
        evidence=Evidence(icons=(FetchedIcon(0, _ICON, None, b"\x89PNG", 64, 64),)),
    ),
    check=_check,
    needs=("icons",),
)
