"""Every purchase of a shop as of a whole refresh, by product, and those of the people who bought something since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from shared.knowledge.port import PurchaseMatrix

Lines = set[tuple[int, int]]  # product, time (ms)


class Ledgers:
    """Each user's purchases, replaceable as a whole; products' and users' numbers may grow."""

    def __init__(self, purchases: PurchaseMatrix) -> None:
        self._base = purchases  # ordered by user
        self._by_product = np.argsort(purchases.product_index, kind="stable")
        self._starts = np.searchsorted(
            purchases.product_index[self._by_product], np.arange(len(purchases.products) + 1)
        )
        self._changed: dict[int, Lines] = {}
        self._since: dict[int, dict[int, list[int]]] = defaultdict(dict)  # product → user → times

    def put(self, user: int, lines: Lines) -> tuple[set[int], int]:
        """Replace a user's purchases; return the products that these say something else of, and how many came."""
        before = self._of(user)
        touched = {product for product, _ in before ^ lines}
        for product, _ in before:
            self._since[product].pop(user, None)
        for product, time in sorted(lines):
            self._since[product].setdefault(user, []).append(time)
        self._changed[user] = lines
        return touched, len(lines - before)

    def only(self, products: Sequence[int]) -> PurchaseMatrix:
        """Return the purchases of some products, these being numbered in their order."""
        users, places, times = (
            [np.zeros(0, dtype=np.int64)],
            [np.zeros(0, dtype=np.int64)],
            [np.zeros(0, dtype=np.int64)],
        )
        changed = np.array(sorted(self._changed), dtype=np.int64)
        for place, product in enumerate(products):
            held = self._held(product)
            held = held[~np.isin(self._base.user_index[held], changed)]
            since = [(user, time) for user, some in self._since.get(product, {}).items() for time in some]
            moved = np.array(since, dtype=np.int64).reshape(-1, 2)
            users += [self._base.user_index[held], moved[:, 0]]
            times += [self._base.times[held], moved[:, 1]]
            places.append(np.full(len(held) + len(moved), place, dtype=np.int64))
        everyone = np.concatenate(users)
        width = range(int(everyone.max(initial=-1)) + 1)
        return PurchaseMatrix(
            width,  # type: ignore[arg-type]  # their ids do not matter here
            [str(product) for product in products],
            everyone,
            np.concatenate(places),
            np.concatenate(times),
        )

    def _held(self, product: int) -> np.ndarray:
        if product + 1 >= len(self._starts):
            return self._by_product[:0]
        found: np.ndarray = self._by_product[self._starts[product] : self._starts[product + 1]]
        return found

    def _of(self, user: int) -> Lines:
        if user in self._changed:
            return self._changed[user]
        start, end = np.searchsorted(self._base.user_index, [user, user + 1])
        products, times = self._base.product_index[start:end], self._base.times[start:end]
        return set(zip(products.tolist(), times.tolist(), strict=True))
