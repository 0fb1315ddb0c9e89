"""A day sheet: what a shop sold, or heard, on one day, packed into columns of integers that add up in no time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Row = tuple[object, int, int, str, int, int]

_FORMAT = 1
_LENGTH = 4  # bytes that tell the length of the head
_COLUMNS = ("event", "user", "key", "word", "quantity", "amount")


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A row is a line sold or given back, or an interest expressed. Users and products are the shop's own numbers.

    `event` numbers the purchases (or expressions) of the day, `word` points into `words`: a currency, or an interest.
    """

    words: tuple[str, ...]
    event: Integers
    user: Integers
    key: Integers  # the product; nothing of an expression
    word: Integers
    quantity: Integers
    amount: Integers  # minor units, or the relevance in thousandths

    def __len__(self) -> int:
        return len(self.event)


def sheet_of(rows: Iterable[Row]) -> Sheet:
    """Return the sheet of rows: event, user, product, word, quantity, amount."""
    events: dict[object, int] = {}
    words: dict[str, int] = {}
    numbered = [
        (events.setdefault(event, len(events)), user, key, words.setdefault(word, len(words)), quantity, amount)
        for event, user, key, word, quantity, amount in rows
    ]
    columns = np.array(numbered, dtype=np.int64).reshape(-1, len(_COLUMNS)).T
    return Sheet(tuple(words), *columns)


def packed(sheet: Sheet) -> bytes:
    """Return a sheet as bytes, each column as narrow as its numbers allow."""
    columns = [_narrow(getattr(sheet, name)) for name in _COLUMNS]
    head = json.dumps([_FORMAT, len(sheet), sheet.words, [column.dtype.str for column in columns]]).encode()
    return b"".join((len(head).to_bytes(_LENGTH, "big"), head, *(column.tobytes() for column in columns)))


def unpacked(packed: bytes) -> Sheet | None:
    """Return the sheet in some bytes; none if another version of this program packed them."""
    start = _LENGTH + int.from_bytes(packed[:_LENGTH], "big")
    made, rows, *rest = json.loads(packed[_LENGTH:start])
    if made != _FORMAT:
        return None
    words, types = rest
    return Sheet(tuple(words), *_columns(packed, start, rows, types))


def _columns(packed: bytes, start: int, rows: int, types: Sequence[str]) -> Iterable[Integers]:
    for name in types:
        column = np.frombuffer(packed, dtype=name, count=rows, offset=start)
        start += column.nbytes
        yield column.astype(np.int64)


def _narrow(column: Integers) -> NDArray[np.integer]:
    if not len(column):
        return column
    smallest = np.result_type(np.min_scalar_type(int(column.min())), np.min_scalar_type(int(column.max())))
    return column.astype(smallest)
