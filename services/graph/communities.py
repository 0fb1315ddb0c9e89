"""Communities of interest: people whose baskets are alike, found in the graph of similar users, and their products.

The Leiden algorithm (Traag, Waltman and van Eck, 2019) over `SIMILAR_TO`, in time that grows with its edges (at most
15 a user). The same edges give the same communities under the same ids, on every engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from graspologic_native import leiden_csr
from scipy import sparse

from services.graph.signals import incidence
from shared.knowledge.port import Communities, PurchaseMatrix

LEAST = 3  # people without whom it is no community: what one or two buy is nobody's business
_MOST = 100  # communities kept, the largest
_PRODUCTS = 30  # of each, the most typical
_SEED, _SWEEPS = 6, 100  # chance is the same each time; moving people about ends in any case
_DIGITS = 6


def communities(purchases: PurchaseMatrix, similar_to: Sequence[tuple[str, str, float, int]]) -> Communities:
    """Return who belongs together (user, community), and what they buy (community, product, place, buyers, lift)."""
    found = _largest(_parted(purchases.users, similar_to))
    owned = incidence(purchases)
    overall = np.asarray(owned.sum(axis=0)).ravel() / max(len(purchases.users), 1)
    members = [(purchases.users[user], id) for id, people in found.items() for user in people]
    typical = [
        (id, purchases.products[product], place, buyers, lift)
        for id, people in found.items()
        for place, (product, buyers, lift) in enumerate(_typical(owned[people], overall))
    ]
    return Communities(members, typical)


def _parted(users: Sequence[str], similar_to: Sequence[tuple[str, str, float, int]]) -> Mapping[str, list[int]]:
    """Return communities of enough people (indexes in order) by their ids, which say who is in them."""
    if not similar_to:
        return {}
    alike = _undirected(users, similar_to)
    _, parts = leiden_csr(
        alike.indptr.astype(np.int64),
        alike.indices.astype(np.int32),
        alike.data.astype(np.float64),
        len(users),
        seed=_SEED,
        max_local_moving_iterations=_SWEEPS,
    )
    people: dict[int, list[int]] = {}
    for user in range(len(users)):
        people.setdefault(parts[user], []).append(user)
    return {_id(users, some): some for some in people.values() if len(some) >= LEAST}


def _undirected(users: Sequence[str], similar_to: Sequence[tuple[str, str, float, int]]) -> Any:
    where = {user: at for at, user in enumerate(users)}
    ends = np.array([(where[one], where[other]) for one, other, *_ in similar_to], dtype=np.int64)
    scores = np.array([score for _, _, score, _ in similar_to])
    directed = sparse.csr_matrix((scores, (ends[:, 0], ends[:, 1])), shape=(len(users), len(users)))
    either = directed.maximum(directed.T).tocsr()
    either.sort_indices()
    return either


def _id(users: Sequence[str], people: Sequence[int]) -> str:
    return hashlib.sha256("\n".join(users[user] for user in people).encode()).hexdigest()[:12]


def _largest(found: Mapping[str, list[int]]) -> dict[str, list[int]]:
    return dict(sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))[:_MOST])


def _typical(owned: Any, overall: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield (product, buyers, lift) of what is bought here and less elsewhere, the most telling first.

    *Lift* is how many times as many of these people bought it as of the whole shop. What tells most has many buyers
    and a high lift: each buyer counts the logarithm of it.
    """
    buyers = np.asarray(owned.sum(axis=0)).ravel().astype(np.int64)
    chosen = np.flatnonzero(buyers >= LEAST)
    share = buyers[chosen] / owned.shape[0]
    lift = share / overall[chosen]
    telling = (share * np.log(lift)).round(_DIGITS)
    order = np.lexsort((chosen, -buyers[chosen], -telling))[:_PRODUCTS]
    for at in order.tolist():
        yield int(chosen[at]), int(buyers[chosen[at]]), round(float(lift[at]), _DIGITS)
