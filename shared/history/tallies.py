"""How day sheets add up: per period and key, sums in integers, and how many were distinct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from shared.history.sheets import Integers, Sheet


class Tally(NamedTuple):
    """What one period of one key and one word came to; `period` and `word` are indexes, `key` a number."""

    period: int
    key: int
    word: int
    events: int
    quantity: int
    amount: int
    users: int


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """What rows came to, as columns."""

    period: Integers
    key: Integers
    word: Integers
    events: Integers
    quantity: Integers
    amount: Integers
    users: Integers

    def first(self, most: int, *, by_count: bool) -> list[Tally]:
        """Return the first by period and then by falling amount (or count), and what ties with the last."""
        weight = self.events if by_count else self.amount
        order = np.lexsort((-weight, self.period))
        if most < len(order):
            last = order[most - 1]
            ties = (self.period == self.period[last]) & (weight == weight[last])
            order = np.concatenate([order[:most], np.setdiff1d(np.flatnonzero(ties), order[:most])])
        columns = (getattr(self, name)[order].tolist() for name in Tally._fields)
        return [Tally(*each) for each in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of several sheets below one another; each event has a number of its own."""

    words: tuple[str, ...]
    period: Integers
    event: Integers
    user: Integers
    key: Integers
    word: Integers
    quantity: Integers
    amount: Integers

    def of(self, which: Integers) -> Rows:
        """Return some of the rows, by their indexes; one may come several times."""
        return Rows(
            self.words,
            self.period[which],
            self.event[which],
            self.user[which],
            self.key[which],
            self.word[which],
            self.quantity[which],
            self.amount[which],
        )

    def keyed(self, key: Integers) -> Rows:
        """Return the rows under other keys."""
        return replace(self, key=key)


def rows_of(sheets: Sequence[tuple[int, Sheet]]) -> Rows:
    """Put sheets, each with the index of its period, below one another."""
    words: dict[str, int] = {}
    events, spelled, before = [], [], 0
    for _, sheet in sheets:
        places = np.array([words.setdefault(word, len(words)) for word in sheet.words], dtype=np.int64)
        spelled.append(places[sheet.word] if len(sheet) else sheet.word)
        events.append(sheet.event + before)
        before += int(sheet.event.max(initial=-1)) + 1
    periods = [np.full(len(sheet), period, dtype=np.int64) for period, sheet in sheets]
    user, key, quantity, amount = (
        np.concatenate([getattr(sheet, name) for _, sheet in sheets]) for name in ("user", "key", "quantity", "amount")
    )
    columns = (np.concatenate(periods), np.concatenate(events), user, key, np.concatenate(spelled), quantity, amount)
    return Rows(tuple(words), *columns)


def tallied(rows: Rows) -> Tallies:
    """Return what rows come to, per period, key and word."""
    if not len(rows.event):
        return Tallies(*[rows.event] * len(Tally._fields))
    words = len(rows.words)
    keys = int(rows.key.max()) + 1
    groups, place = np.unique((rows.period * keys + rows.key) * words + rows.word, return_inverse=True)
    return Tallies(
        groups // words // keys,
        groups // words % keys,
        groups % words,
        _distinct(place, rows.event, len(groups)),
        _summed(place, rows.quantity, len(groups)),
        _summed(place, rows.amount, len(groups)),
        _distinct(place, rows.user, len(groups)),
    )


def _summed(place: Integers, values: Integers, groups: int) -> Integers:
    """Return the sum of each group, exactly: no float in between."""
    sums = np.zeros(groups, dtype=np.int64)
    np.add.at(sums, place, values)
    return sums


def _distinct(place: Integers, values: Integers, groups: int) -> Integers:
    """Return how many different values each group has."""
    most = int(values.max()) + 1
    pairs = np.unique(place * most + values)
    return np.bincount(pairs // most, minlength=groups)
