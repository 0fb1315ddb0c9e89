"""What to offer a user: pure scoring over an insight, so that equal insights give equal answers on every engine.

`buy_again` is an edge's decayed repetition times small powers of the product's recent popularity and its buyers'
loyalty; `discover` sums the paths that lead to what is new, times how the product draws new buyers. The shop's
parameters are fitted on its own past (docs/quality.md, docs/adr/0005-two-slates.md).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from shared.knowledge import reasons, rules
from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Path, Product, Via
from shared.knowledge.names import tidy

VERSION = "3"
_DAY = 86_400_000.0
_WORD = re.compile(r"[^\W\d_]+")
_QUICK_DAYS = 30.0
_SIMILAR = 15  # similar users behind a SIMILAR_USER path's sum
_INTEREST = 0.3  # what a fully stated interest counts beside what purchases say
_ALIKE = 2  # near-identical offers that stand before what is different
_ALIKE_AT_MOST = 4
_COMMON, _TELLING = 0.6, 3  # the share of words that names of variants have in common, and from how many words on
_SHOWN = 20  # offers whose names those after them are compared with
_BROAD, _BROAD_AT_LEAST = 0.02, 5  # a category with a larger share (or count) of the candidates is not a narrow one


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
    again, new, popular = (
        _ranked(rules.weighed(found(insight, unwanted), insight.rules)) for found in (_again, _new, _popular)
    )
    again = rules.first(again, insight.rules)
    new = rules.first([*_varied(new, insight.candidates), *_brought(insight, unwanted, (*again, *new))], insight.rules)
    top = rules.first(_top(again, new, popular, insight.parameters.new_among_top), insight.rules)
    return Recommendation(
        user_id=insight.user_id,
        at=insight.at,
        buy_again=tuple(again[:limit]),
        discover=tuple(new[:limit]),
        top=tuple(top[:limit]),
        served_by=_served_by(again, new),
        decision_id=decision_id(insight),
    )


def decision_id(insight: Insight) -> str:
    """Return the id of the decision: a digest of all that it rests on, and of the way it was made."""
    return hashlib.sha256(VERSION.encode() + inputs(insight)).hexdigest()[:24]


def inputs(insight: Insight) -> bytes:
    """Return all that a decision rests on, as JSON; equal insights give equal bytes."""
    return to_json(insight)


def repetition(times: Sequence[int], at: int, decay_days: float) -> float:
    """Return Σ exp(-Δdays/τ) over the purchases (QUALITY: personal decay)."""
    base = 2.718281828459045
    return float(sum(base ** (-(at - time) / _DAY / decay_days) for time in times if time <= at))


def _again(insight: Insight, unwanted: frozenset[str]) -> Iterable[Item]:
    for bought in insight.bought:
        if bought.kept > 0 and _offerable(bought.product, unwanted):
            yield _again_item(bought, insight.at, insight.parameters)


def _again_item(bought: Bought, at: int, fitted: Parameters) -> Item:
    product = bought.product
    quick = fitted.quick_share * repetition(bought.times, at, _QUICK_DAYS) if fitted.quick_share else 0.0
    parts = {
        "repetition": round((repetition(bought.times, at, fitted.decay_days) + quick) * bought.kept, 9),
        "popularity": round((1.0 + product.popularity) ** fitted.popularity_power, 9),
        "loyalty": round(product.loyalty**fitted.loyalty_power, 9),
    }
    score = round(parts["repetition"] * parts["popularity"] * parts["loyalty"], 9)
    return Item(product, "buy_again", score, parts, reasons.buy_again(bought, at))


def _new(insight: Insight, unwanted: frozenset[str]) -> Iterable[Item]:
    owned = frozenset(bought.product.product_id for bought in insight.bought if bought.kept > 0)
    share = _share(insight)
    for candidate in insight.candidates:
        if candidate.product.product_id not in owned and _offerable(candidate.product, unwanted):
            item = _new_item(candidate, share, insight.parameters)
            if item.score > 0:
                yield item


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


def _new_item(candidate: Candidate, share: Callable[[Path], float], fitted: Parameters) -> Item:
    parts: dict[str, float] = {}
    shares = [(share(path), path) for path in candidate.paths]
    for part, path in shares:
        parts[path.via.value] = parts.get(path.via.value, 0.0) + part
    drawing = (1.0 + candidate.product.newcomers) ** fitted.newcomer_power
    score = round(sum(part for part, _ in shares) * drawing, 9)
    speaking = [pair for pair in shares if pair[0] > 0]
    strongest = max(speaking, key=lambda pair: (_nameable(pair[1]), pair[0]))[1] if speaking else None
    rounded = {name: round(value, 9) for name, value in sorted(parts.items())} | {"newcomers": round(drawing, 9)}
    reason = reasons.discover(strongest) if strongest else ""
    return Item(candidate.product, "discover", score, rounded, reason, strongest)


def _top(again: Sequence[Item], new: Sequence[Item], popular: Sequence[Item], weight: float) -> list[Item]:
    """Return the best single list: what is new comes among repetitions as its fitted weight says, or after them."""
    among = sorted((*again, *new), key=lambda item: -item.score * (weight if item.slate == "discover" else 1.0))
    listed: dict[str, Item] = {}
    for item in (*(among if weight else (*again, *new)), *popular):
        listed.setdefault(item.product.product_id, item)
    return list(listed.values())


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


def _brought(insight: Insight, unwanted: frozenset[str], listed: Iterable[Item]) -> Iterable[Item]:
    """Yield what the shop's pins bring in that no path led to, and that the user did not dismiss."""
    known = unwanted | {item.product.product_id for item in listed}
    for product in rules.brought(insight.rules):
        if product.product_id not in known:
            yield Item(product, "discover", 0.0, {}, "")


