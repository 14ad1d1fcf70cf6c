"""What a form of `/api/v1/registry` holds of neighbouring servers, remembered as bytes.

The document of every server is 90 MB at production scale. One server's news makes one group of
neighbours anew; of the others the bytes are put side by side, and none of them is parsed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise

from mcpreg_site.api.held import GROUPS, HELD, dump
from mcpreg_site.catalog import Catalog, Server
from mcpreg_site.memo import Memo
from mcpreg_site.neighbours import grouped
from mcpreg_site.tree import key_of

_KIND, _KNOWN = "view group", "view groups"
_AT_ONCE = 16  # groups in memory twice: as they were remembered, and taken apart


@dataclass(frozen=True, slots=True)
class Together:
    """Of some servers: how many are held, left out whole, and reduced; and the items of the lists.

    `texts` are JSON values with commas between: the entries of each of `GROUPS`, who is left out
    and why, and which parts of others are. They are views, so that no step copies 90 MB.
    """

    held: int
    left_out: int
    reduced: int
    texts: tuple[bytes | memoryview, ...]

    def packed(self) -> bytes:
        """As bytes: what is counted, with the lengths of the texts, then these."""
        head = [self.held, self.left_out, self.reduced, *map(len, self.texts)]
        return b"".join((json.dumps(head).encode(), b"\n", *self.texts))

    @classmethod
    def unpacked(cls, data: bytes) -> Together:
        """The inverse of `packed`."""
        end = data.index(b"\n") + 1
        held, left_out, reduced, *lengths = json.loads(data[:end])
        view = memoryview(data)
        ends = accumulate(lengths, initial=end)
        texts = (view[begin:end] for begin, end in pairwise(ends))
        return cls(held, left_out, reduced, tuple(texts))


NOTHING = Together(0, 0, 0, (b"",) * (len(GROUPS) + 2))


def together(
    form: str, catalog: Catalog, beaten: Collection[str], memo: Memo
) -> Iterator[Together]:
    """Of all servers that are shown, in order. `beaten` are those whose key another one has."""
    waiting = iter(catalog.shown)
    names = grouped(server.name for server in catalog.shown)
    cut = (list(islice(waiting, len(group))) for group in names)
    groups = [(_key(form, group, beaten), group) for group in cut]
    for start in range(0, len(groups), _AT_ONCE):
        some = groups[start : start + _AT_ONCE]
        known = memo.get(_KIND, [key for key, _ in some if key])
        for key, group in some:
            data = known.get(key or "")
            if data is not None:
                yield Together.unpacked(data)
                continue
            made = _made(form, group, beaten)
            if key:
                memo.put(_KIND, {key: made.packed()})
            yield made
    if catalog.base:
        _forget_others(key_of(form, catalog.base), [key for key, _ in groups if key], memo)


def _key(form: str, group: Sequence[Server], beaten: Collection[str]) -> str | None:
    if any(server.key is None for server in group):
        return None
    lost = (server.name for server in group if server.name in beaten)
    return key_of(form, *(server.key or "" for server in group), *lost)


def _made(form: str, servers: Sequence[Server], beaten: Collection[str]) -> Together:
    entries: dict[str, list[bytes]] = {group: [] for group in GROUPS}
    left_out: dict[str, str] = {}
    lost: list[tuple[str, str, str]] = []
    for server, held in zip(servers, HELD[form].each(servers), strict=True):
        losses = held.beaten if server.name in beaten else held.losses
        left_out |= {name: reason for name, pointer, reason in losses if not pointer}
        lost += (loss for loss in losses if loss[1])
        if held.entry and server.name not in beaten:
            named = f"{dump(held.key)}:".encode() if form == "toolhive" else b""
            entries[held.group].append(named + held.entry)
    parts = [
        dump({"name": name, "pointer": pointer, "reason": reason})
        for name, pointer, reason in lost
        if name not in left_out
    ]
    names = [dump({"name": name, "reason": reason}) for name, reason in left_out.items()]
    return Together(
        sum(map(len, entries.values())),
        len(left_out),
        len({name for name, *_ in lost} - left_out.keys()),
        (
            *(b",".join(entries[group]) for group in GROUPS),
            ",".join(names).encode(),
            ",".join(parts).encode(),
        ),
    )


def _forget_others(place: str, keys: Sequence[str], memo: Memo) -> None:
    """What the document before had and this one has not is of no more use."""
    known = memo.get(_KNOWN, [place]).get(place, b"[]")
    memo.put(_KNOWN, {place: json.dumps(keys).encode()})
    memo.drop(_KIND, set(json.loads(known)) - set(keys))
