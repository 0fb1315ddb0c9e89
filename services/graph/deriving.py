"""What is derived of a shop's purchases as a whole: fitted parameters, neighbours, communities."""

from __future__ import annotations

from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from services.graph.amending import Standing
from services.graph.communities import communities
from services.graph.fitting import Fit, fit
from services.graph.neighbours import derive
from services.graph.signals import baskets, present, until
from shared.knowledge.hindsight import Hindsight
from shared.knowledge.port import Derived, KnowledgeWriter, PurchaseMatrix

_REFIT_AFTER = 7 * 86_400_000
_REFIT_GROWTH = 1.2


@dataclass(frozen=True)
class Whole:
    """What a whole refresh rests on, and what comes of it."""

    purchases: PurchaseMatrix
    fitted: Fit
    derived: Derived

    def standing(self) -> Standing:
        """Return what later amendments start from."""
        return Standing.of(self.purchases, self.derived)


def whole(knowledge: KnowledgeWriter, shop: str) -> Whole:
    """Derive all of a shop's knowledge from its purchases, on one core: two are hardly quicker (12 s to 14).

    Raises:
        TransientError: the graph does not answer.
    """
    purchases = knowledge.purchases(shop)
    with threadpool_limits(1, "blas"):
        fitted = _fitted(knowledge, shop, purchases)
        derived = derive(purchases, knowledge.abouts(shop), fitted)
    return Whole(purchases, fitted, replace(derived, communities=communities(purchases, derived.similar_to)))


def in_hindsight(knowledge: KnowledgeWriter, shop: str, at: int) -> Hindsight | None:
    """Return what would have been derived at a moment (ms) of a shop's past; none if that is its present."""
    purchases = knowledge.purchases(shop)
    if at >= present(purchases):
        return None
    then = until(purchases, at)
    return Hindsight.of(derive(then, knowledge.abouts(shop), fit(then)), baskets(then))


def _fitted(knowledge: KnowledgeWriter, shop: str, purchases: PurchaseMatrix) -> Fit:
    """Fit anew when the shop has grown or gone on; between, what was fitted stands."""
    record = knowledge.fitted(shop)
    held = Fit.read(record.parameters, record.fit) if record else None
    if held and present(purchases) < held.at + _REFIT_AFTER and held.grown(len(purchases.times)) < _REFIT_GROWTH:
        return held
    return fit(purchases)
