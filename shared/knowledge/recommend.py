"""What to offer a user: pure scoring over an insight, so that equal insights give equal answers on every engine.

`buy_again` is an edge's decayed repetition times a small power of recent popularity; `discover` sums the paths that
lead to what is new. Both follow the figures in docs/adr/0005-two-slates.md.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.knowledge import reasons
from shared.knowledge.insight import Bought, Candidate, Insight, Path, Product, Via

VERSION = "1"
_DAY = 86_400_000.0
_WEIGHTS = {Via.BOUGHT_WITH: 1.0, Via.SIMILAR_USER: 0.6, Via.INTEREST: 0.8, Via.POPULAR: 0.05}
_DISCOVER_POWER = 0.1
_ALIKE = 2  # offers from one narrow category in the discover slate


@dataclass(frozen=True, slots=True)
class Item:
    """One offer: its slate, its score and what the score is made of, and the reason in words."""

    product: Product
    slate: str  # buy_again, discover
    score: float
    parts: Mapping[str, float]
    reason: str
    path: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the item as plain JSON, with what a frontend needs to show it."""
        product = self.product
        return {
            "product_id": product.product_id,
            "score": self.score,
            "parts": dict(self.parts),
            "reason": self.reason,
            "slate": self.slate,
            "name": reasons.display_name(product.title),
            "categories": list(product.categories),
            "brand": product.brand,
            "price": None if product.price is None else str(product.price),
            "currency": product.currency,
            "url": product.url,
            "image_url": product.image_url,
            "path": None if self.path is None else {"via": self.path.via.value, "source_id": self.path.source_id},
        }


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Two slates and the best single list, under the id of the decision that its inputs make."""

    user_id: str
    at: int
    buy_again: tuple[Item, ...]
    discover: tuple[Item, ...]
    top: tuple[Item, ...]
    served_by: str  # personal, stated-interests, popular or nothing
    decision_id: str


def recommend(insight: Insight, limit: int = 10) -> Recommendation:
    """Return at most `limit` items per slate, best first; ties go by popularity, then by product id."""
    unwanted = frozenset(r.product.product_id for r in insight.reactions if r.dismissed_at)
    again = _ranked(_again(insight, unwanted))
    new = _varied(_ranked(_new(insight, unwanted)))
    return Recommendation(
        user_id=insight.user_id,
        at=insight.at,
        buy_again=tuple(again[:limit]),
        discover=tuple(new[:limit]),
        top=tuple([*again, *_ranked(_popular(insight, unwanted))][:limit]),
        served_by=_served_by(again, new),
        decision_id=decision_id(insight),
    )


def decision_id(insight: Insight) -> str:
    """Return the id of the decision: a digest of all that it rests on, and of the way it was made."""
    inputs = json.dumps([VERSION, asdict(insight)], default=str, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(inputs.encode()).hexdigest()[:24]


def repetition(times: Sequence[int], at: int, decay_days: float) -> float:
    """Return Σ exp(-Δdays/τ) over the purchases (QUALITY: personal decay)."""
    base = 2.718281828459045
    return float(sum(base ** (-(at - time) / _DAY / decay_days) for time in times if time <= at))


def _again(insight: Insight, unwanted: frozenset[str]) -> Iterable[Item]:
    decay, power = insight.parameters.decay_days, insight.parameters.popularity_power
    for bought in insight.bought:
        if bought.kept > 0 and _offerable(bought.product, unwanted):
            yield _again_item(bought, insight.at, decay, power)


def _again_item(bought: Bought, at: int, decay: float, power: float) -> Item:
    parts = {
        "repetition": round(repetition(bought.times, at, decay) * bought.kept, 9),
        "popularity": round((1.0 + bought.product.popularity) ** power, 9),
    }
    score = round(parts["repetition"] * parts["popularity"], 9)
    return Item(bought.product, "buy_again", score, parts, reasons.buy_again(bought, at))


def _new(insight: Insight, unwanted: frozenset[str]) -> Iterable[Item]:
    owned = frozenset(bought.product.product_id for bought in insight.bought if bought.kept > 0)
    strength = _source_strength(insight)
    for candidate in insight.candidates:
        if candidate.product.product_id not in owned and _offerable(candidate.product, unwanted):
            item = _new_item(candidate, strength)
            if item.score > 0:
                yield item


def _source_strength(insight: Insight) -> Callable[[Path], float]:
    """A path counts by how much its source matters to the user now; popularity is a share of the most popular."""
    now = {b.product.product_id: repetition(b.times, insight.at, insight.parameters.decay_days) for b in insight.bought}
    buyers = (path.weight for one in insight.candidates for path in one.paths if path.via is Via.POPULAR)
    most = max(buyers, default=1.0) or 1.0

    def strength(path: Path) -> float:
        if path.via is Via.BOUGHT_WITH:
            return float(now.get(path.source_id, 0.1) ** 0.5)
        return 1.0 / most if path.via is Via.POPULAR else 1.0

    return strength


def _new_item(candidate: Candidate, strength: Callable[[Path], float]) -> Item:
    parts: Counter[str] = Counter()
    shares = [(_WEIGHTS[path.via] * path.weight * strength(path), path) for path in candidate.paths]
    for share, path in shares:
        parts[path.via.value] += share  # type: ignore[assignment]
    popularity = (1.0 + candidate.product.popularity) ** _DISCOVER_POWER
    score = round(sum(share for share, _ in shares) * popularity, 9)
    strongest = max(shares, key=lambda pair: (_nameable(pair[1]), pair[0]))[1] if shares else None
    rounded = {name: round(value, 9) for name, value in sorted(parts.items())} | {"popularity": round(popularity, 9)}
    reason = reasons.discover(strongest) if strongest else ""
    return Item(candidate.product, "discover", score, rounded, reason, strongest)


def _nameable(path: Path) -> bool:
    """Say whether a reason can be told from the path itself; a sum of many weak ones has no source to name."""
    return bool(path.source_name) or path.via is Via.SIMILAR_USER


def _popular(insight: Insight, unwanted: frozenset[str]) -> Iterable[Item]:
    """What fills the best single list once the user's own repetitions are used up."""
    owned = frozenset(bought.product.product_id for bought in insight.bought)
    for candidate in insight.candidates:
        product = candidate.product
        if product.popularity and product.product_id not in owned and _offerable(product, unwanted):
            score = float(product.popularity)
            popular = Path(Via.POPULAR, score, product.popularity)
            yield Item(product, "discover", score, {"popularity": score}, reasons.discover(popular), popular)


def _offerable(product: Product, unwanted: frozenset[str]) -> bool:
    return product.available and product.product_id not in unwanted


def _ranked(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (-item.score, -item.product.popularity, item.product.product_id))


def _varied(items: Sequence[Item]) -> list[Item]:
    """Keep the order, but let no narrow category take over."""
    seen: Counter[tuple[str, ...]] = Counter()
    kept = []
    for item in items:
        shelf = item.product.categories
        seen[shelf] += 1
        if not shelf or seen[shelf] <= _ALIKE:
            kept.append(item)
    return kept


def _served_by(again: Sequence[Item], new: Sequence[Item]) -> str:
    vias = {item.path.via for item in new if item.path}
    if again or vias & {Via.BOUGHT_WITH, Via.SIMILAR_USER}:
        return "personal"
    if Via.INTEREST in vias:
        return "stated-interests"
    return "popular" if new else "nothing"
