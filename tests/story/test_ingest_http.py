"""The intake as a shop's client meets it: over HTTP, on a real log and a real history."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.ingest.wiring import build
from shared.contracts.codec import decode
from shared.errors import UnavailableError
from shared.web.app import create_app
from shared.web.guard import scopes_of


def test_a_purchase_is_published_for_the_keys_shop(shop: Any) -> None:
    answer = shop.post("/v1/purchases", shop.order(), headers={"X-Request-Id": "trace-1"})
    [published] = shop.published()
    envelope = decode(published.message)

    assert (202, 1, "accepted") == (answer.status_code, answer.json["accepted"], answer.json["items"][0]["outcome"])
    assert published.position.offset == answer.json["items"][0]["event"]["offset"]
    assert ("demo", "o1", "ann", "trace-1") == (
        envelope.shop,
        envelope.id,
        envelope.subject,
        envelope.correlation_id,
    )
    assert "trace-1" == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b'{"a": NaN}', b'{"a": 1, "a": 2}', b'["\xff"]', b"[" * 9000, b'["\\ud800"]'],
    ids=["cut", "empty", "nan", "twice", "bytes", "deep", "half"],
)
def test_malformed_json_is_a_400(shop: Any, body: bytes) -> None:
    answer = shop.post("/v1/purchases", body)

    assert (400, "application/problem+json") == (answer.status_code, answer.mimetype)
    assert answer.json["trace_id"] == answer.headers["X-Request-Id"]
    assert [] == shop.published()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"currency": "XQZ"}, "/currency"),
        ({"purchased_at": "2026-11-02T10:00:00"}, "/purchased_at"),
        ({"user_id": "a\u0007"}, "/user_id"),
        ({"lines": [{"product_id": "p", "quantity": -1, "unit_price": 1}]}, "/lines/0/quantity"),
    ],
)
def test_a_broken_contract_is_a_422_with_a_pointer(shop: Any, changes: dict[str, Any], pointer: str) -> None:
    answer = shop.post("/v1/purchases", shop.order(**changes))

    assert (422, pointer) == (answer.status_code, answer.json["errors"][0]["pointer"])
    assert [] == shop.published()


@pytest.mark.parametrize("body", [[], None, "x", 7, [[]], [None]])
def test_what_holds_no_item_is_a_422(shop: Any, body: Any) -> None:
    assert 422 == shop.post("/v1/purchases", body).status_code


def test_three_bad_items_do_not_hold_up_the_others(shop: Any) -> None:
    items = [shop.order(f"o{n}", **({"currency": "?"} if n in {5, 50, 499} else {})) for n in range(500)]
    answer = shop.post("/v1/purchases", items)

    assert (202, 497, 3) == (answer.status_code, answer.json["accepted"], answer.json["rejected"])
    assert [5, 50, 499] == [item["index"] for item in answer.json["items"] if item["outcome"] == "rejected"]
    assert 497 == len(shop.published())


def test_too_much_is_a_413(shop: Any) -> None:
    assert 413 == shop.post("/v1/purchases", b" " * (shop.limit + 1)).status_code
    assert 413 == shop.post("/v1/purchases", [{}] * 501).status_code


def test_a_wrong_type_path_or_method_is_said(shop: Any) -> None:
    typed = shop.post("/v1/purchases", shop.order(), content_type="text/csv")
    method = shop.client.put("/v1/purchases")

    assert 415 == typed.status_code
    assert 404 == shop.client.get("/v1/nothing").status_code
    assert (405, True) == (method.status_code, "POST" in method.headers["Allow"])
    assert {"application/problem+json"} == {typed.mimetype, method.mimetype}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer tg_test_x", "Basic YTpi", "Bearer é"])
def test_every_refused_credential_gets_one_answer(shop: Any, header: str) -> None:
    refused = shop.post("/v1/purchases", shop.order(), headers={"Authorization": header, "X-Request-Id": "t"})
    missing = shop.client.post("/v1/purchases", headers={"X-Request-Id": "t"})

    assert (401, refused.data) == (missing.status_code, missing.data)
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_without_the_scope_is_a_403(shop: Any) -> None:
    shop.key = shop.key_for("graph:read")
    answer = shop.post("/v1/purchases", shop.order())

    assert (403, True) == (answer.status_code, "events:write" in answer.headers["WWW-Authenticate"])


def test_what_the_ledger_knows_is_a_duplicate_and_what_contradicts_it_a_conflict(shop: Any) -> None:
    shop.post("/v1/purchases", shop.order())
    shop.recorded()

    same = shop.post("/v1/purchases", shop.order())
    other = shop.post("/v1/purchases", shop.order(currency="USD"))

    assert (202, 1) == (same.status_code, same.json["duplicates"])
    assert (202, 1) == (other.status_code, other.json["conflicts"])
    assert 2 == len(shop.published())


def test_segments_order_is_taken_as_a_purchase(shop: Any) -> None:
    products = [{"product_id": "p1", "price": 2, "quantity": 1}]
    call = {
        "event": "Order Completed",
        "userId": "ann",
        "timestamp": "2026-11-02T10:00:00Z",
        "properties": {"order_id": "s1", "currency": "EUR", "products": products},
    }
    one = shop.post("/v1/track", call)
    many = shop.post("/v1/batch", {"batch": [{"type": "track", **call}, {"type": "page"}]}, content_type="text/plain")
    broken = shop.post("/v1/track", {**call, "event": {}})

    assert (202, 202, 422) == (one.status_code, many.status_code, broken.status_code)
    assert (1, 1) == (many.json["accepted"], many.json["rejected"])
    assert "s1" == decode(shop.published()[0].message).data.purchase_id


def test_cloud_events_are_taken_alone_in_batches_and_in_streams(shop: Any) -> None:
    one = shop.post("/v1/events", shop.cloud(shop.order("a")), content_type="application/cloudevents+json")
    batch = [shop.cloud(shop.order("b")), shop.cloud({"user_id": "ann", "name": "wine"}, "interest.expressed"), 7]
    many = shop.post("/v1/events", batch, content_type="application/cloudevents-batch+json")
    lines = [json.dumps(shop.cloud(shop.order(f"s{n}"))) for n in range(510)] + [
        "",
        "{",
        json.dumps(shop.cloud({}, "x")),
    ]
    stream = shop.post("/v1/events", "\n".join(lines).encode(), content_type="application/x-ndjson")

    assert (202, 1) == (one.status_code, one.json["accepted"])
    assert ["accepted", "accepted", "rejected"] == [item["outcome"] for item in many.json["items"]]
    assert (202, 510, 2) == (stream.status_code, stream.json["accepted"], stream.json["rejected"])
    assert [510, 511] == [item["index"] for item in stream.json["items"]]
    assert 513 == len(shop.published())


def test_a_log_that_does_not_answer_is_a_503(shop: Any) -> None:
    def away(*_: object) -> None:
        raise UnavailableError("disk full at /secret")

    engines: Any = SimpleNamespace(**{**vars(shop.engines), "bus": SimpleNamespace(publish=away)})
    shop.client = create_app("Intake", engines, build(engines).blueprints, {}).test_client()
    answer = shop.post("/v1/purchases", shop.order())

    assert (503, "2") == (answer.status_code, answer.headers["Retry-After"])
    assert "secret" not in answer.text


def test_every_view_says_whom_it_is_for(shop: Any) -> None:
    app = shop.client.application
    unmarked = [rule.endpoint for rule in app.url_map.iter_rules() if scopes_of(app, rule.endpoint) is None]

    assert [] == unmarked


def test_operators_and_readers_are_answered(shop: Any) -> None:
    for path in ("/livez", "/readyz?verbose", "/metrics", "/docs", "/openapi.json"):
        answer = shop.client.get(path)
        assert (200, "nosniff") == (answer.status_code, answer.headers["X-Content-Type-Options"]), path
    assert "/v1/purchases" in shop.client.get("/openapi.json").json["paths"]


@pytest.mark.parametrize("name", ["shop", "shop_id"])
def test_a_body_that_names_another_shop_is_a_403_and_nothing_of_it_is_published(shop: Any, name: str) -> None:
    alone = shop.post("/v1/purchases", shop.order(**{name: "other"}))
    among = shop.post("/v1/purchases", [shop.order(), shop.order(**{name: "other"})])

    assert [403, 403] == [alone.status_code, among.status_code]
    assert [] == shop.published()


def test_a_cloud_event_sent_again_is_the_same_event(shop: Any) -> None:
    event = shop.cloud({"user_id": "ann", "name": "jam"}, "interest.expressed")
    event["time"] = "2026-11-02T10:00:00Z"
    ids = set()
    for seconds in (0, 3):
        shop.engines.clock.moment = shop.now + timedelta(seconds=seconds)
        answer = shop.post("/v1/events", event, content_type="application/cloudevents+json")
        ids.add(answer.json["items"][0]["id"])

    assert 1 == len(ids)


def test_segments_sdks_may_send_their_key_as_a_user_name(shop: Any) -> None:
    call = {"event": "Product Viewed", "userId": "ann", "properties": {"product_id": "p1"}}
    answers = [shop.client.post("/v1/track", json=call, auth=(user, "")) for user in (shop.key, "tg_test_x")]

    assert [202, 401] == [answer.status_code for answer in answers]


def test_a_packed_body_is_a_415(shop: Any) -> None:
    packed = gzip.compress(json.dumps(shop.order()).encode())
    answer = shop.post("/v1/purchases", packed, headers={"Content-Encoding": "gzip"})

    assert (415, "identity") == (answer.status_code, answer.headers["Accept-Encoding"])


def test_an_invented_method_makes_no_label(shop: Any) -> None:
    shop.client.open("/v1/purchases", method="INVENTED")

    assert "INVENTED" not in shop.client.get("/metrics").text
