"""What a template prints: made fit to be looked at, then escaped, in one step.

Jinja would call three functions and make two objects for every value that a page prints, four
million times at production scale. So the compiled templates call `printed` alone. There is no way
past it: autoescape is always on, and a template that switches it off is not compiled.
"""

from __future__ import annotations

import re

from jinja2 import TemplateAssertionError, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import Markup, escape

from mcpreg_site.text import shown

_special = re.compile("[&<>\"']").search


def printed(value: object) -> str:
    """The text of a value as it stands in a page."""
    if type(value) is Markup:  # from our own macros or from the sanitiser
        return value
    text = value if type(value) is str else str(value)
    # Nearly every text is plain, and both questions are answered in C. Whatever is printable by
    # Python's measure holds nothing that `shown` would replace.
    if text.isprintable() and not _special(text):
        return text
    return escape(shown(text))


class Printing(CodeGenerator):
    """Compiles `{{ value }}` to a call of the environment's `finalize`, which escapes by itself.

    The two methods are those that Jinja's own `NativeCodeGenerator` replaces.
    """

    def _output_child_pre(
        self,
        node: nodes.Expr,
        frame: Frame,
        finalize: CodeGenerator._FinalizeInfo,  # noqa: ARG002  # Jinja passes it by place
    ) -> None:
        if frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
            raise TemplateAssertionError(
                "a page is escaped whole: leave out {% autoescape %}",
                node.lineno,
                self.name,
                self.filename,
            )
        self.write("environment.finalize(")

    def _output_child_post(
        self, _node: nodes.Expr, _frame: Frame, _finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        self.write(")")
