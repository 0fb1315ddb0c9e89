"""Who is near whom: products bought by the same people, people who buy the same, and what is popular. Pure arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from shared.knowledge.insight import Parameters
from shared.knowledge.port import Derived, PurchaseMatrix

_DAY = 86_400_000
_RECENT = 28 * _DAY
_SHRINK = 10.0  # evidence below this many shared buyers is discounted (Koren's shrinkage)
_PER_PRODUCT, _PER_USER, _POPULAR, _PER_INTEREST = 30, 25, 200, 20
_CHUNK = 2_000


def derive(purchases: PurchaseMatrix, abouts: Mapping[str, Sequence[str]], parameters: Parameters) -> Derived:
    """Return everything that a refresh writes for one shop."""
    matrix = incidence(purchases)
    recent = recent_buyers(purchases)
    return Derived(
        bought_with=product_neighbours(matrix, purchases.products),
        similar_to=user_neighbours(matrix, purchases.users),
        popular=popular(recent, purchases.products),
        popular_in=popular_in(recent, purchases.products, abouts),
        parameters=parameters,
        at=int(purchases.times.max()) if len(purchases.times) else 0,
    )


def incidence(purchases: PurchaseMatrix) -> Any:
    """Return the sparse users × products matrix of who ever bought what (1 or 0)."""
    shape = (len(purchases.users), len(purchases.products))
    ones = np.ones(len(purchases.user_index), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, (purchases.user_index, purchases.product_index)), shape=shape)
    matrix.data[:] = 1.0
    return matrix


def recent_buyers(purchases: PurchaseMatrix) -> np.ndarray:
    """Return, per product, how many people bought it in the shop's last 28 days."""
    if not len(purchases.times):
        return np.zeros(len(purchases.products), dtype=np.int64)
    late = purchases.times > purchases.times.max() - _RECENT
    pairs = np.unique(np.stack([purchases.product_index[late], purchases.user_index[late]]), axis=1)
    return np.bincount(pairs[0], minlength=len(purchases.products))


def product_neighbours(matrix: Any, products: Sequence[str]) -> list[tuple[str, str, float, int]]:
    """Return (product, product, score, shared buyers): shrunk cosine over buyers, the strongest of each product."""
    together = (matrix.T @ matrix).tocsr()
    buyers = together.diagonal()
    rows: list[tuple[str, str, float, int]] = []
    for start in range(0, len(products), _CHUNK):
        block = together[start : start + _CHUNK].tocoo()
        source = block.row + start
        keep = (source != block.col) & (block.data > 1 if len(buyers) > 1000 else block.data > 0)  # noqa: PLR2004
        source, target, shared = source[keep], block.col[keep], block.data[keep]
        score = shared / np.sqrt(buyers[source] * buyers[target]) * (shared / (shared + _SHRINK))
        for at in _strongest(source, target, score, _PER_PRODUCT):
            rows.append(_edge(products, int(source[at]), int(target[at]), score[at], shared[at]))  # noqa: PERF401
    return rows


def user_neighbours(matrix: Any, users: Sequence[str]) -> list[tuple[str, str, float, int]]:
    """Return (user, user, score, shared products): cosine with rare products weighing more (tf-idf)."""
    frequency = np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0)
    weighted = matrix @ sparse.diags(np.log1p(len(users) / frequency))
    norms = np.maximum(np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()), 1e-9)
    unit = (sparse.diags(1.0 / norms) @ weighted).tocsr()
    rows: list[tuple[str, str, float, int]] = []
    for start in range(0, len(users), _CHUNK):
        block = (unit[start : start + _CHUNK] @ unit.T).tocoo()
        shared = (matrix[start : start + _CHUNK] @ matrix.T).tocsr()
        source = block.row + start
        keep = (source != block.col) & (block.data > 0)
        source, target, score = source[keep], block.col[keep], block.data[keep]
        best = _strongest(source, target, score, _PER_USER)
        support = np.asarray(shared[source[best] - start, target[best]]).ravel()
        for at, common in zip(best, support, strict=True):
            rows.append(_edge(users, int(source[at]), int(target[at]), score[at], common))
    return rows


def popular(recent: np.ndarray, products: Sequence[str]) -> list[tuple[str, int]]:
    """Return the products with most recent buyers, ties by id."""
    order = sorted(np.flatnonzero(recent).tolist(), key=lambda at: (-recent[at], products[at]))
    return [(products[at], int(recent[at])) for at in order[:_POPULAR]]


def popular_in(
    recent: np.ndarray, products: Sequence[str], abouts: Mapping[str, Sequence[str]]
) -> list[tuple[str, str, int]]:
    """Return, per interest, its products with most recent buyers."""
    by_interest: dict[str, list[tuple[int, str]]] = {}
    for at in np.flatnonzero(recent).tolist():
        for interest in abouts.get(products[at], ()):
            by_interest.setdefault(interest, []).append((-int(recent[at]), products[at]))
    return [
        (interest, product, -buyers)
        for interest, found in sorted(by_interest.items())
        for buyers, product in sorted(found)[:_PER_INTEREST]
    ]


def _strongest(source: np.ndarray, target: np.ndarray, score: np.ndarray, most: int) -> np.ndarray:
    """Return the positions of each source's strongest targets, in a fixed order."""
    order = np.lexsort((target, -score, source))
    ranked = source[order]
    first = np.searchsorted(ranked, ranked, side="left")
    return order[np.arange(len(order)) - first < most]


def _edge(names: Sequence[str], source: int, target: int, score: float, support: float) -> tuple[str, str, float, int]:
    return names[source], names[target], round(float(score), 6), int(support)
