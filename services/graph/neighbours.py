"""What a refresh makes of a shop's purchases: who is near whom, what is popular, what draws and keeps its buyers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.graph.fitting import Fit
from services.graph.likeness import Likeness
from services.graph.signals import DAY, incidence, loyalty, newcomers, present, recent_buyers, since
from services.graph.weights import MOST_ITEMS, Gram, Weights, common, rare
from shared.knowledge.port import Derived, PurchaseMatrix

YEAR = 365 * DAY
_POPULAR, _PER_INTEREST = 300, 20
DIGITS = 6


def derive(purchases: PurchaseMatrix, abouts: Mapping[str, Sequence[str]], fit: Fit) -> Derived:
    """Return everything that a refresh writes for one shop."""
    matrix = incidence(purchases)
    recent = recent_buyers(purchases)
    last_year = incidence(since(purchases, present(purchases) - YEAR))
    return Derived(
        bought_with=product_neighbours(last_year, purchases.products, fit.parameters.ridge),
        similar_to=user_neighbours(matrix, purchases.users),
        popular=popular(recent, purchases.products),
        popular_in=popular_in(recent, purchases.products, abouts),
        parameters=fit.parameters,
        at=present(purchases),
        products=drawn(purchases, fit.parameters.newcomer_days),
        fit=fit.as_json(),
    )


def product_neighbours(matrix: Any, products: Sequence[str], ridge: float) -> list[tuple[str, str, float, int]]:
    """Return (product, product, signed score, shared buyers): the strongest of each product that two people bought."""
    gram = Gram.of(matrix, MOST_ITEMS)
    return _edges(common(gram, ridge), products) + _edges(rare(matrix, gram.items, ridge), products)


def user_neighbours(matrix: Any, users: Sequence[str]) -> list[tuple[str, str, float, int]]:
    """Return (user, user, likeness 0 to 1, shared products), the most similar of each user."""
    found = Likeness.of(matrix).nearest(np.arange(len(users)))
    return _edges(Weights(*found), users)


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


def drawn(
    purchases: PurchaseMatrix, days: float, at: int | None = None, mean: float | None = None
) -> list[tuple[str, int, float, float]]:
    """Return (product, recent buyers, newcomers, loyalty) of each product, as of a moment (none: the shop's present).

    Args:
        days: how fast a first-time buyer's word on a product fades.
        mean: how likely a buyer of the shop's comes back to a product (none: these purchases say it).
    """
    columns = (
        recent_buyers(purchases, at).tolist(),
        newcomers(purchases, days, at).round(DIGITS).tolist(),
        loyalty(purchases, at, mean).round(DIGITS).tolist(),
    )
    return list(zip(purchases.products, *columns, strict=True))


def _edges(weights: Weights, names: Sequence[str]) -> list[tuple[str, str, float, int]]:
    """Return edges by id; `score` is rounded so that it is the same however it was added up."""
    scores = weights.score.astype(np.float64).round(DIGITS).tolist()
    ends = ([names[at] for at in weights.source.tolist()], [names[at] for at in weights.target.tolist()])
    return list(zip(*ends, scores, weights.support.astype(np.int64).tolist(), strict=True))
