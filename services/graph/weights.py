"""How much owning one product says about wanting another: EASE (Steck, WWW 2019) over a shop's most bought products.

The weights are those of the best linear item-to-item model with a zero diagonal, in closed form from the Gram matrix.
They are signed: what is bought *instead* of something weighs against it, which a cosine cannot say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, sparse

from shared.courtesy import considerate

MOST_ITEMS = 4_000  # the Gram matrix of so many takes 64 MB, its inverse a few seconds
PER_ITEM = 25  # the strongest weights kept of each product, by absolute value (docs/quality.md)
_PER_RARE = 10  # of each product beyond those
_LEAST = 2  # buyers below which a product says nothing of others
_SECOND_HAND = 0.5  # what a rare product says of a common one counts so much: other purchases mostly say it as well
_SHRINK = 10.0  # evidence below this many shared buyers is discounted (Koren's shrinkage)
_CHUNK = 1_000
_SMALL = 128  # rows of a triangle that SciPy inverts in a fraction of a millisecond


@dataclass(frozen=True, slots=True)
class Weights:
    """Parallel arrays: owning `source` says so much (`score`, signed) of wanting `target`; `support` shared buyers."""

    source: np.ndarray
    target: np.ndarray
    score: np.ndarray
    support: np.ndarray

    def matrix(self, products: int) -> Any:
        """Return the sparse products × products matrix of scores."""
        return sparse.csr_matrix((self.score, (self.source, self.target)), shape=(products, products))


@dataclass(frozen=True, slots=True)
class Gram:
    """How many people bought both of two of a shop's most bought products (`items`: their indexes, ascending)."""

    items: np.ndarray
    shared: np.ndarray

    @classmethod
    def of(cls, matrix: Any, most: int) -> Gram:
        """Count over a users × products matrix of ones."""
        items = cls.chosen(matrix, most)
        chosen = matrix[:, items]
        return cls(items, (chosen.T @ chosen).toarray().astype(np.float32))

    @staticmethod
    def chosen(matrix: Any, most: int) -> np.ndarray:
        """Return which products are bought most."""
        buyers = np.asarray(matrix.sum(axis=0)).ravel()
        items = np.sort(np.argsort(-buyers, kind="stable")[:most])
        found: np.ndarray = items[buyers[items] >= _LEAST]
        return found


def common(gram: Gram, penalty: float, most: int = PER_ITEM) -> Weights:
    """Return weights among a shop's most bought products: EASE's `most` strongest of each say which, a ridge how much.

    EASE's own weights count on the many small ones that are not kept. Those that are kept are solved for anew, so that
    together they say what they can: so 25 of them tell more than 50 of EASE's own (docs/quality.md).

    Args:
        gram: shared buyers of those products.
        penalty: the ridge λ, in buyers: the larger, the more is a neighbour's word discounted.
        most: how many weights of each product are kept.
    """
    count = len(gram.items)
    if not count:
        return _weights([])
    regular = gram.shared.copy()
    regular[np.diag_indices(count)] += penalty
    inverse = _inverse(regular)
    scores = inverse / -np.diag(inverse)
    np.fill_diagonal(scores, 0.0)
    most = min(most, count - 1)
    kept = np.argpartition(-np.abs(scores), most, axis=1)[:, :most]
    source, target = np.repeat(np.arange(count), kept.shape[1]), kept.ravel()
    told = np.abs(scores[source, target]) > 1e-6  # noqa: PLR2004 (what rounds to nothing is no edge)
    source, target = source[told], target[told]
    score = _solved(gram.shared, source, target, penalty)
    return Weights(gram.items[source], gram.items[target], score, gram.shared[source, target])


def _inverse(regular: np.ndarray) -> np.ndarray:
    """Return the inverse of a positive definite matrix, from that of its Cholesky factor.

    SciPy's solvers hold Python's lock until they are done: 0.5 s for 4,000 products. What NumPy does here does not.
    """
    half = _inverse_of_lower(np.linalg.cholesky(regular))
    inverse: np.ndarray = half.T @ half
    return inverse


