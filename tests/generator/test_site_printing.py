from __future__ import annotations

import sys

import jinja2
import pytest
from markupsafe import Markup, escape

from mcpreg.core.safety import Level
from mcpreg_site.pages.printing import Printing, printed
from mcpreg_site.text import shown


class _Environment(jinja2.Environment):
    code_generator_class = Printing


def _render(template: str, **values: object) -> str:
    environment = _Environment(autoescape=True, finalize=printed, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(values)


def test_whatever_is_taken_as_printable_holds_no_disguise() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    printable = "".join(filter(str.isprintable, everything))
    assert len(printable) > 100_000
    assert shown(printable) == printable
    assert printed(everything) == str(escape(shown(everything)))


@pytest.mark.parametrize("text", ["", "plain", "<b>", "a & b", "'", '"', "\r\n", "line\nline", "é"])
def test_prints_texts_as_escape_does(text: str) -> None:
    assert printed(text) == str(escape(shown(text)))


def test_escapes_what_only_claims_to_be_text() -> None:
    class Sly:
        def __str__(self) -> str:
            return "<script>"

    class Named(str):
        __slots__ = ()

    assert printed(Sly()) == printed(Named("<script>")) == "&lt;script&gt;"
    assert printed(Level.HIGH) == "high"
    assert printed(7) == "7"
    assert printed(None) == "None"


def test_prints_markup_once_and_never_escapes_it_twice() -> None:
    macro = "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}{{ bold(text) }}{{ bold(bold(text)) }}"
    assert _render(macro, text="<") == "<b>&lt;</b><b><b>&lt;</b></b>"
    assert printed(Markup("<i>")) == "<i>"


def test_escapes_constants_that_a_template_prints() -> None:
    assert _render("{{ '<' }}{{ 'a' if yes }}|{{ 'b' if not yes }}", yes=True) == "&lt;a|"


def test_escapes_what_filters_join_and_replace() -> None:
    found = _render(
        "{{ items | join(', ') }} {{ text | replace('a', '>') }}", items="<&", text="ab"
    )
    assert found == "&lt;, &amp; &gt;b"


@pytest.mark.parametrize(
    "template",
    [
        "{% autoescape false %}{{ x }}{% endautoescape %}",
        "{% autoescape off %}{{ x }}{% endautoescape %}",
    ],
)
def test_refuses_a_template_that_switches_escaping_off(template: str) -> None:
    with pytest.raises(jinja2.TemplateAssertionError, match="escaped whole"):
        _render(template, x="<script>", off=False)


def test_a_name_that_nobody_gave_stays_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        _render("{{ nothing }}")
