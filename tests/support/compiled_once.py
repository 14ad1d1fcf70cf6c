"""Each build compiles its templates: most of the time of a small one. Here a process does it once.

What is kept is the code that a template's text gives; the environment, its globals and the
templates themselves are each build's own.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

_compile: Any = jinja2.Environment.compile  # typed as overloads that no wrapper fits
_ours: dict[tuple[object, ...], object] = {}


@cache
def compile_once() -> None:
    """Keep what environments of the site's own class compile, from now on."""

    def kept(environment: jinja2.Environment, source: object, *given: object) -> object:
        if not type(environment).__module__.startswith("mcpreg_site."):
            return _compile(environment, source, *given)
        key = (type(environment), source, *given)
        if key not in _ours:
            _ours[key] = _compile(environment, source, *given)
        return _ours[key]

    setattr(jinja2.Environment, "compile", kept)  # noqa: B010  # mypy knows that it is a method


def compile_all() -> None:
    """Build a site with entries of every kind, so that forks of this process compile nothing."""
    from mcpreg_site.publish import publish
    from mcpreg_site.site import render
    from mcpreg_site.templates import find_templates
    from mixed_entries import mixed_entries, snapshot_of

    compile_once()
    with tempfile.TemporaryDirectory(prefix="mcpreg-warm-") as folder:
        publish(render(snapshot_of(mixed_entries()), find_templates()), Path(folder, "site"))
