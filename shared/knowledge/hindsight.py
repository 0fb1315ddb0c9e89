"""A shop's derived knowledge as of a past moment, in memory: what the graph's derived edges would have said then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.knowledge.insight import Bought, Parameters, Product
from shared.knowledge.port import Derived

_SOURCES, _SIMILAR, _MOST = 100, 15, 200
_UNDRAWN = (0, 0.0, 1.0)
Row = dict[str, Any]


@dataclass(frozen=True)
class Hindsight:
    """Answers as the graph's statements `beside`, `taste`, `popular_within` and `popular_now` would have then.

    `baskets` holds what each user had bought by then.
    """

    derived: Derived
    baskets: Mapping[str, Iterable[str]]
    _near: Mapping[str, Sequence[tuple[str, float, int]]]
    _alike: Mapping[str, Sequence[tuple[str, float]]]
    _draws: Mapping[str, tuple[int, float, float]]
    _within: Mapping[str, Sequence[tuple[str, int]]]

    @classmethod
    def of(cls, derived: Derived, baskets: Mapping[str, Iterable[str]]) -> Hindsight:
        """Arrange derived knowledge by where its edges begin."""
        near: dict[str, list[tuple[str, float, int]]] = defaultdict(list)
        for source, target, score, support in derived.bought_with:
            near[source].append((target, score, support))
        alike: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for user, similar, score, _ in derived.similar_to:
            alike[user].append((similar, score))
        within: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for interest, product, buyers in derived.popular_in:
            within[interest].append((product, buyers))
        draws = {product: (buyers, new, loyalty) for product, buyers, new, loyalty in derived.products}
        return cls(derived, baskets, dict(near), dict(alike), draws, dict(within))

    @property
    def parameters(self) -> Parameters:
        """The parameters that the shop would have been fitted to."""
        return self.derived.parameters

    def drawn(self, row: Row) -> Row:
        """Return a product's record with what it drew and kept by then."""
        buyers, newcomers, loyalty = self._draws.get(row["id"], _UNDRAWN)
        return {**row, "popular": buyers, "newcomers": newcomers, "loyalty": loyalty}

    def seen(self, product: Product) -> Product:
        """Return a product with what it drew and kept by then."""
        buyers, newcomers, loyalty = self._draws.get(product.product_id, _UNDRAWN)
        return replace(product, popularity=buyers, newcomers=newcomers, loyalty=loyalty)

    def beside(self, bought: Sequence[Bought], at: int, fade: float) -> list[Row]:
        """Return what is bought with a user's 100 latest products, as the statement `beside`."""
        found: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
        for one in [one for one in bought if one.kept > 0][:_SOURCES]:
            strength = 2.718281828459045 ** ((one.times[-1] - at) / fade)
            source = one.product.product_id
            for target, score, support in self._near.get(source, ()):
                found[target].append((score * strength, support, source))
        owned = {one.product.product_id for one in bought if one.kept > 0}
        rows = [_row(target, edges) for target, edges in found.items() if target not in owned]
        return sorted(rows, key=lambda row: (-row["weight"], row["id"]))[:_MOST]

    def taste(self, user_id: str) -> list[Row]:
        """Return what the most similar users had bought and the user had not, as the statement `taste`."""
        mine = frozenset(self.baskets.get(user_id, ()))
        alike = sorted(self._alike.get(user_id, ()), key=lambda pair: (-pair[1], pair[0]))[:_SIMILAR]
        weights: dict[str, list[float]] = defaultdict(list)
        for similar, score in alike:
            for product in self.baskets.get(similar, ()):
                if product not in mine:
                    weights[product].append(score)
        rows: list[Row] = [{"id": id, "weight": sum(some), "support": len(some)} for id, some in weights.items()]
        return sorted(rows, key=lambda row: (-row["weight"], row["id"]))[:_MOST]

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


def _row(target: str, edges: Sequence[tuple[float, int, str]]) -> Row:
    scores, supports, sources = zip(*edges, strict=True)
    return {"id": target, "weight": sum(scores), "sources": sources, "scores": scores, "supports": supports}
