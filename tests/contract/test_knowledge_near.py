"""However an engine finds what is near a user, it must be what its statements and all neighbours at hand say."""

from __future__ import annotations

import random

import pytest
from contract.test_knowledge_reads import bought, entry

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.knowledge.insight import Parameters
from shared.knowledge.port import Derived
from shared.knowledge.projection import fold

USERS, PRODUCTS = 12, 400
DAY = 86_400_000


@pytest.fixture
def shop(open_engine):
    """Return a shop of people who buy more than is looked at, with many a tie, and some things taken back."""
    chance = random.Random(7)  # noqa: S311 (a fixed shop, no secret)
    knowledge = open_engine()
    names = [f"p{number:03}" for number in range(PRODUCTS)]
    events = [
        bought(f"o{user}-{order}", f"u{user}", *chance.sample(names, 40), moment=DAY * (1 + order // 2))
        for user in range(USERS)
        for order in range(1 + user // 2)
    ]
    events += [
        entry(Kind.REFUND, f"r{user}", user_id=f"u{user}", currency="EUR", lines=[{"product_id": one, "quantity": "2"}])
        for user in range(USERS)
        for one in chance.sample(names, 1)
    ]
    pairs = [(one, other) for one in names for other in chance.sample(names, 40) if one != other]
    derived = Derived(
        bought_with=[(one, other, chance.choice([-0.25, 0.125, 0.5, 0.5]), 3) for one, other in pairs],
        similar_to=[
            (f"u{one}", f"u{other}", chance.choice([0.25, 0.5]), 2)
            for one in range(USERS)
            for other in range(USERS)
            if other != one
        ],
        popular=[(one, 1) for one in names[:50]],
        popular_in=[],
        parameters=Parameters(source_days=30.0),
        at=DAY,
    )
    knowledge.apply(fold(events), [Position("log", "commerce.purchases.v1", 0, 0)])
    knowledge.refresh("s", derived)
    return knowledge


def test_what_is_near_is_what_the_statements_say(shop, monkeypatch):
    users = [f"u{user}" for user in range(USERS)] * 2
    quick = [shop.insight("s", user) for user in users]
    monkeypatch.setattr(shop.engine, "near", lambda *_: None)
    assert [shop.insight("s", user) for user in users] == quick
    assert any(len(one.bought) > 100 for one in quick)
    assert all(one.candidates for one in quick)


def test_what_is_beside_does_not_depend_on_whom_was_asked_about_just_before(shop):
    at, near = 2 * DAY, shop.near("s")
    bought = {user: shop.insight("s", user).bought for user in (f"u{user}" for user in range(USERS))}
    quick = {user: shop.engine.near("s", user) or near for user in bought}
    found = {user: [row["id"] for row in quick[user].beside(bought[user], at, DAY, ())] for user in bought}
    assert found == {user: [row["id"] for row in near.beside(bought[user], at, DAY, ())][:200] for user in bought}


def test_what_is_near_is_what_all_neighbours_at_hand_say(shop):
    near = shop.near("s")
    for user in (f"u{user}" for user in range(USERS)):
        assert shop.insight("s", user) == shop.insight("s", user, near=near)


def test_what_came_since_is_near_too(shop):
    shop.insight("s", "u3")
    others = [f"u{user}" for user in range(USERS) if user != 3]
    orders = [bought(f"new-{user}", user, "brand new", moment=2 * DAY) for user in others]
    shop.apply(fold(orders), [Position("log", "commerce.purchases.v1", 0, 1)])
    assert "brand new" in {one.product.product_id for one in shop.insight("s", "u3").candidates}
