"""A shop's derived knowledge as of a past moment, in memory: what the graph's derived edges would have said then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from shared.knowledge.insight import Parameters, Product
from shared.knowledge.near import Near
from shared.knowledge.port import Derived

_UNDRAWN = (0, 0.0, 1.0)
Row = dict[str, Any]


@dataclass(frozen=True)
class Hindsight:
    """Answers as the graph's statements would have then: `beside` and `taste` from `near`, and what was popular."""

    derived: Derived
    near: Near
    _draws: Mapping[str, tuple[int, float, float]]
    _within: Mapping[str, Sequence[tuple[str, int]]]

    @classmethod
    def of(cls, derived: Derived, baskets: Mapping[str, Iterable[str]]) -> Hindsight:
        """Arrange derived knowledge by where its edges begin, and what each user had bought by then."""
        within: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for interest, product, buyers in derived.popular_in:
            within[interest].append((product, buyers))
        draws = {product: (buyers, new, loyalty) for product, buyers, new, loyalty in derived.products}
        near = Near.of(derived.bought_with, derived.similar_to, baskets)
        return cls(derived, near, draws, dict(within))

    @property
    def parameters(self) -> Parameters:
        """The parameters that the shop would have been fitted to."""
        return self.derived.parameters

    def seen(self, product: Product) -> Product:
        """Return a product with what it drew and kept by then."""
        buyers, newcomers, loyalty = self._draws.get(product.product_id, _UNDRAWN)
        return structs.replace(product, popularity=buyers, newcomers=newcomers, loyalty=loyalty)

    def popular_in(self, interests: Iterable[str]) -> list[Row]:
        """Return what was popular in some interests."""
        return [
            {"interest": interest, "id": product, "buyers": buyers}
            for interest in interests
            for product, buyers in self._within.get(interest, ())
        ]

    def popular(self) -> list[Row]:
        """Return what was popular in the shop, the most popular first."""
        return [{"id": product, "buyers": buyers} for product, buyers in self.derived.popular]
