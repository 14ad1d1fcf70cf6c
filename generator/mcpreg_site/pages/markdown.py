"""GitHub's Markdown parser (cmark-gfm), with its memory given back.

cmarkgfm never frees the document that it parsed nor the HTML that it printed (2025.10.22): ten
times a README's size each, 850 MB over 25,000 of them. What frees them is in its library, but its
Python side declares no name for it, so it is called by its address. A platform whose library does
not show it leaks as before.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

from cmarkgfm import _cmark, cmark


def to_html(text: str, options: int, extensions: Sequence[str]) -> str:
    """`cmarkgfm.markdown_to_html_with_extensions`, which leaves nothing behind.

    Raises `ValueError` for an extension that the parser does not have.
    """
    cmark.core_extensions_ensure_registered()
    parser = cmark.parser_new(options)
    try:
        for name in extensions:
            extension = cmark.find_syntax_extension(name)
            if extension is None:
                raise ValueError(f"cmark-gfm has no extension {name!r}")
            cmark.parser_attach_syntax_extension(parser, extension)
        cmark.parser_feed(parser, text)
        document = cmark.parser_finish(parser)
        try:
            return _printed(document, options, cmark.parser_get_syntax_extensions(parser))
        finally:
            _free("cmark_node_free", document)
    finally:
        cmark.parser_free(parser)


def _printed(document: Any, options: int, extensions: Any) -> str:  # noqa: ANN401  # C pointers
    html = _cmark.lib.cmark_render_html(document, options, extensions)
    try:
        text: bytes = _cmark.ffi.string(html)
        return text.decode()
    finally:
        _free("free", html)


def _free(name: str, pointer: Any) -> None:  # noqa: ANN401  # a C pointer
    function = getattr(_library(), name, None)
    if function is not None:
        function(ctypes.c_void_p(int(_cmark.ffi.cast("uintptr_t", pointer))))


@cache
def _library() -> ctypes.CDLL:
    """The parser's own, loaded already, and through it the C library that it allocates from."""
    return ctypes.CDLL(_cmark.__file__)
