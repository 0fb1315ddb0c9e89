"""Shops that are no grocer get sensible lists on every engine: true reasons, nothing twice, no five of one kind."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from contract.graphs_ground import entry
from contract.walking_ground import leads_to

from services.graph.similarity import Refresher
from shared.bus.port import Position
from shared.clock import SystemClock
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.knowledge.insight import Parameters, Via
from shared.knowledge.projection import fold
from shared.knowledge.recommend import recommend

DAY = 86_400_000
AT = 1_793_700_000_000
COLOURS = ("red", "blue", "green", "white", "black")
THINGS = ("heart tin lantern", "tea towel kitchen set", "party paper bunting", "lunch bag owl", "storage jar glass")
Line = dict[str, object]


def line(product: str, price: str = "2.5", **told: object) -> Line:
    return {"product_id": product, "quantity": "1", "unit_price": price, **told}


def order(number: int, user: str, lines: list[Line], days_ago: float) -> Entry:
    moment = AT - int(days_ago * DAY)
    return entry(Kind.PURCHASE, f"o{number}", moment=moment, user_id=user, currency="EUR", lines=lines)


def called(number: int) -> str:
    """A name of its own: numbers alone would make all of them one thing."""
    return "".join(COLOURS[int(digit) % 5] + THINGS[int(digit) // 5][:4] for digit in f"{number:02}")


def gifts(chance: random.Random) -> Iterator[Entry]:
    """A wholesaler's: big baskets, few repeats, many colours of one thing, no prices and no categories."""
    stock = [line(f"{thing} {colour}", "0", name=f"{thing} {colour}") for thing in THINGS for colour in COLOURS]
    stock += [line(f"sign-{n}", "0", name=f"Wooden sign no {n}") for n in range(60)]
    for number in range(150):
        yield order(number, f"u{number % 50:02}", chance.sample(stock, 12), chance.random() * 360)


def beauty(chance: random.Random) -> Iterator[Entry]:
    """A retailer's: one to three small baskets a person, brands and shelves, something out of stock."""
    shelves = ("Skin", "Hair", "Nails", "Make-up", "Scent", "Bath")
    stock = [
        line(
            f"b{n}",
            name=f"{shelves[n % 6]} care {n}",
            brand=f"Brand {n % 9}",
            categories=["Beauty", shelves[n % 6], f"Kind {n % 20}"],
        )
        for n in range(80)
    ]
    for number in range(130):
        lines = [stock[min(79, int(chance.expovariate(0.06)))] for _ in range(chance.randint(1, 3))]
        unlike = list({one["product_id"]: one for one in lines}.values())
        yield order(number, f"u{int(60 * chance.random() ** 1.5):02}", unlike, chance.random() * 120)
    yield entry(Kind.PRODUCT, "gone", moment=AT, user_id=None, product_id="b0", availability="out_of_stock")


def bare(chance: random.Random) -> Iterator[Entry]:
    """Nothing is known of any product but its id."""
    for number in range(200):
        products = {f"p{int(40 * chance.random() ** 2)}" for _ in range(4)}
        yield order(number, f"u{number % 60:02}", [line(one) for one in sorted(products)], chance.random() * 200)


def ten(chance: random.Random) -> Iterator[Entry]:
    """Ten people in a village shop."""
    for number in range(80):
        products = {int(25 * chance.random()) for _ in range(3)}
        lines = [line(f"p{one}", name=called(one), categories=["Shop"]) for one in sorted(products)]
        yield order(number, f"u{number % 10}", lines, chance.random() * 90)


def once(chance: random.Random) -> Iterator[Entry]:
    """Everybody came once, for one thing."""
    for number in range(50):
        product = int(20 * chance.random() ** 2)
        yield order(number, f"u{number:02}", [line(f"p{product}", name=called(product))], chance.random() * 60)


SHAPES: dict[str, Callable[[random.Random], Iterator[Entry]]] = {
    one.__name__: one for one in (gifts, beauty, bare, ten, once)
}


@pytest.fixture(params=SHAPES)
def shop(request, open_engine):
    knowledge, events = open_engine(), list(SHAPES[request.param](random.Random(5)))  # noqa: S311 (the same each time)
    knowledge.apply(fold(events), [Position("log", "commerce.purchases.v1", 0, 0)])
    return request.param, knowledge, Refresher(knowledge, SystemClock(), 0.0).refresh("s")


def alike(name: str) -> str:
    return name.rpartition(" ")[0] if name.rpartition(" ")[2] in COLOURS else name


def test_everybody_gets_sensible_lists_with_true_reasons(shop):
    shape, knowledge, fitted = shop
    people = [*knowledge.users("s", limit=100)[::12], "nobody"]
    for user in people:
        insight = knowledge.insight("s", user)
        offered = recommend(insight, 10)
        owned = {one.product.product_id for one in insight.bought}
        new, top = ([item.product.product_id for item in some] for some in (offered.discover, offered.top))
        assert len(new) >= 5, (shape, user)
        assert (len(set(new)), len(set(top))) == (len(new), len(top))
        assert owned.isdisjoint(new)
        assert all(item.product.available for item in (*offered.discover, *offered.top))
        assert all(item.reason and item.score > 0 for item in offered.discover)
        assert shape != "gifts" or {None} == {item.as_json()["price"] for item in (*offered.top, *offered.discover)}
        assert all(item.product.product_id in leads_to(knowledge, user, item.path) for item in offered.discover)
        assert Counter(alike(item.product.title) for item in offered.discover[:5]).most_common(1)[0][1] <= 2
    if len(knowledge.users("s", limit=100)) <= 10:
        assert (Parameters(), {}) == (fitted.parameters, fitted.scores)
    told = knowledge.fitted("s")
    assert (fitted.parameters, fitted.as_json()) == (
        told.parameters,
        {**told.fit, "scores": {n: tuple(s) for n, s in told.fit["scores"].items()}},
    )


def test_a_shop_of_one_person_offers_them_what_they_bought_and_strangers_too(open_engine):
    knowledge = open_engine()
    events = [order(1, "ann", [line("tea", name="Tea"), line("mug", name="Mug")], 3)]
    knowledge.apply(fold(events), [Position("log", "commerce.purchases.v1", 0, 0)])
    Refresher(knowledge, SystemClock(), 0.0).refresh("s")
    ann, nobody = (recommend(knowledge.insight("s", user)) for user in ("ann", "nobody"))

    assert ((), {"tea", "mug"}) == (ann.discover, {item.product.product_id for item in ann.top})
    assert {Via.POPULAR} == {item.path.via for item in nobody.discover}
    assert ["From what the shop offers"] * 2 == [item.reason for item in nobody.discover]
