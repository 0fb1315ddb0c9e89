"""Keeps everyone's most similar people exact while baskets change, without comparing everyone with everyone again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from services.graph.baskets import Baskets
from services.graph.likeness import PER_USER, Likeness
from services.graph.weights import strongest

_ROUNDED = 1e-6  # what stands in the graph is rounded to this

Circle = dict[int, tuple[float, int]]  # similar user → likeness, shared products


class Circles:
    """The most similar people of each user, as of a whole refresh and after each change of `baskets`.

    How much a product weighs (by its buyers) stays as of the whole refresh; with those weights the circles are what
    comparing everyone with everyone would give.
    """

    def __init__(self, likeness: Likeness, near: np.ndarray, baskets: Baskets) -> None:
        """Begin with what stands: a row of `near` is a user, a similar one, and their likeness."""
        self._weights, self._baskets = likeness.weights, baskets
        self._by_product = likeness.unit.T.tocsr()
        user, similar, score = near[:, 0].astype(np.int64), near[:, 1].astype(np.int64), near[:, 2]
        people = likeness.unit.shape[0]
        self._held = sparse.csc_matrix((score, (user, similar)), shape=(people, people))
        self._weakest = np.zeros(people)
        full = np.flatnonzero(np.bincount(user, minlength=people) >= PER_USER)
        weakest = np.full(people, np.inf)
        np.minimum.at(weakest, user, score)
        self._weakest[full] = weakest[full]
        self._circles: dict[int, Circle] = {}

    def after(self, changed: Sequence[int]) -> dict[int, Circle]:
        """Return the circles that are no longer what they were, now that these users' baskets changed."""
        new = max(changed, default=-1) + 1 - len(self._weakest)
        self._weakest = np.append(self._weakest, np.zeros(max(new, 0)))
        _, others, scores = self._alike(changed)
        entering = others[scores >= self._weakest[others] - _ROUNDED]
        affected = sorted({*changed, *entering.tolist(), *self._around(changed)})
        found = self._nearest(affected)
        self._circles |= found
        for user, circle in found.items():
            scores_of = [score for score, _ in circle.values()]
            self._weakest[user] = min(scores_of) if len(scores_of) >= PER_USER else 0.0
        return found

    def _around(self, changed: Iterable[int]) -> set[int]:
        """Return whose circle holds one of these users."""
        some = set(changed)
        found = {user for user, circle in self._circles.items() if not some.isdisjoint(circle)}
        for user in some:
            if user < self._held.shape[1]:
                held = self._held.indices[self._held.indptr[user] : self._held.indptr[user + 1]]
                found.update(other for other in held.tolist() if other not in self._circles)
        return found

    def _nearest(self, users: Sequence[int]) -> dict[int, Circle]:
        at, others, scores = self._alike(users)
        best = strongest(at, others, scores, PER_USER)
        mine, theirs = (self._baskets.rows(some) for some in ([users[n] for n in at[best]], others[best].tolist()))
        shared = np.asarray(mine.multiply(theirs).sum(axis=1)).ravel().astype(int).tolist()
        found: dict[int, Circle] = {user: {} for user in users}
        for place, n in enumerate(best.tolist()):
            found[users[at[n]]][int(others[n])] = (float(scores[n]), shared[place])
        return found

    def _alike(self, users: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (position among `users`, other user, likeness) of all who share anything."""
        rows, changed = self._unit(users), self._baskets.changed
        steady = (rows[:, : self._by_product.shape[0]] @ self._by_product).tocoo()
        keep = ~np.isin(steady.col, changed)
        moved = (rows @ self._unit(changed).T).tocoo()
        at = np.concatenate([steady.row[keep], moved.row])
        others = np.concatenate([steady.col[keep], np.array(changed, dtype=np.int64)[moved.col]])
        scores = np.concatenate([steady.data[keep], moved.data])
        kept = (scores > 0) & (np.array(users, dtype=np.int64)[at] != others)
        return at[kept], others[kept], scores[kept]

    def _unit(self, users: Sequence[int]) -> Any:
        rows = self._baskets.rows(users)
        weights = np.full(rows.shape[1], np.log1p(self._by_product.shape[1]))
        weights[: len(self._weights)] = self._weights
        weighted = rows @ sparse.diags(weights)
        norms = np.maximum(np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()), 1e-9)
        return (sparse.diags(1.0 / norms) @ weighted).tocsr().astype(np.float32)
