"""Business rules over slates: exclude, then pin, then boost; told in parts and reasons, never against a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import json

from services.visionboard.curate import curate
from shared.knowledge.insight import Bought, Candidate, Insight, Parameters, Path, Product, Reaction, Rule, Via
from shared.knowledge.recommend import Item, Recommendation, inputs, recommend
from shared.knowledge.rules import matches

DAY, AT = 86_400_000, 1_793_700_000_000
CHEESE = ("Grocery", "Dairy", "Cheese")


def product(id: str, **facts: Any) -> Product:
    return Product(id, **{"name": id.title(), "price": Decimal(3), "currency": "EUR", **facts})


def bought(id: str, days: int, **facts: Any) -> Bought:
    return Bought(product(id, **facts), (AT - days * DAY,), Decimal(1), Decimal(1), Decimal(0))


def candidate(id: str, weight: float, **facts: Any) -> Candidate:
    return Candidate(product(id, **facts), (Path(Via.BOUGHT_WITH, weight, 3, "bread", "Bread"),))


SEEN = Insight(
    "demo", "ann", AT, known=True, traits={}, locale=None, consent=None,
    bought=(bought("bread", 3, categories=("Bakery",)), bought("brie", 200, categories=CHEESE)),
    interests=(), reactions=(),
    candidates=(
        candidate("wine", 5.0, price=Decimal(30)), candidate("gouda", 2.0, categories=CHEESE), candidate("tea", 1.0)
    ),
    parameters=Parameters(), refreshed_at=AT,
)  # fmt: skip


def decide(*rules: Rule, **facts: Any) -> Recommendation:
    return recommend(replace(SEEN, rules=rules, **facts))


def ids(items: Sequence[Item]) -> list[str]:
    return [item.product.product_id for item in items]


def lists(decided: Recommendation) -> tuple[list[str], list[str], list[str]]:
    return ids(decided.buy_again), ids(decided.discover), ids(decided.top)


@pytest.mark.parametrize(
    ("rule", "matched"),
    [
        (Rule("r", "pin", product_id="gouda"), {"gouda"}),
        (Rule("r", "pin", category=("grocery", "DAIRY")), {"gouda", "brie"}),
        (Rule("r", "pin", category=("Dairy",)), set()),
        (Rule("r", "pin", price_from=Decimal(4), currency="EUR"), {"wine"}),
        (Rule("r", "pin", price_to=Decimal(3), currency="EUR"), {"gouda", "brie", "tea", "bread"}),
        (Rule("r", "pin", price_to=Decimal(3), currency="USD"), set()),
        (Rule("r", "pin", category=("Grocery",), price_from=Decimal(4), currency="EUR"), set()),
    ],
)
def test_a_rule_is_about_products_of_which_all_holds(rule, matched):
    products = [each.product for each in (*SEEN.bought, *SEEN.candidates)]
    assert matched == {each.product_id for each in products if matches(rule, each)}


def test_without_rules_everything_stays():
    assert (["bread", "brie"], ["wine", "gouda", "tea"], ["bread", "brie", "wine", "gouda", "tea"]) == lists(decide())


def test_what_is_excluded_is_in_no_list_and_on_no_board():
    rule = Rule("r", "exclude", category=("Grocery",))
    decided = decide(rule, Rule("p", "pin", product_id="gouda", pinned=SEEN.candidates[1].product))
    assert (["bread"], ["wine", "tea"], ["bread", "wine", "tea"]) == lists(decided)
    shown = curate(replace(SEEN, rules=(rule,)), decided, "wide").picks
    assert {"bread", "wine", "tea"} == {pick.product.product_id for pick in shown}


def test_what_cannot_be_had_is_on_no_board_though_it_was_bought():
    sold_out = replace(SEEN, bought=(bought("bread", 3), bought("brie", 9, available=False)))
    shown = curate(sold_out, recommend(sold_out), "wide").picks
    assert "brie" not in {pick.product.product_id for pick in shown}


def test_a_boost_lifts_the_score_and_is_told():
    plain, lifted = decide(), decide(Rule("r", "boost", category=("Grocery",), factor=4.0))
    assert ["gouda", "wine", "tea"] == ids(lifted.discover)
    gouda, before = lifted.discover[0], plain.discover[1]
    assert (4.0, before.score * 4, ("r",)) == (gouda.parts["boost"], gouda.score, gouda.rules)
    assert (gouda.reason.endswith(" (featured by the shop)"), "shop" in before.reason) == (True, False)
    assert plain.discover[0] == replace(lifted.discover[1], reason=plain.discover[0].reason)


def test_boosts_multiply_and_one_below_one_holds_back_without_a_word():
    held = decide(Rule("a", "boost", product_id="wine", factor=0.1), Rule("b", "boost", product_id="wine", factor=0.5))
    wine = held.discover[-1]
    assert ("wine", 0.05, ("a", "b")) == (wine.product.product_id, wine.parts["boost"], wine.rules)
    assert "shop" not in wine.reason


def test_pins_come_first_in_their_order_in_both_slates_and_in_top():
    decided = decide(Rule("1", "pin", product_id="tea"), Rule("2", "pin", category=("Grocery",)))
    assert (["brie", "bread"], ["tea", "gouda", "wine"]) == lists(decided)[:2]
    assert ["tea", "brie", "gouda"] == ids(decided.top)[:3]
    assert (1.0, True) == (decided.top[0].parts["pin"], decided.top[0].reason.endswith("(picked by the shop)"))
    assert ("1",) == decided.top[0].rules


def test_a_pin_brings_in_what_no_path_leads_to_but_nothing_dismissed_unavailable_or_already_bought():
    def pinned(id: str, **facts: Any) -> Rule:
        return Rule(id, "pin", product_id=id, pinned=product(id, **facts))

    dismissed = Reaction(product("gin"), dismissed_at=AT - DAY)
    decided = decide(
        pinned("cake"), pinned("gin"), pinned("rum", available=False), pinned("brie"), reactions=(dismissed,)
    )
    assert (["brie", "bread"], "cake") == (ids(decided.buy_again), ids(decided.discover)[0])
    assert {"gin", "rum"}.isdisjoint(ids(decided.discover) + ids(decided.top))
    assert "Picked by the shop" == decided.discover[0].reason
    assert ["cake", "brie"] == ids(decided.top)[:2]


def test_a_decision_made_under_rules_is_made_again_from_what_is_kept_of_it():
    rules = (
        Rule("1", "pin", product_id="cake", pinned=product("cake")),
        Rule("2", "boost", price_from=Decimal("2.50"), currency="EUR", factor=3.0),
    )
    seen = replace(SEEN, rules=rules)
    kept = json.decode(inputs(seen), type=Insight)
    assert recommend(seen) == recommend(kept)
    assert recommend(seen).decision_id != decide().decision_id
