"""A shop's business rules over what is offered: what they match, and how slates obey them. Pure.

Exclusion comes before pins, pins before boosts; what is unavailable or was dismissed is never offered, pinned or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING

from shared.knowledge import reasons
from shared.knowledge.insight import Product, Rule
from shared.knowledge.projection import category_id

if TYPE_CHECKING:
    from shared.knowledge.recommend import Item, Offer

_DIGITS = 9


def matches(rule: Rule, product: Product) -> bool:
    """Say whether a rule is about a product: all that it gives must hold."""
    return (
        (rule.product_id is None or rule.product_id == product.product_id)
        and (not rule.category or _within(product.categories, rule.category))
        and (rule.currency is None or _priced(rule, product))
    )


def offerable(product: Product, rules: Sequence[Rule]) -> bool:
    """Say whether a product may be offered at all: it is available, and no rule excludes it."""
    return product.available and not any(rule.action == "exclude" and matches(rule, product) for rule in rules)


def weighed(offers: Iterable[Offer], rules: Sequence[Rule]) -> Iterator[Offer]:
    """Yield what no rule excludes; what rules boost with its score times their factors, and said so."""
    if not rules:
        yield from offers  # most shops, of hundreds of offers
        return
    boosts = [rule for rule in rules if rule.action == "boost"]
    for offer in offers:
        if offerable(offer.product, rules):
            yield _boosted(offer, [rule for rule in boosts if matches(rule, offer.product)])


def first(offers: Iterable[Offer], rules: Sequence[Rule]) -> list[Offer]:
    """Return the offers with what is pinned in front, in the order of the rules, and said so."""
    pins = [rule for rule in rules if rule.action == "pin"]
    if not pins:
        return list(offers)
    placed = [(_place(offer.product, pins), offer) for offer in offers]
    front = sorted((pair for pair in placed if pair[0] < len(pins)), key=lambda pair: pair[0])
    rest = [offer for place, offer in placed if place == len(pins)]
    return [*(offer._replace(tell=partial(_pinned, offer, pins[place])) for place, offer in front), *rest]


def brought(rules: Sequence[Rule]) -> Iterator[Product]:
    """Yield the products that pins bring in by their ids, wherever no path leads to them."""
    yield from (rule.pinned for rule in rules if rule.pinned is not None and offerable(rule.pinned, rules))


def _within(path: Sequence[str], wanted: Sequence[str]) -> bool:
    return len(path) >= len(wanted) and category_id(tuple(path[: len(wanted)])) == category_id(tuple(wanted))


def _priced(rule: Rule, product: Product) -> bool:
    if product.price is None or product.currency != rule.currency:
        return False
    above = rule.price_from is None or product.price >= rule.price_from
    return above and (rule.price_to is None or product.price <= rule.price_to)


def _boosted(offer: Offer, boosts: Sequence[Rule]) -> Offer:
    if not boosts:
        return offer
    factor = prod(rule.factor for rule in boosts)
    score = round(offer.score * factor, _DIGITS)
    return offer._replace(score=score, tell=partial(_lifted, offer, score, factor, boosts))


def _lifted(offer: Offer, score: float, factor: float, boosts: Iterable[Rule]) -> Item:
    item = offer.tell()
    parts = {**item.parts, "boost": round(factor, _DIGITS)}
    reason = reasons.by_shop(item.reason, "boost") if factor > 1 else item.reason
    applied = (*item.rules, *(rule.rule_id for rule in boosts))
    return replace(item, score=score, parts=parts, reason=reason, rules=applied)


def _place(product: Product, pins: Sequence[Rule]) -> int:
    return next((place for place, rule in enumerate(pins) if matches(rule, product)), len(pins))


def _pinned(offer: Offer, rule: Rule) -> Item:
    item = offer.tell()
    if rule.rule_id in item.rules:
        return item  # it stands in several lists
    reason = reasons.by_shop(item.reason, "pin")
    return replace(item, parts={**item.parts, "pin": 1.0}, reason=reason, rules=(*item.rules, rule.rule_id))
