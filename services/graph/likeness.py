"""Who is like whom: cosine over what people bought, rare products weighing more (tf-idf)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from services.graph.weights import strongest

PER_USER = 15
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class Likeness:
    """Unit vectors of what people bought, users × products, the plain ones and zeros, and what each product weighs."""

    unit: Any
    matrix: Any
    weights: np.ndarray

    @classmethod
    def of(cls, matrix: Any, weights: np.ndarray | None = None) -> Likeness:
        """Weigh a users × products matrix of ones; a product weighs by how few bought it, unless that is given."""
        if weights is None:
            weights = np.log1p(matrix.shape[0] / np.maximum(np.asarray(matrix.sum(axis=0)).ravel(), 1.0))
        weighted = matrix @ sparse.diags(weights)
        norms = np.maximum(np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()), 1e-9)
        return cls((sparse.diags(1.0 / norms) @ weighted).tocsr().astype(np.float32), matrix, weights)

    def nearest(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return (user, similar user, likeness 0–1, shared products) arrays, the strongest 15 of each user."""
        parts = [self._nearest(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
        nothing = (np.zeros(0, dtype=np.int64),) * 4
        return tuple(np.concatenate(column) for column in zip(*parts or [nothing], strict=True))  # type: ignore[return-value]

    def bought_by_similar(self, matrix: Any, rows: np.ndarray) -> np.ndarray:
        """Return, per user and column of `matrix`, the mean likeness of the similar users who bought it."""
        user, similar, score, _ = self.nearest(rows)
        where = np.searchsorted(rows, user)
        near = sparse.csr_matrix((score, (where, similar)), shape=(len(rows), self.matrix.shape[0]))
        return np.asarray((near @ matrix).todense(), dtype=np.float32) / PER_USER

    def _nearest(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        block = (self.unit[rows] @ self.unit.T).tocoo()
        user, similar, score = rows[block.row], block.col, block.data
        keep = (user != similar) & (score > 0)
        user, similar, score = user[keep], similar[keep], score[keep]
        best = strongest(user, similar, score, PER_USER)
        user, similar, score = user[best], similar[best], score[best]
        shared = np.asarray(self.matrix[user].multiply(self.matrix[similar]).sum(axis=1)).ravel()
        return user, similar, score, shared