def _inverse_of_lower(lower: np.ndarray) -> np.ndarray:
    """Return the inverse of a lower triangular matrix, put together from those of its two smaller triangles."""
    count = len(lower)
    if count <= _SMALL:
        unit = np.eye(count, dtype=lower.dtype)
        small: np.ndarray = linalg.solve_triangular(lower, unit, lower=True, check_finite=False)
        return small
    middle, inverse = count // 2, np.zeros_like(lower)
    first, last = _inverse_of_lower(lower[:middle, :middle]), _inverse_of_lower(lower[middle:, middle:])
    inverse[:middle, :middle], inverse[middle:, middle:] = first, last
    inverse[middle:, :middle] = -last @ (lower[middle:, :middle] @ first)
    return inverse


def _solved(shared: np.ndarray, source: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Return the scores with which each target is told best by the sources that it has, and by no others."""
    scores = np.zeros(len(source))
    order = np.argsort(target, kind="stable")
    for some in considerate(np.split(order, np.flatnonzero(np.diff(target[order])) + 1)):
        own = source[some]
        regular = shared[np.ix_(own, own)].astype(np.float64)
        regular[np.diag_indices(len(own))] += penalty
        scores[some] = linalg.solve(regular, shared[own, target[some]], assume_a="pos", check_finite=False)
    return scores


def rare(matrix: Any, common_items: np.ndarray, penalty: float) -> Weights:
    """Return weights from the products that EASE leaves out, so that each with two buyers has neighbours.

    A neighbour is chosen by cosine over buyers, shrunk by how few they are; it weighs what a ridge over this one
    product would give it beyond what everyone buys, so that both kinds of weights are on one scale; half as much if it
    is common, for what else the person bought mostly leads there as well (docs/quality.md).
    """
    buyers = np.asarray(matrix.sum(axis=0)).ravel()
    seen = np.flatnonzero(buyers >= _LEAST)
    left = seen[~np.isin(seen, common_items)]
    by_product = matrix.T.tocsr()
    scale = Scale(buyers, matrix.shape[0], common_items, penalty)
    chunks = (left[start : start + _CHUNK] for start in range(0, len(left), _CHUNK))
    return _weights([beside_rare(some, (by_product[some] @ matrix).tocoo(), scale) for some in chunks])


@dataclass(frozen=True, slots=True)
class Scale:
    """What rare products are weighed against: each product's buyers, all people, what EASE weighs, its penalty."""

    buyers: np.ndarray
    people: int
    common: np.ndarray
    penalty: float


def beside_rare(
    sources: np.ndarray, together: Any, scale: Scale
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (source, target, score, shared buyers) arrays of what stands beside some rare products (see `rare`).

    Args:
        together: sources × products, how many bought both.
    """
    buyers = scale.buyers
    source, target, shared = sources[together.row], together.col, together.data
    keep = (source != target) & (shared >= min(_LEAST, scale.people))
    source, target, shared = source[keep], target[keep], shared[keep]
    likeness = shared / np.sqrt(buyers[source] * buyers[target]) * (shared / (shared + _SHRINK))
    best = strongest(source, target, likeness, _PER_RARE)
    source, target, shared = source[best], target[best], shared[best]
    expected = buyers[source] * buyers[target] / scale.people
    score = np.maximum(shared - expected, 0.0) / (buyers[source] + scale.penalty)
    return source, target, score * np.where(np.isin(target, scale.common), _SECOND_HAND, 1.0), shared


def strongest(source: np.ndarray, target: np.ndarray, score: np.ndarray, most: int) -> np.ndarray:
    """Return the positions of each source's strongest targets, sources ascending, equal scores by target."""
    close = _close(source, score, most)
    source, target, score = source[close], target[close], score[close]
    order = np.lexsort((target, -score, source))
    ranked = source[order]
    first = np.searchsorted(ranked, ranked, side="left")
    return close[order[np.arange(len(order)) - first < most]]


def _close(source: np.ndarray, score: np.ndarray, most: int) -> np.ndarray:
    """Return the positions of what may be among each source's strongest: to put in order all that it has takes long."""
    order = np.argsort(source, kind="stable")
    bounds = np.flatnonzero(np.diff(source[order])) + 1
    return np.concatenate([some[_reaching(score[some], most)] for some in np.split(order, bounds)])


def _reaching(scores: np.ndarray, most: int) -> np.ndarray:
    """Return which scores are at least the `most`-th highest."""
    last = len(scores) - most
    return scores >= np.partition(scores, last)[last] if last > 0 else np.ones(len(scores), dtype=bool)


def _weights(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> Weights:
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        return Weights(nothing, nothing, np.zeros(0), nothing)
    return Weights(*(np.concatenate(column) for column in zip(*parts, strict=True)))
