"""Who bought what as of a whole refresh, and whose baskets changed since: a change costs what it touches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse


class Names:
    """Ids and the numbers that they stand for; new ones are added at the end."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = list(ids)
        self._numbers = {id: number for number, id in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, id: str) -> int:
        """Return an id's number, a new one if need be."""
        number = self._numbers.setdefault(id, len(self.ids))
        if number == len(self.ids):
            self.ids.append(id)
        return number


class Baskets:
    """The users × products matrix of who bought what, row by row replaceable.

    `counts` says how many bought each product, `changed` whose rows were replaced.
    """

    def __init__(self, matrix: Any) -> None:
        self._base, self._columns = matrix.tocsr(), matrix.tocsc()
        self._rows: dict[int, np.ndarray] = {}
        self._since: dict[int, set[int]] = defaultdict(set)
        self.counts = np.diff(self._columns.indptr).astype(np.int64)

    @property
    def changed(self) -> list[int]:
        """Whose rows were replaced, in order."""
        return sorted(self._rows)

    def row(self, user: int) -> np.ndarray:
        """Return what a user bought."""
        if user in self._rows:
            return self._rows[user]
        if user >= self._base.shape[0]:
            return np.zeros(0, dtype=np.int64)
        found: np.ndarray = self._base.indices[self._base.indptr[user] : self._base.indptr[user + 1]]
        return found

    def put(self, user: int, products: np.ndarray) -> bool:
        """Replace a user's row; say whether it says something else now."""
        before = self.row(user)
        gained, lost = np.setdiff1d(products, before), np.setdiff1d(before, products)
        if not len(gained) and not len(lost):
            return False
        missing = int(products.max(initial=-1)) + 1 - len(self.counts)
        if missing > 0:
            self.counts = np.append(self.counts, np.zeros(missing, dtype=np.int64))
        self.counts[gained] += 1
        self.counts[lost] -= 1
        for product in before.tolist() if user in self._rows else ():
            self._since[product].discard(user)
        for product in products.tolist():
            self._since[product].add(user)
        self._rows[user] = np.sort(products)
        return True

    def buyers(self, products: Iterable[int]) -> list[int]:
        """Return who bought any of some products, in order."""
        found: set[int] = set()
        for product in products:
            if product < self._columns.shape[1]:
                start, end = self._columns.indptr[product : product + 2]
                found.update(user for user in self._columns.indices[start:end].tolist() if user not in self._rows)
            found |= self._since.get(product, set())
        return sorted(found)

    def rows(self, users: Sequence[int]) -> Any:
        """Return some users' rows as a sparse matrix of ones."""
        rows = [self.row(user) for user in users]
        indptr = np.cumsum([0, *map(len, rows)])
        indices = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
        ones = np.ones(len(indices), dtype=np.float32)
        return sparse.csr_matrix((ones, indices, indptr), shape=(len(rows), len(self.counts)))
