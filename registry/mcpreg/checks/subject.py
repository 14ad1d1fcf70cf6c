"""What rules about meaning look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcpreg.checks.reading import Reading
from mcpreg.checks.salvage import salvage
from mcpreg.core import capability
from mcpreg.core.capability import MAX_CAPABILITIES, Capability, CapabilityError
from mcpreg.core.manifest import Manifest
from mcpreg.core.position import Pointer

SANDBOX: Pointer = ("capabilities", "sandbox")


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of `capabilities.sandbox`: what it means, or why it means nothing."""

    pointer: Pointer
    text: str
    capability: Capability | None
    error: CapabilityError | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """A manifest with its raw document, its parsed capabilities and its neighbours."""

    manifest: Manifest
    document: Mapping[str, Any]
    text: str
    grants: tuple[Grant, ...]
    file: str
    identity: str | None = None
    files: Mapping[str, bytes] | None = None
    blind: frozenset[Pointer] = frozenset()
    around_blind: frozenset[Pointer] = frozenset()

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """The capabilities that the grammar allows, in the manifest's order."""
        return tuple(grant.capability for grant in self.grants if grant.capability is not None)

    def is_blind(self, pointer: Pointer) -> bool:
        """Whether a problem there would be about what salvaging filled in."""
        above = any(pointer[:end] in self.blind for end in range(1, len(pointer) + 1))
        return above or pointer in self.around_blind


def subject_of(reading: Reading) -> Subject | None:
    """The subject, salvaged where the shape is wrong; None when there is nothing to salvage."""
    manifest, blind = reading.manifest, frozenset[Pointer]()
    if manifest is None:
        saved = salvage(reading.document, reading.shape) if reading.shape else None
        if saved is None:
            return None
        manifest, blind = saved
    submission = reading.submission
    return Subject(
        manifest=manifest,
        document=reading.document,
        text=reading.text,
        grants=tuple(
            _grant((*SANDBOX, index), text)
            # What is beyond the cap is not looked at: some rules compare each with each.
            for index, text in enumerate(manifest.capabilities.sandbox[:MAX_CAPABILITIES])
        ),
        file=submission.file,
        identity=submission.identity,
        files=submission.files,
        blind=blind,
        around_blind=frozenset(place[:end] for place in blind for end in range(1, len(place))),
    )


def _grant(pointer: Pointer, text: str) -> Grant:
    try:
        return Grant(pointer, text, capability.parse(text))
    except CapabilityError as error:
        return Grant(pointer, text, None, error)
