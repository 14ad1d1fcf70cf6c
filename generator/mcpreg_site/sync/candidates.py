"""From a source's files to the entries that it offers: read, filtered, and held to the schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mcpreg.core.origin import Origin, Status
from mcpreg.errors import McpregError
from mcpreg.formats.interface import Format, FormatError, Imported, Refused
from mcpreg.formats.registry import FORMATS, detect
from mcpreg.usecases import listing
from mcpreg_site.sources.filters import decide
from mcpreg_site.sources.interface import Fetched, Source, SourceInvalidError

MAX_NOTES = 50
MAX_NOTE = 300  # characters


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry that the source offers and that may be listed."""

    document: dict[str, object]
    """A manifest as JSON; `versioned` False: its version is ours to choose."""
    origin: Origin
    readme: bytes | None = None
    status: Status = "active"
    status_message: str | None = None
    versioned: bool = True

    @property
    def name(self) -> str:
        """The server's name."""
        return str(self.document["name"])

    @property
    def version(self) -> str:
        """The version, made up or not."""
        return str(self.document["version"])


@dataclass(frozen=True, slots=True)
class Turned:
    """An entry that is not imported: left by the filter, or refused by a rule."""

    name: str
    place: str
    because: str
    rule: str
    """The rule that refuses it; `filter` when nobody wants it."""
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """All that a source holds."""

    format: Format
    candidates: tuple[Candidate, ...]
    turned: tuple[Turned, ...]


def convert(source: Source, fetched: Fetched) -> Offer:
    """Read every entry, ask the filter, and check the shape of what is wanted.

    Raises:
        SourceInvalidError: the files are in no format, or not in the one that the source names.
    """
    try:
        format_ = _format_of(source, fetched)
        entries = list(format_.read(fetched.files))
    except FormatError as error:
        raise SourceInvalidError(
            f"source {source.name}: {error.message}", where=error.where, hint=error.hint
        ) from error
    results = list(_judged(source, format_, entries))
    return Offer(
        format_,
        tuple(item for item in results if isinstance(item, Candidate)),
        tuple(item for item in results if isinstance(item, Turned)),
    )


def _format_of(source: Source, fetched: Fetched) -> Format:
    if source.format is None:
        return detect(fetched.files)
    if source.format not in FORMATS:
        raise McpregError(
            f"source {source.name} names the format {source.format!r}",
            hint=f"one of {', '.join(FORMATS)}; without one it is detected",
        )
    return FORMATS[source.format]


def _judged(
    source: Source, format_: Format, entries: list[Imported | Refused]
) -> Iterator[Candidate | Turned]:
    for entry in entries:
        if isinstance(entry, Refused):
            yield Turned(entry.name, entry.place, entry.reason, "format")
            continue
        name, version = (_text(entry.document.get(key)) for key in ("name", "version"))
        decision = decide(source.filter, entry.name, entry.tags)
        if not decision.wanted:
            yield Turned(name or entry.name, entry.place, decision.because, "filter", version)
            continue
        findings = listing.check(entry.document)
        if findings:
            first = findings[0]
            because = f"{first.pointer or 'the entry'}: {first.message}"
            yield Turned(name or entry.name, entry.place, because, first.rule, version)
            continue
        yield _candidate(source, format_, entry)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _candidate(source: Source, format_: Format, entry: Imported) -> Candidate:
    origin = Origin(
        source=source.name,
        format=format_.name,
        document=entry.digest,
        published_at=_utc(entry.published_at),
        updated_at=_utc(entry.updated_at),
        notes=tuple(note[:MAX_NOTE] for note in entry.notes[:MAX_NOTES]),
        metadata=dict(entry.metadata),
    )
    return Candidate(
        document=entry.document,
        origin=origin,
        readme=entry.readme.encode() if entry.readme else None,
        status=entry.status,
        status_message=entry.status_message,
        versioned=entry.versioned,
    )


def _utc(time: str | None) -> str | None:
    """Somebody's RFC 3339 time as ours: UTC, whole seconds; None when it is no time."""
    try:
        moment = datetime.fromisoformat(time or "")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None
