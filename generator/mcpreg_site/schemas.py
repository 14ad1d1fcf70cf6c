"""`/schemas/`: JSON Schemas of our documents, generated from the models that check them."""

from __future__ import annotations

from functools import partial

from mcpreg.core import canonical
from mcpreg.core.index import Record, SearchPointer, ServerIndex
from mcpreg.core.lock import Lock
from mcpreg.core.manifest import Manifest, Model
from mcpreg.core.schema import DIALECT, json_schema
from mcpreg_site.catalog import Catalog
from mcpreg_site.tree import Tree

MODELS: dict[str, type[Model]] = {
    "mcps": Manifest,
    "mcps-lock": Lock,
    "record": Record,
    "search": SearchPointer,
    "server-index": ServerIndex,
}


def schemas(catalog: Catalog) -> Tree:
    """One file a model, each with its public address as `$id`."""
    return Tree(
        {
            f"schemas/{name}.schema.json": partial(
                _schema, model, f"{catalog.registry.base_url}/schemas/{name}.schema.json"
            )
            for name, model in MODELS.items()
        }
    )


def _schema(model: type[Model], address: str) -> bytes:
    if model is Manifest:
        return canonical.pretty(json_schema(address))
    body = model.model_json_schema(by_alias=True)
    return canonical.pretty({"$schema": DIALECT, "$id": address, **body})
