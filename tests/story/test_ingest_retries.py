"""What was sent again is the same event; what was said once in several forms is taken in once."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.ingest.wiring import build
from shared.contracts.codec import decode
from shared.web.app import create_app

INTEREST = {"interest_id": "i1", "user_id": "ann", "name": "jam"}


def later(shop: Any, seconds: int = 3) -> None:
    shop.engines.clock.moment += timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("/v1/interests", INTEREST),
        ("/v1/products", {"event_id": "e1", "product_id": "p1", "name": "Jam"}),
        ("/v1/users", {"event_id": "e1", "user_id": "ann", "traits": {"plan": "gold"}}),
        ("/v1/track", {"event": "Product Viewed", "userId": "ann", "messageId": "m", "properties": {"sku": "p"}}),
        ("/v1/identify", {"userId": "ann", "messageId": "m", "traits": {"plan": "gold"}}),
    ],
)
def test_an_item_with_an_id_but_no_time_is_a_duplicate_when_it_comes_again(shop: Any, path: str, item: Any) -> None:
    first = shop.post(path, item)
    later(shop)
    in_flight = shop.post(path, item)
    outcomes = shop.recorded()
    later(shop)
    known = shop.post(path, item)

    assert [(202, 1), (202, 1)] == [(each.status_code, each.json["accepted"]) for each in (first, in_flight)]
    assert ["new", "duplicate"] == outcomes
    assert (202, 1) == (known.status_code, known.json["duplicates"])


def test_a_retry_that_says_something_else_is_a_conflict_with_and_without_a_time(shop: Any) -> None:
    shop.post("/v1/interests", INTEREST)
    shop.recorded()

    for change in ({"name": "ham"}, {"expressed_at": "2026-11-01T10:00:00Z"}):
        assert 1 == shop.post("/v1/interests", INTEREST | change).json["conflicts"]


def test_a_cloud_events_source_and_id_are_its_identity(shop: Any) -> None:
    data = {"user_id": "ann", "name": "jam"}
    told = [shop.cloud(data, "interest.expressed", **change) for change in ({}, {}, {"id": "2"}, {"source": "/b"})]
    answers = []
    for event in told:
        later(shop)
        answers.append(shop.post("/v1/events", event, content_type="application/cloudevents+json"))

    assert 3 == len({answer.json["items"][0]["id"] for answer in answers})
    assert ["new", "duplicate", "new", "new"] == shop.recorded()


@pytest.mark.parametrize("name", ["id", "source"])
def test_a_cloud_event_without_its_identity_is_refused(shop: Any, name: str) -> None:
    event = shop.cloud(shop.order()) | {name: ""}
    answer = shop.post("/v1/events", event, content_type="application/cloudevents+json")

    assert (422, f"/{name}") == (answer.status_code, answer.json["errors"][0]["pointer"])


def test_a_body_of_mixed_kinds_is_published_all_or_none(shop: Any) -> None:
    published: list[int] = []

    class Counting:
        def publish(self, messages: Any) -> Any:
            published.append(len(messages))
            return shop.engines.bus.publish(messages)

    engines: Any = SimpleNamespace(**{**vars(shop.engines), "bus": Counting()})
    shop.client = create_app("Intake", engines, build(engines).blueprints, {}).test_client()
    kinds = [shop.cloud(shop.order()), shop.cloud(INTEREST, "interest.expressed"), shop.cloud({}, "unheard")]
    answer = shop.post("/v1/events", kinds, content_type="application/cloudevents-batch+json")

    assert ["accepted", "accepted", "rejected"] == [item["outcome"] for item in answer.json["items"]]
    assert [2] == published


def test_a_stream_of_which_nothing_can_be_taken_in_is_a_422_like_an_array(shop: Any) -> None:
    bad = [shop.cloud(shop.order(currency="?")), {"specversion": "0.3"}]
    array = shop.post("/v1/events", bad, content_type="application/cloudevents-batch+json")
    lines = "\n".join(map(json.dumps, bad)).encode()
    stream, empty = (shop.post("/v1/events", body, content_type="application/x-ndjson") for body in (lines, b"\n"))

    assert [422, 422, 422] == [each.status_code for each in (array, stream, empty)]
    assert {"application/problem+json"} == {each.mimetype for each in (array, stream, empty)}
    assert [0, 1] == [item["index"] for item in stream.json["items"]]
    assert all(item["problem"]["errors"] for item in stream.json["items"])


def order_completed(shop: Any, id: str = "s1") -> None:
    products = [{"product_id": "p1", "price": 2, "quantity": 3}, {"product_id": "p2", "price": "4.5"}]
    call = {"event": "Order Completed", "userId": "ann", "timestamp": "2026-11-02T10:00:00Z"}
    answer = shop.post("/v1/track", {**call, "properties": {"order_id": id, "currency": "eur", "products": products}})
    assert 202 == answer.status_code
    shop.recorded()


def refund(event: str = "Order Refunded", **properties: Any) -> dict[str, Any]:
    call = {"event": event, "userId": "ann", "timestamp": "2026-11-02T11:00:00Z", "messageId": f"{event} {properties}"}
    return {**call, "properties": {"order_id": "s1", **properties}}


def returned(shop: Any) -> list[tuple[str, float]]:
    events = [decode(record.message).data for record in shop.published()]
    return [
        (line.product_id, float(line.quantity)) for event in events if "refunded" in event.type for line in event.lines
    ]


@pytest.mark.parametrize("event", ["Order Refunded", "Order Cancelled"])
def test_a_refund_without_products_takes_back_all_of_the_order(shop: Any, event: str) -> None:
    order_completed(shop)
    first = shop.post("/v1/track", refund(event))
    shop.recorded()
    again = shop.post("/v1/track", refund(event))

    assert (202, 1, 1) == (first.status_code, first.json["accepted"], again.json["duplicates"])
    assert [("p1", 3), ("p2", 1)] == returned(shop)


def test_a_refund_without_products_takes_back_only_what_is_left(shop: Any) -> None:
    order_completed(shop)
    shop.post("/v1/track", refund(products=[{"product_id": "p1", "quantity": 1}], currency="EUR"))
    shop.recorded()
    shop.post("/v1/track", refund())
    shop.recorded()
    spent = shop.post("/v1/track", refund("Order Cancelled"))

    assert [("p1", 1), ("p1", 2), ("p2", 1)] == returned(shop)
    assert (422, "/purchase_id") == (spent.status_code, spent.json["errors"][0]["pointer"])


def test_an_order_and_its_cancellation_may_come_in_one_batch(shop: Any) -> None:
    product = {"product_id": "p1", "price": 2, "quantity": 3}
    order = {"event": "Order Completed", "properties": {"order_id": "s1", "currency": "EUR", "products": [product]}}
    calls = [{"type": "track", **refund(), **order}, {"type": "track", **refund("Order Cancelled")}]
    answer = shop.post("/v1/batch", {"batch": calls})

    assert (202, 2) == (answer.status_code, answer.json["accepted"])
    assert [("p1", 3)] == returned(shop)


@pytest.mark.parametrize("user", ["ann", "ben"])
def test_a_refund_of_an_order_that_this_person_did_not_make_is_explained(shop: Any, user: str) -> None:
    order_completed(shop, "another" if user == "ann" else "s1")
    answer = shop.post("/v1/track", refund() | {"userId": user})

    assert (422, "/purchase_id") == (answer.status_code, answer.json["errors"][0]["pointer"])
    assert [] == returned(shop)
