"""`/badges/<namespace>/<name>.svg`: what a README shows of its server's standing here.

Two facts, in words: whether it is locked (and so checked), and its safety level. Plain SVG with a
title; no script, no font and no other host.
"""

from __future__ import annotations

from functools import partial
from html import escape

from mcpreg_site.catalog import Catalog, Server, Version
from mcpreg_site.paths import name_path
from mcpreg_site.tree import Content, Own, Tree

HEIGHT = 20  # pixels, as badges of other services have it
_CHARACTER = 6.6  # pixels of an average one at this size; a font that is wider gets squeezed
_PADDING = 12
_LEFT = "#3b4252"
# Contrast with white is 4.5:1 or more (WCAG 2.2, 1.4.3).
_COLORS = {"safe": "#1d6f42", "low": "#1f5fa8", "medium": "#8a5200", "high": "#a3252c"}
_OTHER = "#5a5f6b"


def badges(catalog: Catalog) -> Tree:
    """One a server, of its latest version; a deleted one says so."""
    return Tree(own=[Own(catalog.servers, partial(_file, catalog.registry.name))])


def _file(registry: str, server: Server) -> dict[str, Content]:
    badge = _badge(registry, server.latest)
    return {f"badges/{name_path(server.name)}.svg": badge}


def _badge(registry: str, version: Version) -> bytes:
    words, color = _standing(version)
    left, right = _width(registry), _width(words)
    title = escape(f"{version.name} in {registry}: {words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{HEIGHT}" '
        f'role="img" aria-label="{title}"><title>{title}</title>'
        f'<rect width="{left}" height="{HEIGHT}" fill="{_LEFT}"/>'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{color}"/>'
        '<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">'
        f"{_text(registry, left / 2, left)}{_text(words, left + right / 2, right)}</g></svg>\n"
    ).encode()


def _standing(version: Version) -> tuple[str, str]:
    if version.deleted:
        return "deleted", _COLORS["high"]
    if version.status == "deprecated":
        return "deprecated", _COLORS["medium"]
    if not version.locked or version.level is None:
        return "listed", _OTHER
    return f"locked, {version.level}", _COLORS[str(version.level)]


def _width(text: str) -> int:
    return round(len(text) * _CHARACTER) + _PADDING


def _text(text: str, middle: float, width: int) -> str:
    length = width - _PADDING
    return f'<text x="{middle:g}" y="14" textLength="{length}">{escape(text)}</text>'
