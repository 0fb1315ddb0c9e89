"""What every graph engine must answer when asked which users a segment is made of."""

from __future__ import annotations

import json

import pytest

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.knowledge.projection import fold
from shared.knowledge.segments import Filter

EVERYBODY = ["zoe", "ann", "bob", "cid", "nobody"]
HERE = Position("log", "commerce.purchases.v1", 0, 0)


def bought(id: str, user: str, product: str, at: int, *categories: str, shop: str = "s") -> Entry:
    line = {"product_id": product, "quantity": "1", "unit_price": "1.5", "categories": categories}
    data = {"user_id": user, "currency": "EUR", "lines": [line]}
    return Entry(shop, Kind.PURCHASE, id, "", HERE, user, None, at, "", json.dumps(data).encode())


def event(kind: Kind, id: str, user: str, /, **data: object) -> Entry:
    return Entry("s", kind, id, "", HERE, user, None, 1_000, "", json.dumps({"user_id": user, **data}).encode())


EVENTS = [
    bought("1", "ann", "milk", 1_000, "Grocery", "Dairy"),
    bought("2", "ann", "soap", 9_000, "Home"),
    bought("3", "bob", "milk", 5_000, "Grocery", "Dairy"),
    bought("4", "cid", "ham", 2_000, "Grocery", "Meat"),
    bought("5", "bob", "ham", 8_000, "Grocery", "Meat", shop="other"),
    event(Kind.REFUND, "r", "cid", currency="EUR", lines=[{"product_id": "ham", "quantity": "1", "amount": "1.5"}]),
    event(Kind.INTEREST, "i", "zoe", kind="stated", name="Hiking  Boots", score="0.8"),
    event(Kind.INTEREST, "j", "bob", kind="stated", name="hiking boots", score="0"),
]


@pytest.fixture
def knowledge(open_engine):
    opened = open_engine()
    opened.apply(fold(EVENTS), [HERE])
    return opened


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), ["zoe", "ann", "bob", "cid"]),
        (Filter(interest="hiking boots"), ["zoe"]),
        (Filter(interest="tag:hiking boots"), ["zoe"]),
        (Filter(category=("grocery",)), ["ann", "bob"]),
        (Filter(category=("Grocery", "Dairy")), ["ann", "bob"]),
        (Filter(category=("Dairy",)), []),
        (Filter(product_id="soap"), ["ann"]),
        (Filter(bought_since=6_000), ["ann"]),
        (Filter(lapsed_since=6_000), ["bob"]),
        (Filter(category=("Grocery",), lapsed_since=4_000), ["ann"]),
        (Filter(category=("Grocery",), bought_since=4_000), ["bob"]),
        (Filter(category=("Grocery",), product_id="soap"), ["ann"]),
        (Filter(interest="hiking boots", product_id="milk"), []),
    ],
)
def test_a_segment_is_made_of_those_for_whom_all_holds(knowledge, wanted, expected):
    assert expected == knowledge.among("s", EVERYBODY, wanted)


def test_a_segment_is_of_one_shop_and_of_those_asked_about(knowledge):
    assert ["bob"] == knowledge.among("other", EVERYBODY, Filter(category=("Grocery",)))
    assert ["bob"] == knowledge.among("s", ["bob"], Filter(product_id="milk"))
    assert [] == knowledge.among("s", [], Filter())
