"""Methods that a shop could take off the shelf, on the same lines, for bench/quality.py: never part of the product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
from scipy import linalg, sparse

TOP, _CHUNK = 10, 256


@dataclass(frozen=True)
class Shop:
    """Purchase lines as arrays: `user`, `item` index into `users`, `items`; `day` and `basket` of each line."""

    users: list[str]
    items: list[str]
    user: np.ndarray
    item: np.ndarray
    day: np.ndarray
    basket: np.ndarray

    @classmethod
    def of(cls, lines: pd.DataFrame) -> Shop:
        """Index purchase lines."""
        user, users = pd.factorize(lines["user"], sort=True)
        item, items = pd.factorize(lines["product"], sort=True)
        basket, _ = pd.factorize(lines["basket"])
        return cls(list(users), list(items), user, item, lines["day"].to_numpy(), basket)

    def matrix(self, values: np.ndarray | None = None, which: np.ndarray | slice = slice(None)) -> Any:
        """Return users × items, summed; ones where no values are given."""
        values = np.ones(len(self.user), dtype=np.float32) if values is None else values.astype(np.float32)
        shape = (len(self.users), len(self.items))
        return sparse.csr_matrix((values[which], (self.user[which], self.item[which])), shape=shape)

    @cached_property
    def counts(self) -> Any:
        """How often each was bought."""
        return self.matrix()

    @cached_property
    def ones(self) -> Any:
        """Whether it ever was."""
        ones = self.matrix()
        ones.data[:] = 1.0
        return ones

    @cached_property
    def popular(self) -> np.ndarray:
        """Distinct buyers in the last 28 days."""
        late = self.day > self.day.max() - 28
        recent = self.matrix(which=late)
        recent.data[:] = 1.0
        return np.asarray(recent.sum(axis=0)).ravel()

    def owned(self, user: str) -> set[str]:
        """What a user ever bought."""
        row = self.ones[self.users.index(user)]
        return {self.items[item] for item in row.indices}

    def lists(self, score: Callable[[Shop, np.ndarray], np.ndarray], users: Sequence[str], *, novel: bool):
        """Each user's ten best by a method's scores."""
        where = {user: row for row, user in enumerate(self.users)}
        rows = np.array([where[user] for user in users])
        found = {}
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            scores = np.asarray(score(self, some), dtype=np.float64)
            if novel:
                scores[self.ones[some].toarray() > 0] = -np.inf
            count = min(TOP, scores.shape[1])
            best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
            for user, items in zip(some, np.take_along_axis(best, order, axis=1), strict=True):
                found[self.users[user]] = [self.items[item] for item in items]
        return found


_fitted: dict[tuple[str, int], Any] = {}


def _once(name: str, shop: Shop, fit: Callable[[], Any]) -> Any:
    key = (name, id(shop))
    if key not in _fitted:
        _fitted[key] = fit()
    return _fitted[key]


def popular(shop, rows):
    return np.tile(shop.popular, (len(rows), 1))


def top_frequency(shop, rows):
    """GP-TopFreq (Li et al., 2023): personal counts, then what is popular."""
    return shop.counts[rows].toarray() + shop.popular / (shop.popular.max() + 1) * 1e-3


def tifu_knn(shop, rows, neighbours=300, within=0.9, across=0.7, alpha=0.7, groups=7):
    """TIFU-KNN (Hu et al., SIGIR 2020), with its authors' figures for groceries."""

    def vectors():
        order = pd.DataFrame({"u": shop.user, "b": shop.basket, "d": shop.day}).drop_duplicates(["u", "b"])
        order = order.sort_values(["u", "d"])
        order["rank"] = order.groupby("u").cumcount()
        order["many"] = order.groupby("u")["rank"].transform("size")
        size = np.maximum(1, np.ceil(order["many"] / groups))
        group_from_end = (order["many"] - 1 - order["rank"]) // size
        in_group = (order["many"] - 1 - order["rank"]) % size
        weight = within**in_group / size * across**group_from_end / np.minimum(groups, order["many"])
        by_basket = dict(zip(zip(order["u"], order["b"], strict=True), weight, strict=True))
        return shop.matrix(np.array([by_basket[key] for key in zip(shop.user, shop.basket, strict=True)]))

    profile = _once("tifu", shop, vectors)
    squares = np.asarray(profile.multiply(profile).sum(axis=1)).ravel()
    apart = squares[rows][:, None] + squares[None] - 2 * (profile[rows] @ profile.T).toarray()
    return _blend(profile, rows, -apart, min(neighbours, len(shop.users) - 1), alpha)


