"""`opensearch.xml`: lets a browser search the registry from its address bar (OpenSearch 1.1)."""

from __future__ import annotations

from xml.etree import ElementTree

from mcpreg_site.catalog import Catalog
from mcpreg_site.text import shortened, shown
from mcpreg_site.tree import Tree

FILE = "opensearch.xml"
_SCHEMA = "http://a9.com/-/spec/opensearch/1.1/"
_NAME_LIMIT, _DESCRIPTION_LIMIT = 16, 1024  # characters, by the specification


def opensearch(catalog: Catalog) -> Tree:
    """The description document."""
    registry = catalog.registry
    about = shown(registry.description or registry.title)
    about = shown(registry.description or registry.title)
    document = ElementTree.Element("OpenSearchDescription", xmlns=_SCHEMA)
    for tag, text in (
        ("ShortName", shortened(shown(registry.title), _NAME_LIMIT)),
        (
            "Description",
            shortened(about, _DESCRIPTION_LIMIT),
        ),
        ("InputEncoding", "UTF-8"),
    ):
        ElementTree.SubElement(document, tag).text = text
    template = f"{registry.base_url}/browse/?q={{searchTerms}}"
    ElementTree.SubElement(document, "Url", type="text/html", template=template)
    data: bytes = ElementTree.tostring(document, encoding="utf-8", xml_declaration=True)
    return Tree({FILE: data})
