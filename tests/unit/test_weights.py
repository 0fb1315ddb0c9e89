"""Which products say how much of which others: few of them, as well as so few can."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from services.graph import weights
from services.graph.weights import Gram, common, rare, strongest

PENALTY = 3.0


def bought(people: int = 200, products: int = 30) -> np.ndarray:
    """Ones and zeros, users × products, popular ones first, some bought together."""
    chance = np.random.default_rng(4)
    taste = chance.integers(0, 3, people)[:, None] == np.arange(products)[None] % 3
    return (chance.random((people, products)) < np.where(taste, 0.5, 0.1) / (1 + np.arange(products) / 10)).astype(
        np.float32
    )


def error(matrix: np.ndarray, weights: np.ndarray) -> float:
    """What a ridge makes small: how far what is bought is from what the weights say, and how large these are."""
    return float(((matrix - matrix @ weights) ** 2).sum() + PENALTY * (weights**2).sum())


def test_no_other_scores_of_the_kept_weights_tell_more() -> None:
    matrix = bought()
    kept = common(Gram.of(sparse.csr_matrix(matrix), 30), PENALTY, most=5).matrix(30).toarray()
    least = error(matrix, kept)

    assert (kept != 0).sum(axis=1).tolist() == [5] * 30
    for source, target in zip(*np.nonzero(kept), strict=True):
        for step in (-0.01, 0.01):
            changed = kept.copy()
            changed[source, target] += step
            assert error(matrix, changed) > least


@pytest.mark.parametrize("rows", [1, 5, 12, 100])
def test_where_all_are_kept_the_weights_are_those_of_ease(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_SMALL", rows)
    matrix = bought(products=12)
    kept = common(Gram.of(sparse.csr_matrix(matrix), 12), PENALTY, most=11).matrix(12).toarray()
    inverse = np.linalg.inv((matrix.T @ matrix).astype(float) + PENALTY * np.eye(12))
    told = inverse / -np.diag(inverse)
    np.fill_diagonal(told, 0.0)

    assert kept == pytest.approx(told, abs=1e-4)


def test_what_a_rare_product_says_of_a_common_one_counts_half() -> None:
    matrix = sparse.csr_matrix(bought())
    nothing, first = (rare(matrix, np.arange(count), PENALTY) for count in (0, 10))
    whole, halved = nothing.matrix(30).toarray(), first.matrix(30).toarray()
    told = np.nonzero(halved[10:])

    assert halved[10:][told] == pytest.approx(np.where(told[1] < 10, 0.5, 1.0) * whole[10:][told])
    assert {True, False} == set((told[1] < 10).tolist())


@pytest.mark.parametrize("sources", [1, 7, 400])
def test_the_strongest_are_those_that_a_sort_of_all_puts_first(sources: int) -> None:
    chance = np.random.default_rng(sources)
    source, target = chance.integers(0, sources, 2_000), chance.permutation(2_000)
    score = chance.integers(0, 25, 2_000) / 25  # many are equal
    ranked = sorted(range(2_000), key=lambda at: (source[at], -score[at], target[at]))
    first = [at for place, at in enumerate(ranked) if source[ranked[max(place - 9, 0)]] != source[at] or place < 9]

    assert first == strongest(source, target, score, 9).tolist()


def test_nothing_has_no_strongest() -> None:
    nothing = np.zeros(0, dtype=np.int64)

    assert [] == strongest(nothing, nothing, nothing, 9).tolist()
