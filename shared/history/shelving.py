"""Where products stand, as arrays: for each product's number, the numbers of the levels of its category path."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shared.history.sheets import Integers
from shared.history.tallies import Rows

_NOWHERE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Shelves:
    """A row for each product's number, a column for each depth; the last row stands for products of no category."""

    keys: tuple[str, ...]
    levels: Integers

    def by_level(self, rows: Rows, only: str | None = None) -> Rows:
        """Return each row once under every level of its product, or under one level only."""
        stands = self.levels[np.minimum(rows.key, len(self.levels) - 1)]
        which, depth = np.nonzero(stands >= 0 if only is None else stands == self._number(only))
        return rows.of(which).keyed(stands[which, depth])

    def _number(self, key: str) -> int:
        """Return the number of a level; if no product stands there, one that no level has."""
        return self.keys.index(key) if key in self.keys else len(self.keys)


class Shelving:
    """Keeps a shop's shelves in memory. Thread-safe; `seen` is the last move that they know."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._shelves = Shelves((), np.full((1, 1), _NOWHERE, dtype=np.int64))
        self.seen = 0

    def moved(self, moves: Iterable[tuple[int, int, str]]) -> Shelves:
        """Return where products stand, after moves: number of the move, of the product, its levels as JSON."""
        with self._lock:
            fresh = [move for move in moves if move[0] > self.seen]
            if fresh:
                self._shelves = self._after(fresh)
                self.seen = fresh[-1][0]
            return self._shelves

    def _after(self, moves: list[tuple[int, int, str]]) -> Shelves:
        paths = [(product, self._numbered(levels)) for _, product, levels in moves]
        held = self._shelves.levels
        rows = max(len(held), 2 + max(product for product, _ in paths))
        depth = max(held.shape[1], *(len(path) for _, path in paths))
        levels = np.full((rows, depth), _NOWHERE, dtype=np.int64)
        levels[: len(held), : held.shape[1]] = held
        for product, path in paths:
            levels[product] = _NOWHERE
            levels[product, : len(path)] = path
        return Shelves(tuple(self._numbers), levels)

    def _numbered(self, levels: str) -> list[int]:
        return [self._numbers.setdefault(level, len(self._numbers)) for level in json.loads(levels)]
