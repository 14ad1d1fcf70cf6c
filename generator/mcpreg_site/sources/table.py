"""One object of a document, read strictly: every key is asked for by name, or it is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mcpreg.checks.shape import nearest_key
from mcpreg.errors import UsageError

MAX_TEXT = 4096  # characters of one value; addresses and paths are far shorter
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Table:
    """An object at a place such as `far.yaml: spec.source.git`."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{_kind(value)} stands where an object is expected", where=where)
        self.where = where
        self._rest = {str(key): item for key, item in value.items()}
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._rest

    def at(self, key: str) -> str:
        """The place of a member."""
        separator = "." if ": " in self.where else ": "
        return f"{self.where}{separator}{key}"

    def value(self, key: str) -> object:
        """A member's value, None when absent; from here on the key is known."""
        self._asked.add(key)
        return self._rest.get(key)

    def text(self, key: str) -> str | None:
        """A string, None when absent or empty. Raises `UsageError` for anything else."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise UsageError(
                f"{_kind(value)} stands where text is expected",
                where=self.at(key),
                hint="put it in quotes",
            )
        if len(value) > MAX_TEXT or _CONTROL.search(value):
            raise UsageError("the text holds control characters or is too long", where=self.at(key))
        return value or None

    def required(self, key: str) -> str:
        """A string that must be there."""
        value = self.text(key)
        if value is None:
            raise UsageError(f"{key} is missing", where=self.where)
        return value

    def block(self, key: str) -> str | None:
        """Text of any length and with any lines: a document inside the document."""
        value = self.value(key)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{_kind(value)} stands where text is expected", where=self.at(key))
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty when absent."""
        value = self.value(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise UsageError("a list of texts is expected", where=self.at(key))
        return tuple(value)

    def number(self, key: str) -> float | None:
        """A number, or text that is one: Kubernetes has no fractions in its resources."""
        value = self.value(key)
        if value is None:
            return None
        try:
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                return float(value)
        except (ValueError, OverflowError):
            pass
        raise UsageError("a number is expected", where=self.at(key))

    def table(self, key: str) -> Table | None:
        """A member object; an absent or empty one is None."""
        value = self.value(key)
        return None if value is None else Table(value, self.at(key))

    def tables(self, key: str) -> list[Table]:
        """A list of objects; empty when absent."""
        value = self.value(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise UsageError(f"{_kind(value)} stands where a list is expected", where=self.at(key))
        return [Table(item, f"{self.at(key)}[{index}]") for index, item in enumerate(value)]

    def close(self, ignored: Iterable[str] = ()) -> None:
        """Refuse what nobody asked for. `ignored`: keys that mean something in a cluster only.

        Raises:
            UsageError: with the nearest known key.
        """
        known = self._asked.union(ignored)
        for key in self._rest.keys() - known:
            near = nearest_key(key, self._asked)
            hint = f"did you mean {near!r}?" if near else f"known: {', '.join(sorted(self._asked))}"
            raise UsageError(f"unknown key {key[:100]!r}", where=self.where, hint=hint)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")
