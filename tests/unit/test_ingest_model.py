"""Payloads become events, or are refused with a pointer to what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.model import to_event
from services.ingest.segment import to_items
from shared.contracts.codec import digest
from shared.errors import InvalidInputError

NOW = datetime(2026, 11, 3, 10, tzinfo=UTC)
LINE = {"product_id": "p1", "quantity": 1, "unit_price": 1.99}


def purchase(**changes: Any) -> dict[str, Any]:
    base = {
        "purchase_id": "o1",
        "user_id": "ann",
        "purchased_at": "2026-11-02T10:00:00Z",
        "currency": "EUR",
        "lines": [LINE],
    }
    return {**base, **changes}


def pointers(kind: str, value: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        to_event("demo", kind, value, NOW)
    return [each.pointer for each in caught.value.violations]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"currency": "XQZ"}, "/currency"),
        ({"purchased_at": "2026-11-02T10:00:00"}, "/purchased_at"),
        ({"purchased_at": 1_793_700_000}, "/purchased_at"),
        ({"purchased_at": "2026-11-03T10:11:00Z"}, "/purchased_at"),
        ({"purchased_at": "2020-11-03T10:11:00Z"}, "/purchased_at"),
        ({"lines": [{**LINE, "quantity": -1}]}, "/lines/0/quantity"),
        ({"lines": [{**LINE, "quantity": True}]}, "/lines/0/quantity"),
        ({"lines": [{**LINE, "unit_price": -0.01}]}, "/lines/0/unit_price"),
        ({"lines": [{**LINE, "image_url": "javascript:alert(1)"}]}, "/lines/0/image_url"),
        ({"lines": [{**LINE, "image_url": "https://me:secret@shop.example/x"}]}, "/lines/0/image_url"),
        ({"lines": []}, "/lines"),
        ({"user_id": "an\u0007n"}, "/user_id"),
        ({"user_id": "an\u202en"}, "/user_id"),
        ({"user_id": " "}, "/user_id"),
        ({"user_id": 7}, "/user_id"),
        ({"purchase_id": None}, "/purchase_id"),
        ({"shop": "other"}, "/shop"),
        ({"note": "?"}, "/note"),
        ({"a/b": "?"}, "/a~1b"),
    ],
)
def test_what_breaks_the_contract_is_pointed_at(changes: dict[str, Any], pointer: str) -> None:
    assert pointer == pointers("purchases", purchase(**changes))[0]


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_an_item_is_an_object(value: Any) -> None:
    assert [""] == pointers("purchases", value)


def test_one_fact_in_two_spellings_has_one_digest() -> None:
    one = to_event("demo", "purchases", purchase(), NOW)
    two = purchase(currency="eur", purchased_at="2026-11-02T11:00:00.0004+01:00", user_id=" ann ")
    two["lines"] = [{**LINE, "quantity": "1.000", "unit_price": "1.990"}]

    assert digest(one) == digest(to_event("demo", "purchases", two, NOW))


def test_a_backfill_may_be_old_but_never_of_the_future() -> None:
    old = purchase(purchased_at="2001-01-01T00:00:00Z")

    assert 2001 == to_event("demo", "purchases", old, NOW, backfill=True).purchased_at.year  # type: ignore[attr-defined]
    with pytest.raises(InvalidInputError):
        to_event("demo", "purchases", purchase(purchased_at="2027-01-01T00:00:00Z"), NOW, backfill=True)


def test_an_interest_without_a_time_happened_now() -> None:
    event: Any = to_event("demo", "interests", {"user_id": "ann", "name": "cheese"}, NOW)

    assert NOW == event.expressed_at
    assert event.interest_id


def test_equal_content_without_an_id_gets_one_id() -> None:
    value = {"user_id": "ann", "name": "cheese", "expressed_at": "2026-11-02T10:00:00Z"}
    again = dict(reversed(value.items()))

    ids = {to_event("demo", "interests", each, NOW).interest_id for each in (value, again)}  # type: ignore[attr-defined]
    other: Any = to_event("demo", "interests", {**value, "name": "wine"}, NOW)

    assert 1 == len(ids)
    assert other.interest_id not in ids


def test_content_that_has_no_canonical_form_is_refused() -> None:
    value = {"user_id": "ann", "traits": {"n": 10**20}, "updated_at": "2026-11-02T10:00:00Z"}

    with pytest.raises(InvalidInputError):
        to_event("demo", "users", value, NOW)
    with pytest.raises(InvalidInputError):
        to_event("demo", "users", {**value, "event_id": "e1"}, NOW)


def test_traits_keep_their_kinds() -> None:
    traits = {"vip": True, "new": False, "children": 1, "zip": "01234", "gone": None}
    event: Any = to_event("demo", "users", {"user_id": "ann", "traits": traits}, NOW)

    assert {name: type(value) for name, value in traits.items()} == {n: type(v) for n, v in event.traits.items()}
    assert traits == event.traits


ORDER = {
    "type": "track",
    "event": "Order Completed",
    "userId": "ann",
    "timestamp": "2026-11-02T10:00:00.000Z",
    "context": {"library": {"name": "analytics.js"}},
    "properties": {
        "order_id": "o9",
        "currency": "USD",
        "products": [
            {
                "product_id": "p1",
                "price": 2.5,
                "quantity": 2,
                "category": "Food > Dairy",
                "name": "Milk",
                "coupon": "x",
            },
            {"sku": 42, "price": 1},
        ],
    },
}


def test_an_order_of_segment_is_a_purchase() -> None:
    [(kind, item)] = to_items(ORDER)
    event: Any = to_event("demo", kind, item, NOW)

    assert ("o9", "ann", "USD") == (event.purchase_id, event.user_id, event.currency)
    assert [("p1", ("Food", "Dairy")), ("42", None)] == [(line.product_id, line.categories) for line in event.lines]


@pytest.mark.parametrize(
    "call",
    [
        None,
        {**ORDER, "event": "Something Else"},
        {**ORDER, "event": ["Order Completed"]},
        {**ORDER, "event": {}},
        {**ORDER, "userId": None},
        {**ORDER, "userId": True},
        {**ORDER, "properties": None},
        {**ORDER, "properties": {"order_id": "o1", "products": "p1"}},
        {**ORDER, "properties": {"order_id": "o1", "products": [{}]}},
    ],
    ids=repr,
)
def test_a_call_that_means_nothing_to_us_is_refused(call: Any) -> None:
    with pytest.raises(InvalidInputError):
        to_items(call)


def test_a_refund_and_a_view_and_an_identify_of_segment_are_taken() -> None:
    view = {"event": "Product Viewed", "userId": "ann", "properties": {"product_id": "p1"}, "messageId": "m1"}
    who = {"type": "identify", "userId": "ann", "traits": {"email": "a@b.c", "firstName": "Ann", "vip": True}}
    items = [*to_items({**ORDER, "event": "Order Refunded"}), *to_items(view), *to_items(who)]

    events: list[Any] = [to_event("demo", kind, item, NOW) for kind, item in items]

    assert ["refunds", "interests", "users"] == [kind for kind, _ in items]
    assert ("refund-o9", "m1", "Ann") == (events[0].refund_id, events[1].interest_id, events[2].contact.first_name)


def test_the_bounds_of_time_are_inclusive() -> None:
    moment = (NOW + timedelta(minutes=10)).isoformat()

    assert to_event("demo", "purchases", purchase(purchased_at=moment), NOW)


def test_what_names_or_places_a_person_is_no_trait() -> None:
    traits = {"email": "a@b.c", "lastName": "Lee", "name": "Ann Lee", "phone": "+49 1", "plan": "gold", "vip": True}
    [(_, item)] = to_items({"type": "identify", "userId": "ann", "traits": traits})

    assert {"plan": "gold", "vip": True} == item["traits"]
