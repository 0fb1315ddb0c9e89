"""What to offer a user: pure scoring over an insight, so that equal insights give equal answers on every engine.

`buy_again` is an edge's decayed repetition times small powers of the product's recent popularity and its buyers'
loyalty; `discover` sums the paths that lead to what is new, times how the product draws new buyers. The shop's
parameters are fitted on its own past (docs/quality.md, docs/adr/0005-two-slates.md).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from heapq import nsmallest
from typing import Any, NamedTuple

from msgspec import json

from shared.knowledge import reasons, rules
from shared.knowledge.insight import Bought, Insight, Parameters, Path, Product, Via
from shared.knowledge.names import tidy
from shared.knowledge.variety import varied

VERSION = "7"
_DAY = 86_400_000.0
_DIGITS = 9
_E = 2.718281828459045
_LOOKED_AT = 100  # so many of the best new offers are compared for variety; the others are never shown
_QUICK_DAYS = 30.0
VISITS = 20.0  # of the user, in which a purchase comes to matter e times less
_SIMILAR = 15  # similar users behind a SIMILAR_USER path's sum
_INTEREST = 0.3  # what a fully stated interest counts beside what purchases say


@dataclass(frozen=True, slots=True)
class Item:
    """One offer: its slate, its score and what the score is made of, and the reason in words."""

    product: Product
    slate: str  # buy_again, discover
    score: float
    parts: Mapping[str, float]
    reason: str
    path: Path | None = None
    rules: tuple[str, ...] = ()  # ids of the shop's rules that lifted or pinned it

    def as_json(self) -> dict[str, Any]:
        """Return the item as plain JSON, with what a frontend needs to show it."""
        product = self.product
        return {
            "product_id": product.product_id,
            "score": self.score,
            "parts": dict(self.parts),
            "reason": self.reason,
            "slate": self.slate,
            "name": tidy(product.title),
            "categories": list(product.categories),
            "brand": product.brand,
            "price": None if product.price is None else str(product.price),
            "currency": product.currency,
            "url": product.url,
            "image_url": product.image_url,
            "path": None if self.path is None else {"via": self.path.via.value, "source_id": self.path.source_id},
            "rules": list(self.rules),
        }


class Offer(NamedTuple):
    """What an item is before its reason is told: of hundreds that are weighed, few are shown."""

    product: Product
    score: float
    tell: Callable[[], Item]


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
    teller = reasons.Teller(insight.bought)
    most = None if insight.rules else limit  # a pin may bring any offer to the front
    again = _ranked(rules.weighed(_again(insight, unwanted, most), insight.rules))
    new = _ranked(rules.weighed(_new(insight, unwanted, teller), insight.rules))
    among = [candidate.product for candidate in insight.candidates]
    new = varied(new[: max(_LOOKED_AT, 4 * limit)], among, most, again[:limit])
    needed = most is None or len(again) + len(new) < limit  # of hundreds of offers, to fill a list up
    popular = _ranked(rules.weighed(_popular(insight, unwanted, teller), insight.rules)) if needed else []
    new = rules.first([*new, *_brought(insight, unwanted, (*again, *new))], insight.rules)
    again = rules.first(again, insight.rules)
    top = rules.first(_top(again, new, popular, insight.parameters.new_among_top), insight.rules)
    buy_again, discover, best = (tuple(offer.tell() for offer in some[:limit]) for some in (again, new, top))
    return Recommendation(
        user_id=insight.user_id,
        at=insight.at,
        buy_again=buy_again,
        discover=discover,
        top=best,
        served_by=_served_by(buy_again, discover),
        decision_id=decision_id(insight),
    )


def decision_id(insight: Insight) -> str:
    """Return the id of the decision: a digest of all that it rests on, and of the way it was made."""
    return hashlib.sha256(VERSION.encode() + inputs(insight)).hexdigest()[:24]


def inputs(insight: Insight) -> bytes:
    """Return all that a decision rests on, as JSON; equal insights give equal bytes."""
    return json.encode(insight)


def fading(visits: Sequence[int], at: int, fitted: Parameters) -> dict[int, float]:
    """Return what a purchase at each of a user's visits (ascending, none after `at`) still counts; see `Parameters`."""
    long, quick, came = fitted.decay_days * _DAY, _QUICK_DAYS * _DAY, len(visits)
    return {
        time: _E ** ((time - at) / long)
        + fitted.quick_share * _E ** ((time - at) / quick)
        + fitted.visit_share * _E ** ((visit - came) / VISITS)
        for visit, time in enumerate(visits, 1)
    }


def _again(insight: Insight, unwanted: frozenset[str], most: int | None) -> list[Offer]:
    """Return what to buy again, the best of it if so many are enough: of a thousand few are shown."""
    visits = sorted({time for bought in insight.bought for time in bought.times if time <= insight.at})
    fitted = insight.parameters
    counted = defaultdict(float, fading(visits, insight.at, fitted)).__getitem__
    weighed: list[tuple[float, int, str, float, Bought]] = []  # as `_ranked` ranks
    for bought in insight.bought:
        kept, product = bought.kept, bought.product
        if kept > 0 and _offerable(product, unwanted):
            repetition = round(kept * sum(map(counted, bought.times)), _DIGITS)
            drawn, loyal = _drawing(product, fitted)
            score = round(repetition * drawn * loyal, _DIGITS)
            weighed.append((-score, -product.popularity, product.product_id, repetition, bought))
    return [
        Offer(bought.product, -negated, partial(_again_item, bought, insight.at, -negated, repetition, fitted))
        for negated, _, _, repetition, bought in nsmallest(len(weighed) if most is None else most, weighed)
    ]


