"""What a shop's purchases say as arrays: who bought what, how lately, what draws new buyers, what is bought again."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from shared.knowledge.port import PurchaseMatrix

DAY = 86_400_000
RECENT = 28 * DAY
_PRIOR = 20.0  # buyers whose habits are assumed to be the shop's own: a product is judged by more than a few


def until(purchases: PurchaseMatrix, at: int) -> PurchaseMatrix:
    """Return what had been bought by a moment (ms), as if nothing had come after it."""
    seen = purchases.times <= at
    products, product_index = np.unique(purchases.product_index[seen], return_inverse=True)
    users, user_index = np.unique(purchases.user_index[seen], return_inverse=True)
    return PurchaseMatrix(
        [purchases.users[index] for index in users.tolist()],
        [purchases.products[index] for index in products.tolist()],
        user_index.astype(np.int64),
        product_index.astype(np.int64),
        purchases.times[seen],
    )


def since(purchases: PurchaseMatrix, after: int) -> PurchaseMatrix:
    """Return what was bought after a moment (ms); users and products keep their indexes."""
    late = purchases.times > after
    columns = (purchases.user_index[late], purchases.product_index[late], purchases.times[late])
    return PurchaseMatrix(purchases.users, purchases.products, *columns)


def present(purchases: PurchaseMatrix) -> int:
    """Return the moment (ms) of the latest purchase, 0 if there is none."""
    return int(purchases.times.max()) if len(purchases.times) else 0


def baskets(purchases: PurchaseMatrix) -> dict[str, list[str]]:
    """Return what each user ever bought."""
    users, products = _pairs(purchases, np.ones(len(purchases.times), dtype=bool))
    found: dict[str, list[str]] = {}
    for user, product in zip(users.tolist(), products.tolist(), strict=True):
        found.setdefault(purchases.users[user], []).append(purchases.products[product])
    return found


def incidence(purchases: PurchaseMatrix) -> Any:
    """Return the sparse users × products matrix of who ever bought what (1 or 0)."""
    matrix = _matrix(purchases, np.ones(len(purchases.times), dtype=np.float32))
    matrix.data[:] = 1.0
    return matrix


def decayed(purchases: PurchaseMatrix, days: float) -> Any:
    """Return the sparse users × products matrix of Σ exp(-Δdays/`days`), as of the shop's latest purchase."""
    return _matrix(purchases, _fading(present(purchases) - purchases.times, days))


def decayed_by_visits(purchases: PurchaseMatrix, visits: float) -> Any:
    """Return the sparse users × products matrix of Σ exp(-n/`visits`), n being how often the user has come since."""
    first = purchases.times.min(initial=present(purchases))
    span = int(present(purchases) - first) + 1
    came, at = np.unique(purchases.user_index * span + (purchases.times - first), return_inverse=True)
    users = came // span
    after = np.searchsorted(users, users, side="right") - 1 - np.arange(len(came))
    return _matrix(purchases, np.exp(-after[at] / visits).astype(np.float32))


def lately(purchases: PurchaseMatrix, days: float, most: int) -> Any:
    """Return the sparse users × products matrix of exp(-Δdays/`days`) of the last purchases, `most` a user."""
    order = np.lexsort((purchases.product_index, -purchases.times, purchases.user_index))
    users, products = purchases.user_index[order], purchases.product_index[order]
    width = max(len(purchases.products), 1)
    _, firsts = np.unique(users * width + products, return_index=True)
    last = np.sort(firsts)  # each pair's latest purchase, a user's latest first
    rank = np.arange(len(last)) - np.searchsorted(users[last], users[last])
    kept = order[last[rank < most]]
    strength = _fading(present(purchases) - purchases.times[kept], days)
    shape = (len(purchases.users), len(purchases.products))
    ends = (purchases.user_index[kept], purchases.product_index[kept])
    return sparse.csr_matrix((strength, ends), shape=shape)


def recent_buyers(purchases: PurchaseMatrix, at: int | None = None) -> np.ndarray:
    """Return, per product, how many people bought it in the shop's last 28 days (as of `at`; none: its present)."""
    late = purchases.times > _moment(purchases, at) - RECENT
    users, products = _pairs(purchases, late)
    del users
    return np.bincount(products, minlength=len(purchases.products))


def newcomers(purchases: PurchaseMatrix, days: float, at: int | None = None) -> np.ndarray:
    """Return, per product, Σ exp(-Δdays/`days`) over the first time that each of its buyers bought it.

    What draws new buyers is not what is bought most: a staple's buyers have long been found.
    """
    order = np.lexsort((purchases.times, purchases.user_index, purchases.product_index))
    users, products = purchases.user_index[order], purchases.product_index[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (users[1:] != users[:-1]) | (products[1:] != products[:-1])
    fading = _fading(_moment(purchases, at) - purchases.times[order][first], days)
    drawn: np.ndarray = np.bincount(products[first], weights=fading, minlength=len(purchases.products))
    return drawn


def loyalty(purchases: PurchaseMatrix, at: int | None = None, mean: float | None = None) -> np.ndarray:
    """Return, per product, how likely a buyer comes back to it within 28 days, relative to the shop's mean (1.0).

    Of those who had bought it before the last 28 days, the share who did again in them; few buyers count little.
    """
    buyers, returned = _kept(purchases, _moment(purchases, at))
    mean = _share(buyers, returned) if mean is None else mean
    if mean == 0:
        return np.ones(len(purchases.products))
    relative: np.ndarray = (returned + _PRIOR * mean) / (buyers + _PRIOR) / mean
    return relative


def mean_loyalty(purchases: PurchaseMatrix) -> float:
    """Return how likely a buyer of a shop's comes back to a product within 28 days."""
    return _share(*_kept(purchases, present(purchases)))


def _kept(purchases: PurchaseMatrix, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, per product, how many had bought it 28 days before a moment, and how many of these did again since."""
    held = purchases.times <= at - RECENT
    before, again = _pairs(purchases, held), _pairs(purchases, ~held)
    width = max(len(purchases.users), 1)
    came_back = np.isin(before[1] * width + before[0], again[1] * width + again[0], assume_unique=True)
    count = len(purchases.products)
    return np.bincount(before[1], minlength=count), np.bincount(before[1][came_back], minlength=count)


def _share(buyers: np.ndarray, returned: np.ndarray) -> float:
    return float(returned.sum() / max(buyers.sum(), 1))


def _moment(purchases: PurchaseMatrix, at: int | None) -> int:
    return present(purchases) if at is None else at


def _matrix(purchases: PurchaseMatrix, values: np.ndarray) -> Any:
    shape = (len(purchases.users), len(purchases.products))
    matrix = sparse.csr_matrix((values, (purchases.user_index, purchases.product_index)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _fading(ages: np.ndarray, days: float) -> np.ndarray:
    return np.exp(-ages / (days * DAY)).astype(np.float32)


def _pairs(purchases: PurchaseMatrix, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct (user, product) index pairs of some purchases."""
    width = max(len(purchases.users), 1)
    keys = np.unique(purchases.product_index[which].astype(np.int64) * width + purchases.user_index[which])
    return keys % width, keys // width