def _offerable(product: Product, unwanted: frozenset[str]) -> bool:
    return product.available and product.product_id not in unwanted


def _ranked(items: Iterable[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (-item.score, -item.product.popularity, item.product.product_id))


def _varied(items: Sequence[Item], candidates: Sequence[Candidate]) -> list[Item]:
    """Keep the order, but let things that are much alike stand back behind what is different."""
    shelves = Counter(candidate.product.categories for candidate in candidates)
    broad = {
        shelf for shelf, count in shelves.items() if count > max(_BROAD_AT_LEAST, _BROAD * len(candidates)) or not shelf
    }
    seen: Counter[tuple[str, ...]] = Counter()
    named: list[frozenset[str]] = []
    first, back = [], []
    for item in items:
        kinds, words = _kinds(item.product, broad), _own_words(item.product)
        seen.update(kinds)
        named_alike = 1 + sum(_nearly_the_same(words, other) for other in named)
        named += [words] if words and len(named) < _SHOWN else []
        most = max((named_alike, *(seen[kind] for kind in kinds)))
        if most <= _ALIKE:
            first.append(item)
        elif most <= _ALIKE_AT_MOST:
            back.append(item)
    return [*first, *back]


def _own_words(product: Product) -> frozenset[str]:
    """Return the words of a name that says more than its category, if there are enough to tell variants by."""
    own = product.name if product.name not in product.categories else None
    words = frozenset(_words(own))
    return words if len(words) >= _TELLING else frozenset()


def _nearly_the_same(words: frozenset[str], others: frozenset[str]) -> bool:
    """Say whether two names are of one thing in other colours or sizes: most of all their words are common."""
    return len(words & others) >= _COMMON * len(words | others) > 0


def _words(name: str | None) -> tuple[str, ...]:
    return tuple(word for word in _WORD.findall((name or "").casefold()) if len(word) > 1)


def _kinds(product: Product, broad: Container[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return what makes products much alike: one narrow category, one name but for numbers."""
    words = _words(product.name)
    kinds = {("name", *words)} if words else set()
    return kinds if product.categories in broad else kinds | {("shelf", *product.categories)}


def _served_by(again: Sequence[Item], new: Sequence[Item]) -> str:
    vias = {item.path.via for item in new if item.path}
    if again or vias & {Via.BOUGHT_WITH, Via.SIMILAR_USER}:
        return "personal"
    if Via.INTEREST in vias:
        return "stated-interests"
    return "popular" if new else "nothing"
