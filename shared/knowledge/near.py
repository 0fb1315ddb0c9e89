"""Who and what is near whom in a shop, in memory: read once, for the insights of many of its users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from shared.knowledge.insight import Bought, Product

if TYPE_CHECKING:
    from shared.knowledge.reading_facts import Purchase

BOUGHT, SOURCES, BESIDE = 2_000, 300, 200
_SIMILAR, TASTE = 15, 200
WEIGHT, LIKENESS = 1_000_000_000, 1_000_000  # to so many parts are the statements' sums rounded
Row = dict[str, Any]


class Nearness(Protocol):
    """Answers as the statements `beside` and `taste` do."""

    def beside(self, bought: Sequence[Bought], at: int, fade: float, owned: Collection[str]) -> list[Row]:
        """Return what is bought with a user's 300 latest products; what is owned may be among it."""

    def taste(self, user_id: str) -> list[Row]:
        """Return what the most similar users bought and the user did not."""


class Quick(Nearness, Protocol):
    """Answers as the statements `bought_by`, `the_products` and `popular_now` do, too."""

    def bought(self) -> Sequence[Purchase]:
        """Return what the user bought, in any order; at most the 2,000 latest."""

    def products(self, ids: Collection[str]) -> Mapping[str, Product]:
        """Return products of the shop by their ids, those that there are."""

    def popular(self) -> list[Row]:
        """Return the shop's popular products, the most popular first."""


def latest(bought: Sequence[Bought]) -> Sequence[Bought]:
    """Return what a user bought last and kept: from there paths start."""
    return [one for one in bought if one.kept > 0][:SOURCES]


def strength(one: Bought, at: int, fade: float) -> float:
    """Return how much a purchase still matters: e times less after `fade` ms."""
    return float(2.718281828459045 ** ((one.times[-1] - at) / fade))


@dataclass(frozen=True)
class Near:
    """Answers as the statements `beside` and `taste` do; `baskets` holds what each user bought and kept."""

    beside_product: Mapping[str, Sequence[tuple[str, float, int]]]
    like_user: Mapping[str, Sequence[tuple[str, float]]]
    baskets: Mapping[str, Iterable[str]]

    @classmethod
    def of(
        cls,
        bought_with: Iterable[tuple[str, str, float, int]],
        similar_to: Iterable[tuple[str, str, float, int]],
        baskets: Mapping[str, Iterable[str]],
    ) -> Near:
        """Arrange edges by where they begin."""
        beside: dict[str, list[tuple[str, float, int]]] = defaultdict(list)
        for source, target, score, support in bought_with:
            beside[source].append((target, score, support))
        alike: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for user, similar, score, _ in similar_to:
            alike[user].append((similar, score))
        return cls(dict(beside), dict(alike), baskets)

    def beside(self, bought: Sequence[Bought], at: int, fade: float, owned: Collection[str]) -> list[Row]:
        """Return what is bought with a user's 300 latest products, what is owned among it."""
        found: dict[str, list[tuple[float, int, str]]] = defaultdict(list)
        for one in latest(bought):
            source, factor = one.product.product_id, strength(one, at, fade)
            for target, score, support in self.beside_product.get(source, ()):
                found[target].append((score * factor, support, source))
        weights = {target: sum(round(edge[0] * WEIGHT) for edge in edges) for target, edges in found.items()}
        order = sorted(found, key=lambda target: (-weights[target], target))
        return [_row(target, found[target], weights[target] / WEIGHT) for target in order[: BESIDE + len(owned)]]

    def taste(self, user_id: str) -> list[Row]:
        """Return what the most similar users bought and the user did not."""
        mine = frozenset(self.baskets.get(user_id, ()))
        alike = sorted(self.like_user.get(user_id, ()), key=lambda pair: (-pair[1], pair[0]))[:_SIMILAR]
        weights: dict[str, list[int]] = defaultdict(list)
        for similar, score in alike:
            for product in self.baskets.get(similar, ()):
                if product not in mine:
                    weights[product].append(round(score * LIKENESS))
        rows: list[Row] = [
            {"id": id, "weight": sum(some) / LIKENESS, "support": len(some)} for id, some in weights.items()
        ]
        return sorted(rows, key=lambda row: (-row["weight"], row["id"]))[:TASTE]


def _row(target: str, edges: Sequence[tuple[float, int, str]], weight: float) -> Row:
    scores, supports, sources = zip(*edges, strict=True)
    return {"id": target, "weight": weight, "sources": sources, "scores": scores, "supports": supports}
