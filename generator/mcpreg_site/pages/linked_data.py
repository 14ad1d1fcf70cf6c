"""JSON-LD of a server's page: what a search engine may read of it (schema.org).

It goes into a `<script type="application/ld+json">`, which no browser runs. `<`, `>` and `&` are
written as JSON escapes, so that no text of a manifest can end the element.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from mcpreg_site.catalog import Catalog, Version
from mcpreg_site.paths import server_url
from mcpreg_site.text import shown, web_address

_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&"}


def linked_data(catalog: Catalog, version: Version) -> Markup:
    """A `SoftwareApplication`, ready to stand in a page."""
    manifest = version.manifest
    repository = manifest.repository.url if manifest.repository else None
    document: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "SoftwareApplication",
        "name": manifest.title or version.name,
        "identifier": version.name,
        "description": manifest.description,
        "url": catalog.registry.base_url + server_url(version.name),
        "softwareVersion": version.version,
        "applicationCategory": "DeveloperApplication",
        "datePublished": version.published_at,
        "dateModified": version.updated_at,
        "keywords": list(manifest.tags) or None,
        "license": _license_page(manifest.license),
        "codeRepository": web_address(repository),
    }
    kept = {key: value for key, value in document.items() if value is not None}
    text = shown(json.dumps(kept, ensure_ascii=False, separators=(",", ":"))).translate(_ESCAPES)
    # Safe to mark: nothing in it can end the element.
    return Markup(text)  # noqa: S704


def _license_page(expression: str | None) -> str | None:
    """The page of one SPDX licence; an expression of several has none."""
    if not expression or " " in expression:
        return None
    return f"https://spdx.org/licenses/{expression}"
