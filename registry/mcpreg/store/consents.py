"""What a person agreed to: one small file a server, replaced atomically."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from mcpreg.core import canonical, record
from mcpreg.errors import VerificationError
from mcpreg.store.files import write_atomic


class Consent(NamedTuple):
    """One answer. `reach` is the digest of what was shown; `how` is `asked` or `--yes`.

    `policy` is the digest of the policies in force then; they are asked again when they change.
    """

    name: str
    version: str
    registry: str
    reach: str
    sandbox: tuple[str, ...]
    how: str
    at: str
    policy: str = ""


class ConsentStore:
    """The consents below one data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "consents"

    def get(self, name: str) -> Consent | None:
        """The last answer about a server. Raises `VerificationError` when the file is damaged."""
        path = self._path(name)
        try:
            document: dict[str, Any] = json.loads(path.read_bytes())
            consent = Consent(**{**document, "sandbox": tuple(document["sandbox"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise VerificationError(
                f"{path} is damaged: {error}", hint=f"remove it; {name} then asks again"
            ) from error
        return consent if consent.name == name else None

    def put(self, consent: Consent) -> None:
        """Remember an answer, instead of the one before."""
        data = canonical.pretty(record.document(consent))
        write_atomic(self._path(consent.name), data, mode=0o600)

    def forget(self, name: str) -> None:
        """Ask again the next time."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{canonical.sha256(name.encode()).removeprefix('sha256:')}.json"
