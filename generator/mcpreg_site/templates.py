"""Where the pages' templates are, and the fingerprint of everything that shapes the output."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mcpreg.errors import UsageError

_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Templates:
    """A folder with pages, style sheet and script."""

    folder: Path

    def text(self, name: str) -> str:
        """One file. Raises `UsageError` when the folder lacks it."""
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{self.folder} has no {name}", hint="--templates takes a full set of templates"
            ) from error

    def asset(self, name: str) -> tuple[str, bytes]:
        """An asset's path in the tree, named after its content, and the content."""
        data = self.text(name).encode()
        stem, _, extension = name.rpartition("/")[2].rpartition(".")
        return f"assets/{stem}-{hashlib.sha256(data).hexdigest()[:12]}.{extension}", data


def find_templates(explicit: Path | None = None) -> Templates:
    """The explicit folder, else the packaged one, else the checkout's (editable installs)."""
    if explicit is not None:
        return Templates(explicit)
    for folder in (_HERE / "templates", _HERE.parents[1] / "templates"):
        if (folder / "base.html").is_file():
            return Templates(folder)
    raise UsageError("this installation has no templates", hint="pip install 'mcpreg[site]' again")
