"""A small shop with all kinds of events, refreshed: what is read of it must be the same on every engine."""

from __future__ import annotations

import json

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.history.port import Entry
from shared.knowledge.insight import Parameters
from shared.knowledge.port import Derived
from shared.knowledge.projection import fold

REFRESHED = 9_000
DAIRY = ["Grocery", "Dairy"]


def entry(kind: Kind, id: str, /, *, shop: str = "s", moment: int = 1_000, **data) -> Entry:
    position = Position("log", "commerce.purchases.v1", 0, 0)
    text = json.dumps({"user_id": "ann"} | data).encode()
    return Entry(shop, kind, id, "", position, "ann", None, moment, "", text)


def bought(id: str, user: str, *products: str, moment: int, shop: str = "s", quantity: str = "2") -> Entry:
    lines = [
        {"product_id": one, "quantity": quantity, "unit_price": "1.5", "name": one.title(), "categories": DAIRY}
        for one in products
    ]
    return entry(Kind.PURCHASE, id, shop=shop, moment=moment, user_id=user, currency="EUR", lines=lines)


EVENTS = [
    bought("p1", "ann", "milk", "bread", moment=1_000),
    bought("p2", "ann", "milk", moment=3_000),
    bought("p3", "bob", "milk", "bread", "cheese", moment=2_000),
    bought("p4", "bob", "wine", moment=5_000),
    bought("q1", "ann", "hammer", moment=7_000, shop="other"),
    entry(Kind.REFUND, "r1", currency="EUR", lines=[{"product_id": "milk", "quantity": "1", "amount": "1.5"}]),
    entry(Kind.REFUND, "r2", currency="EUR", lines=[{"product_id": "gin", "quantity": "1"}]),
    entry(Kind.INTEREST, "i1", moment=1_500, kind="stated", name="Hiking boots", score="0.8"),
    entry(Kind.INTEREST, "i2", moment=4_000, kind="stated", name="Tents", score="0.5"),
    entry(Kind.INTEREST, "i3", moment=1_600, kind="viewed", product_id="cheese", score="1"),
    entry(Kind.INTEREST, "i4", moment=4_500, kind="dismissed", product_id="wine", score="1"),
    entry(
        Kind.PRODUCT, "c1", product_id="tent", name="Tent", categories=["Sport", "Camping"], availability="out_of_stock"
    ),
    entry(Kind.USER, "u1", traits={"household": 3}, locale="de", consent={"marketing": True}),
]
DERIVED = Derived(
    bought_with=[
        *[(source, "cheese", 0.5, 2) for source in ("milk", "bread")],
        *[(source, "wine", score, 1) for source, score in (("milk", -0.2), ("bread", 0.4))],
        ("milk", "gin", 0.9, 1),
        ("milk", "bread", 0.7, 2),
    ],
    similar_to=[("ann", "bob", 0.9, 2), ("bob", "ann", 0.9, 2)],
    popular=[("milk", 2), ("bread", 2), ("cheese", 1), ("wine", 1)],
    popular_in=[("category:sport/camping", "tent", 1), ("category:grocery", "milk", 2), ("tag:tents", "tent", 1)],
    parameters=Parameters(decay_days=90.0, fitted=True),
    at=REFRESHED,
    products=[("milk", 2, 0.5, 1.5), ("bread", 2, 0.25, 1.0), ("cheese", 1, 0.125, 1.0)],
    fit={"people": 7},
)


def told(knowledge):
    """Tell an empty graph all of it; it gets time, for a server that has just started plans each statement first."""
    knowledge.patience = 60.0
    knowledge.apply(fold(EVENTS), [Position("log", "commerce.purchases.v1", 0, 0)])
    knowledge.refresh("s", DERIVED)
    knowledge.match("s", [("tag:hiking boots", "category:sport/camping", 0.75)])
    return knowledge
