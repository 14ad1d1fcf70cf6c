"""The configuration of ToolHive's registry server: a list of sources, and how to serve them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mcpreg.errors import UsageError
from mcpreg_site.sources import yamltext
from mcpreg_site.sources.entry import read_source
from mcpreg_site.sources.interface import Location, Source
from mcpreg_site.sources.locations import Given, Surroundings
from mcpreg_site.sources.table import Table

SERVER_ONLY = (
    "registryName",
    "registries",
    "database",
    "fileStorage",
    "auth",
    "audit",
    "telemetry",
    "enableAggregatedLists",
    "watchNamespace",
    "leaderElectionID",
)
"""Keys that tell the server how to run and which views to offer; here the site does both."""


class Alone:
    """A document that nothing stands around."""

    def configmap(self, name: str, key: str) -> bytes | None:
        """None: a plain configuration knows no ConfigMaps."""
        del name, key
        return None

    def mounted(self, path: str) -> Location | None:
        """None: a plain configuration knows no volumes."""
        del path
        return None


def read_config(
    document: Mapping[str, object],
    where: str,
    file: str,
    around: Surroundings,
    *,
    resource: str | None = None,
    display: str = "",
) -> Iterator[Source]:
    """The sources of a configuration. Before `sources` there were `registries`, of the same form.

    Raises:
        UsageError: something in it is not as it should be.
    """
    table = Table(document, where)
    entries = table.tables("sources" if "sources" in table else "registries")
    table.value("sources")
    table.close(SERVER_ONLY)
    if not entries:
        raise UsageError("the configuration declares no sources", where=where)
    yield from read_entries(entries, file, around, resource=resource, display=display)


def read_text(
    text: str, where: str, file: str, around: Surroundings, *, resource: str, display: str
) -> Iterator[Source]:
    """The same from text inside a resource. Raises `UsageError`."""
    for document in yamltext.documents(text.encode(), where):
        if not isinstance(document, dict):
            raise UsageError("the configuration is not an object", where=where)
        yield from read_config(document, where, file, around, resource=resource, display=display)


def read_entries(
    entries: list[Table],
    file: str,
    around: Surroundings,
    *,
    resource: str | None,
    display: str,
) -> Iterator[Source]:
    """Each entry of a list; in a resource one alone is named like it. Raises `UsageError`."""
    for entry in entries:
        own = entry.required("name")
        name = own if resource is None else resource
        if resource is not None and len(entries) > 1:
            name = f"{resource}.{own}"
        policy, wanted = entry.table("syncPolicy"), entry.table("filter")
        title = entry.text("displayName") or display
        yield read_source(entry, Given(name, file, title, around), policy, wanted)