def _drawing(product: Product, fitted: Parameters) -> tuple[float, float]:
    """Return what a product's popularity and its buyers' loyalty do to a repetition."""
    return (
        _power(1.0 + product.popularity, fitted.popularity_power),
        _power(product.loyalty, fitted.loyalty_power),
    )


@lru_cache(maxsize=1 << 12)
def _power(base: float, exponent: float) -> float:
    return round(float(base**exponent), _DIGITS)


def _again_item(bought: Bought, at: int, score: float, repetition: float, fitted: Parameters) -> Item:
    drawn, loyal = _drawing(bought.product, fitted)
    parts = {"repetition": repetition, "popularity": drawn, "loyalty": loyal}
    return Item(bought.product, "buy_again", score, parts, reasons.buy_again(bought, at))


def _new(insight: Insight, unwanted: frozenset[str], teller: reasons.Teller) -> Iterable[Offer]:
    owned = frozenset(bought.product.product_id for bought in insight.bought if bought.kept > 0)
    share, power = _share(insight), insight.parameters.newcomer_power
    for candidate in insight.candidates:
        product = candidate.product
        if product.product_id not in owned and _offerable(product, unwanted):
            drawing = (1.0 + product.newcomers) ** power
            shares = [(share(path), path) for path in candidate.paths]
            score = round(sum(part for part, _ in shares) * drawing, _DIGITS)
            if score > 0:
                yield Offer(product, score, partial(_new_item, product, score, shares, drawing, teller))


def _share(insight: Insight) -> Callable[[Path], float]:
    """Return what a path adds to a candidate's score; popularity is a share of the most popular."""
    fitted = insight.parameters
    buyers = [one.product.popularity for one in insight.candidates] + [b.product.popularity for b in insight.bought]
    counted = [path.support for one in insight.candidates for path in one.paths if path.via is Via.POPULAR]
    weights = {
        Via.BOUGHT_WITH: 1.0,
        Via.SIMILAR_USER: fitted.similar_share / _SIMILAR,
        Via.INTEREST: _INTEREST,
        Via.POPULAR: fitted.popular_share / max((1, *buyers, *counted)),
    }
    return lambda path: weights[path.via] * path.weight


def _new_item(
    product: Product, score: float, shares: Sequence[tuple[float, Path]], drawing: float, teller: reasons.Teller
) -> Item:
    parts: dict[str, float] = {}
    for part, path in shares:
        parts[path.via.value] = parts.get(path.via.value, 0.0) + part
    rounded = {name: round(value, _DIGITS) for name, value in sorted(parts.items())}
    told = teller.why(product, shares)
    return Item(product, "discover", score, rounded | {"newcomers": round(drawing, _DIGITS)}, told.words, told.path)


def _top(again: Sequence[Offer], new: Sequence[Offer], popular: Sequence[Offer], weight: float) -> list[Offer]:
    """Return the best single list: what is new comes among repetitions as its fitted weight says, or after them."""
    weighed = [*((offer.score, offer) for offer in again), *((offer.score * weight, offer) for offer in new)]
    among = sorted(weighed, key=lambda pair: -pair[0]) if weight else weighed
    listed: dict[str, Offer] = {}
    for offer in (*(offer for _, offer in among), *popular):
        listed.setdefault(offer.product.product_id, offer)
    return list(listed.values())


def _popular(insight: Insight, unwanted: frozenset[str], teller: reasons.Teller) -> Iterable[Offer]:
    """What fills the best single list once the user's own repetitions are used up."""
    owned = frozenset(bought.product.product_id for bought in insight.bought)
    for candidate in insight.candidates:
        product = candidate.product
        if product.popularity and product.product_id not in owned and _offerable(product, unwanted):
            yield Offer(product, float(product.popularity), partial(_popular_item, product, teller))


def _popular_item(product: Product, teller: reasons.Teller) -> Item:
    score = float(product.popularity)
    path, reason = teller.why(product, [(score, Path(Via.POPULAR, score, product.popularity))])
    return Item(product, "discover", score, {"popularity": score}, reason, path)


def _brought(insight: Insight, unwanted: frozenset[str], listed: Iterable[Offer]) -> Iterable[Offer]:
    """Yield what the shop's pins bring in that no path led to, and that the user did not dismiss."""
    known = unwanted | {offer.product.product_id for offer in listed}
    for product in rules.brought(insight.rules):
        if product.product_id not in known:
            yield Offer(product, 0.0, partial(Item, product, "discover", 0.0, {}, ""))


def _offerable(product: Product, unwanted: frozenset[str]) -> bool:
    return product.available and product.product_id not in unwanted


def _ranked(offers: Iterable[Offer]) -> list[Offer]:
    return sorted(offers, key=lambda offer: (-offer.score, -offer.product.popularity, offer.product.product_id))


def _served_by(again: Sequence[Item], new: Sequence[Item]) -> str:
    vias = {item.path.via for item in new if item.path}
    if again or vias & {Via.BOUGHT_WITH, Via.SIMILAR_USER}:
        return "personal"
    if Via.INTEREST in vias:
        return "stated-interests"
    return "popular" if new else "nothing"
