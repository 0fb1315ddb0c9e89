"""Replays what would have been offered to some people at a moment, for any parameters, against what they then bought.

The same figures as the reads make from the graph, in arrays, over a shop's most bought products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from services.graph.likeness import Likeness
from services.graph.signals import decayed, decayed_by_visits, incidence, lately, loyalty, newcomers, recent_buyers
from services.graph.weights import Gram, common
from shared.knowledge.insight import Parameters
from shared.knowledge.near import SOURCES
from shared.knowledge.port import PurchaseMatrix
from shared.knowledge.recommend import VISITS

TOP = 10
_ITEMS = 2_000  # fewer than the graph is given, for a trial is made many times over
_QUICK = 30.0
_DISCOUNT = 1 / np.log2(np.arange(2, TOP + 2))
_NEVER = -np.inf


class Trial:
    """A shop as of a cut, some of its people (by id), and what each bought after it."""

    def __init__(self, before: PurchaseMatrix, after: Mapping[str, frozenset[str]], people: Sequence[str]) -> None:
        self._before = before
        where = {user: index for index, user in enumerate(before.users)}
        self.people = sorted((user for user in people if user in where), key=where.__getitem__)
        self._rows = np.array([where[user] for user in self.people], dtype=np.int64)
        self._matrix = incidence(before)
        self._gram = Gram.of(self._matrix, _ITEMS)
        self._columns = self._gram.items
        self._owned = self._matrix[self._rows]
        self._found: dict[tuple[float, ...], tuple[np.ndarray, np.ndarray]] = {}
        index = {product: at for at, product in enumerate(before.products)}
        self._bought = [{index.get(p, -1 - n) for n, p in enumerate(sorted(after[u]))} for u in self.people]

    def discover(self, parameters: Parameters) -> np.ndarray:
        """Return each person's NDCG@10 over what was new to them; nan for those who bought nothing new."""
        found, _ = self._new(parameters)
        return self._judge(self._columns[found], self._wanted_new)

    def top(self, parameters: Parameters) -> np.ndarray:
        """Return each person's NDCG@10 of the best single list, over all that they bought."""
        again, again_scores = self._again(parameters)
        found, scores = self._new(parameters)
        weight = parameters.new_among_top
        # Without a weight, what is new comes after everything that is not.
        scores = scores * weight if weight else scores - 1e9
        products = np.concatenate([again, self._columns[found]], axis=1)
        merged, _ = _best(np.concatenate([again_scores, scores], axis=1))
        return self._judge(np.take_along_axis(products, merged, axis=1), self._bought)

    def _again(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
        """Return each person's ten best repetitions (product indexes; -1: none) and their scores."""
        fading = self._fading(parameters.decay_days) + parameters.quick_share * self._fading(_QUICK)
        fading = (fading + parameters.visit_share * self._by_visits).tocsr()
        factor = (1.0 + self._popularity) ** parameters.popularity_power * self._loyalty**parameters.loyalty_power
        people = np.repeat(np.arange(len(self.people)), np.diff(fading.indptr))
        scores = fading.data * factor[fading.indices]
        order = np.lexsort((fading.indices, -scores, people))
        rank = np.arange(len(order)) - fading.indptr[people]
        kept = rank < TOP
        products = np.full((len(self.people), TOP), -1, dtype=np.int64)
        values = np.full((len(self.people), TOP), _NEVER)
        products[people[kept], rank[kept]] = fading.indices[order][kept]
        values[people[kept], rank[kept]] = scores[order][kept]
        return products, values

    @lru_cache(maxsize=8)  # noqa: B019 (a trial lives as long as its fit)
    def _fading(self, days: float) -> Any:
        return decayed(self._before, days)[self._rows]

    @cached_property
    def _by_visits(self) -> Any:
        return decayed_by_visits(self._before, VISITS)[self._rows]

    def _new(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
        """Return each person's ten best new products (columns) and their scores."""
        names = ("ridge", "source_days", "similar_share", "popular_share", "newcomer_days", "newcomer_power")
        key = tuple(getattr(parameters, name) for name in names)
        if key not in self._found:
            self._found[key] = _best(self._new_scores(parameters))
        return self._found[key]

    def _new_scores(self, parameters: Parameters) -> np.ndarray:
        """Return the scores of what is new, people × the most bought products."""
        scores = self._beside(parameters.ridge, parameters.source_days) + parameters.similar_share * self._alike
        scores = scores + parameters.popular_share * self._popular
        scores = scores * (1.0 + self._newcomers(parameters.newcomer_days)) ** parameters.newcomer_power
        return np.where(self._is_owned, _NEVER, scores)

    @lru_cache(maxsize=8)  # noqa: B019
    def _beside(self, ridge: float, source_days: float) -> np.ndarray:
        strength = lately(self._before, source_days, SOURCES)[self._rows][:, self._columns]
        return np.asarray(strength @ self._weights(ridge), dtype=np.float32)

    @lru_cache(maxsize=8)  # noqa: B019
    def _weights(self, ridge: float) -> Any:
        weights = common(self._gram, ridge).matrix(len(self._before.products))
        return weights[self._columns][:, self._columns].toarray().astype(np.float32)

    @lru_cache(maxsize=8)  # noqa: B019
    def _newcomers(self, days: float) -> np.ndarray:
        drawn: np.ndarray = newcomers(self._before, days)[self._columns]
        return drawn.astype(np.float32)

    @cached_property
    def _wanted_new(self) -> list[set[int]]:
        owned = [set(self._owned[row].indices.tolist()) for row in range(len(self.people))]
        return [bought - had for bought, had in zip(self._bought, owned, strict=True)]

    @cached_property
    def _alike(self) -> np.ndarray:
        return Likeness.of(self._matrix).bought_by_similar(self._matrix[:, self._columns], self._rows)

    @cached_property
    def _popularity(self) -> np.ndarray:
        return recent_buyers(self._before)

    @cached_property
    def _loyalty(self) -> np.ndarray:
        return loyalty(self._before)

    @cached_property
    def _popular(self) -> np.ndarray:
        share: np.ndarray = self._popularity[self._columns] / max(self._popularity.max(initial=0), 1)
        return share.astype(np.float32)

    @cached_property
    def _is_owned(self) -> np.ndarray:
        return np.asarray(self._owned[:, self._columns].todense()) > 0

    def _judge(self, offered: np.ndarray, wanted: Sequence[set[int]]) -> np.ndarray:
        """Return each person's NDCG@10, normalised by the ideal for min(10, what they wanted)."""
        scores = np.full(len(self.people), np.nan)
        for row, (products, want) in enumerate(zip(offered.tolist(), wanted, strict=True)):
            if want:
                gain = sum(_DISCOUNT[rank] for rank, product in enumerate(products) if product in want)
                scores[row] = gain / _DISCOUNT[: len(want)].sum()
        return scores


def _best(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns of each row's ten best scores, best first, and these."""
    count = min(TOP, scores.shape[1])
    some = np.argpartition(-scores, count - 1, axis=1)[:, :count] if count else np.zeros((len(scores), 0), dtype=int)
    order = np.argsort(-np.take_along_axis(scores, some, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(some, order, axis=1)
    return best, np.take_along_axis(scores, best, axis=1)