def _blend(profile, rows, likeness, neighbours, alpha):
    if neighbours < 1:
        return profile[rows].toarray()
    likeness[np.arange(len(rows)), rows] = -np.inf
    near = np.argpartition(-likeness, neighbours - 1, axis=1)[:, :neighbours]
    among = sparse.csr_matrix(
        (np.full(near.size, 1 / neighbours), (np.repeat(np.arange(len(rows)), neighbours), near.ravel())),
        shape=likeness.shape,
    )
    return alpha * profile[rows].toarray() + (1 - alpha) * (among @ profile).toarray()


def up_cf(shop, rows, recent=25, asymmetry=0.25, locality=5):
    """UP-CF@r (Faggioli et al., UMAP 2020): popularity in one's last baskets, by asymmetric cosine neighbours."""

    def profiles():
        order = pd.DataFrame({"u": shop.user, "b": shop.basket, "d": shop.day}).drop_duplicates(["u", "b"])
        order = order.sort_values(["u", "d"], ascending=[True, False])
        order["rank"] = order.groupby("u").cumcount()
        order["share"] = 1 / np.minimum(order.groupby("u")["rank"].transform("size"), recent)
        share = {(u, b): s for u, b, s, r in order[["u", "b", "share", "rank"]].to_numpy() if r < recent}
        return shop.matrix(np.array([share.get(key, 0.0) for key in zip(shop.user, shop.basket, strict=True)]))

    profile = _once("upcf", shop, profiles)
    sizes = np.asarray(shop.ones.sum(axis=1)).ravel()
    shared = (shop.ones[rows] @ shop.ones.T).toarray()
    likeness = shared / (sizes[rows][:, None] ** asymmetry * sizes[None] ** (1 - asymmetry))
    return (sparse.csr_matrix(likeness**locality) @ profile).toarray()


def _implicit(name, model, weigh):
    def score(shop, rows):
        fitted = _once(name, shop, lambda: _fit(model(), weigh(shop)))
        if hasattr(fitted, "similarity"):
            return (shop.counts[rows] @ fitted.similarity).toarray()
        return fitted.user_factors[rows] @ fitted.item_factors.T

    return score


def _fit(model, matrix):
    model.fit(matrix, show_progress=False)
    return model


def ease(shop, rows, most=8_000, penalty=300.0):
    """EASE (Steck, WWW 2019) over the most bought products."""

    def weights():
        buyers = np.asarray(shop.ones.sum(axis=0)).ravel()
        items = np.sort(np.argsort(-buyers)[:most])
        chosen = shop.ones[:, items]
        gram = (chosen.T @ chosen).toarray()
        gram[np.diag_indices(len(items))] += penalty
        inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
        scores = inverse / -np.diag(inverse)
        np.fill_diagonal(scores, 0.0)
        return items, scores

    items, scores = _once("ease", shop, weights)
    told = np.full((len(rows), len(shop.items)), -1.0)
    told[:, items] = shop.ones[rows][:, items] @ scores
    return told


def ease_with_repeats(shop, rows):
    """EASE for what is new, its own purchases counted in for what is not."""
    return ease(shop, rows) + shop.ones[rows].toarray()


BASELINES = {
    "popular, 28 days": popular,
    "GP-TopFreq": top_frequency,
    "TIFU-KNN": tifu_knn,
    "UP-CF@25": up_cf,
    "item-kNN, cosine": _implicit("cosine", lambda: CosineRecommender(K=100), lambda shop: shop.ones),
    "item-kNN, BM25": _implicit("bm25", lambda: BM25Recommender(K=100), lambda shop: shop.counts),
    "ALS, 128 factors": _implicit(
        "als", lambda: AlternatingLeastSquares(factors=128, random_state=0, num_threads=1), lambda shop: shop.ones
    ),
    "EASE, 8,000 products, λ 300": ease,
}
