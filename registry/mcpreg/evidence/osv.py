"""Reading OSV records (schema 1.7): what they are about, and whether a version is affected.

https://ossf.github.io/osv-schema/, section "affected[].ranges[].events": a version is affected when
`versions` lists it, or when a range says so. PyPI versions compare by PEP 440, npm's by semver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mcpreg.core.evidence import Advisory
from mcpreg.core.names import version_key

ECOSYSTEMS = ("PyPI", "npm")
Severity = Literal["malware", "critical", "high", "moderate", "low", "unknown"]
_SEVERITIES: dict[str, Severity] = {
    "CRITICAL": "critical",
    "HIGH": "high",
    "MODERATE": "moderate",
    "MEDIUM": "moderate",
    "LOW": "low",
}
_MAX_SUMMARY = 200

Json = Mapping[str, Any]
Key = Callable[[str], Any]
"""From a version to what it is ordered by. Raises `ValueError`: it has no place in the order."""


def package_key(ecosystem: str, name: str) -> tuple[str, str]:
    """How a package is looked up: PyPI names are normalised (PEP 503), npm's are exact."""
    return ecosystem, canonicalize_name(name) if ecosystem == "PyPI" else name


def packages_of(record: Json) -> Iterator[tuple[str, str]]:
    """The packages of our ecosystems that a record is about; none when it was withdrawn."""
    if record.get("withdrawn"):
        return
    for affected in _objects(record.get("affected")):
        package = affected.get("package")
        name = package.get("name") if isinstance(package, dict) else None
        ecosystem = package.get("ecosystem") if isinstance(package, dict) else None
        if isinstance(name, str) and ecosystem in ECOSYSTEMS:
            yield package_key(ecosystem, name)


def advisory(record: Json, ecosystem: str, name: str, version: str) -> Advisory | None:
    """What the record says of one version; None when it is not affected."""
    key: Key = _semver if ecosystem == "npm" else _pep440
    wanted = package_key(ecosystem, name)
    affected = [
        item
        for item in _objects(record.get("affected"))
        if _is_about(item, wanted) and _affects(item, version, key)
    ]
    if not affected:
        return None
    aliases = tuple(item for item in record.get("aliases") or () if isinstance(item, str))
    return Advisory(
        id=str(record["id"]),
        package=name,
        version=version,
        summary=_summary(record),
        severity=_severity(record, aliases),
        aliases=aliases,
        fixed=_fixed(affected, version, key),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_about(affected: Json, wanted: tuple[str, str]) -> bool:
    package = affected.get("package")
    if not isinstance(package, dict):
        return False
    name, ecosystem = package.get("name"), package.get("ecosystem")
    return (
        isinstance(name, str)
        and ecosystem in ECOSYSTEMS
        and (package_key(ecosystem, name) == wanted)
    )


def _affects(affected: Json, version: str, key: Key) -> bool:
    listed = affected.get("versions")
    ranges = [item for item in _objects(affected.get("ranges")) if item.get("type") != "GIT"]
    if not listed and not affected.get("ranges"):
        return True  # about the package as a whole
    if isinstance(listed, list) and version in listed:
        return True
    try:
        place = key(version)
    except ValueError:
        return False  # without a place in the order, only the list can name it
    if isinstance(listed, list) and any(_is_at(item, place, key) for item in listed):
        return True
    return any(_in_range(item, place, key) for item in ranges)


def _is_at(version: object, place: object, key: Key) -> bool:
    try:
        return bool(key(str(version)) == place)
    except ValueError:
        return False


def _in_range(span: Json, place: Any, key: Key) -> bool:  # noqa: ANN401  # what `key` gives
    """The schema's algorithm: walk the events in order, and see where the version comes to lie."""
    events = sorted(_events(span, key), key=lambda event: (event[0] is not None, event[0] or 0))
    limits = [at for at, kind in events if kind == "limit"]
    if limits and not any(at is None or place < at for at in limits):
        return False
    inside = False
    for at, kind in events:
        if kind == "introduced" and (at is None or place >= at):
            inside = True
        elif (kind == "fixed" and place >= at) or (kind == "last_affected" and place > at):
            inside = False
    return inside


def _events(span: Json, key: Key) -> Iterator[tuple[Any, str]]:
    """Place and kind; None is the place before every version (`introduced: 0`)."""
    for event in _objects(span.get("events")):
        for kind, version in event.items():
            if version in ("0", "*") and kind in ("introduced", "limit"):
                yield None, kind
                continue
            try:
                yield key(str(version)), kind
            except ValueError:
                # An end that nobody can place is no end; a start is one from the beginning.
                if kind == "introduced":
                    yield None, kind


def _pep440(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion as error:
        raise ValueError(version) from error


def _semver(version: str) -> tuple[Any, ...]:
    key = version_key(version.removeprefix("v"))
    if key[0] == 0:
        raise ValueError(version)
    return key[:3]  # without build metadata, which has no precedence


def _fixed(affected: list[dict[str, Any]], version: str, key: Key) -> str | None:
    """The lowest fixed version above this one."""
    try:
        place = key(version)
    except ValueError:
        return None
    fixes = []
    for span in (span for item in affected for span in _objects(item.get("ranges"))):
        for event in _objects(span.get("events")):
            try:
                at = key(str(event.get("fixed", "")))
            except ValueError:
                continue  # not a fix, or of git
            if at > place:
                fixes.append((at, str(event["fixed"])))
    return min(fixes)[1] if fixes else None


def _summary(record: Json) -> str:
    details = str(record.get("details") or "").strip().partition("\n")[0]
    return str(record.get("summary") or details or "no summary")[:_MAX_SUMMARY]


def _severity(record: Json, aliases: tuple[str, ...]) -> Severity:
    """`malware` by the id (MAL-…, the malicious-packages database); else the database's word."""
    if any(name.startswith("MAL-") for name in (str(record["id"]), *aliases)):
        return "malware"
    specific = record.get("database_specific")
    said = specific.get("severity") if isinstance(specific, dict) else None
    return _SEVERITIES.get(str(said).upper(), "unknown")
