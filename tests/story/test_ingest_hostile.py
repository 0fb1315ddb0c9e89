"""What no honest client sends (SECURITY 17–25): refused with a plain status, nothing published, nothing echoed."""

from __future__ import annotations

import json
from typing import Any

import pytest

LINE = {"product_id": "p1", "quantity": 1, "unit_price": 1.99}


def body(shop: Any, text: str) -> bytes:
    """Return an order in which a piece of JSON stands where its user id would."""
    return json.dumps(shop.order(user_id="HERE")).replace('"HERE"', text).encode()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("NaN", 400),
        ("-Infinity", 400),
        ("1e999", 400),
        ("9" * 5000, 400),
        ("0." + "1" * 5000, 400),
        ("[" * 40 + "]" * 40, 400),
        ('{"a":' * 30_000, 400),
        ('"\\ud800"', 400),
        ('"a\\u0000b"', 400),
        ('"' + "x" * 4097 + '"', 400),
        ('{"a": 1, "a": 2}', 400),
        ("'ann'", 400),
        ("+1", 400),
        ("01", 400),
        ("\ufeff1", 400),
        ("12", 422),
        ("1.5", 422),
        ("true", 422),
        ("null", 422),
        ("[]", 422),
        ("{}", 422),
        ('""', 422),
        ('"' + "x" * 201 + '"', 422),
        ('"a\\u0007b"', 422),
        ('"a\\u202eb"', 422),
        ('"a\\u200bb"', 422),
        ('"a\\ue000b"', 422),
        ('"a\\u2028b"', 422),
    ],
    ids=lambda value: str(value)[:16].encode("unicode_escape").decode(),
)
def test_a_value_that_no_id_can_be_is_refused(shop: Any, text: str, status: int) -> None:
    answer = shop.post("/v1/purchases", body(shop, text))

    assert (status, "application/problem+json") == (answer.status_code, answer.mimetype)
    assert [] == shop.published()


@pytest.mark.parametrize(
    ("path", "item", "pointer"),
    [
        ("purchases", {"lines": [{**LINE, "quantity": 0}]}, "/lines/0/quantity"),
        ("purchases", {"lines": [{**LINE, "quantity": 10**7}]}, "/lines/0/quantity"),
        ("purchases", {"lines": [{**LINE, "quantity": "1e-7"}]}, "/lines/0/quantity"),
        ("purchases", {"lines": [{**LINE, "unit_price": "1,99"}]}, "/lines/0/unit_price"),
        ("purchases", {"lines": [{**LINE, "unit_price": 10**10}]}, "/lines/0/unit_price"),
        ("purchases", {"lines": [{**LINE, "unit_price": "NaN"}]}, "/lines/0/unit_price"),
        ("purchases", {"lines": [{**LINE, "unit_price": {}}]}, "/lines/0/unit_price"),
        ("purchases", {"lines": [{**LINE, "name": "x" * 501}]}, "/lines/0/name"),
        ("purchases", {"lines": [{**LINE, "categories": ["x"] * 9}]}, "/lines/0/categories"),
        ("purchases", {"lines": [{**LINE, "margin": 1}]}, "/lines/0/margin"),
        ("purchases", {"lines": [LINE] * 501}, "/lines"),
        ("purchases", {"lines": LINE}, "/lines"),
        ("purchases", {"currency": "E"}, "/currency"),
        ("purchases", {"currency": 978}, "/currency"),
        ("purchases", {"purchased_at": "2026-13-01T00:00:00Z"}, "/purchased_at"),
        ("purchases", {"purchased_at": "yesterday"}, "/purchased_at"),
        ("purchases", {"purchased_at": "1999-01-01T00:00:00Z"}, "/purchased_at"),
        ("purchases", {"digest": "0"}, "/digest"),
        ("purchases", {"assumed": "purchased_at"}, "/assumed"),
        ("interests", {"user_id": "ann", "name": "tea", "score": 1.1}, "/score"),
        ("interests", {"user_id": "ann", "name": "tea", "score": -0.1}, "/score"),
        ("interests", {"user_id": "ann", "name": "tea", "kind": "hated"}, "/kind"),
        ("interests", {"user_id": "ann", "name": "tea", "product_id": "p"}, ""),
        ("products", {"product_id": "p", "price": 1}, ""),
        ("products", {"product_id": "p", "url": "file:///etc/passwd"}, "/url"),
        ("products", {"product_id": "p", "tags": ["t"] * 51}, "/tags"),
        ("users", {"user_id": "ann", "traits": {"a": [1]}}, "/traits/a"),
        ("users", {"user_id": "ann", "locale": "klingonese-q"}, "/locale"),
        ("users", {"user_id": "ann", "consent": {"marketing": "maybe"}}, "/consent/marketing"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_value_out_of_its_bounds_is_pointed_at(shop: Any, path: str, item: Any, pointer: str) -> None:
    answer = shop.post(f"/v1/{path}", shop.order(**item) if path == "purchases" else item)

    assert 422 == answer.status_code
    assert [] == shop.published()
    assert any(each["pointer"].startswith(pointer) for each in answer.json["errors"])


def test_the_same_letters_in_two_forms_are_one_id(shop: Any) -> None:
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    answers = [shop.post("/v1/purchases", shop.order(user_id=name)) for name in (composed, decomposed)]

    assert [202, 202] == [each.status_code for each in answers]
    assert 1 == len({record.message.key for record in shop.published()})


@pytest.mark.parametrize("type", ["text/plain", "application/xml", "multipart/form-data", "application/jsonp", ""])
@pytest.mark.parametrize("path", ["purchases", "events"])
def test_a_body_of_another_type_is_a_415(shop: Any, path: str, type: str) -> None:
    assert 415 == shop.post(f"/v1/{path}", b"{}", content_type=type).status_code


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "zstd"])
def test_no_body_is_unpacked(shop: Any, coding: str) -> None:
    assert 415 == shop.post("/v1/purchases", b"\x1f\x8b" * 9, headers={"Content-Encoding": coding}).status_code


def test_a_refusal_never_repeats_what_was_sent(shop: Any) -> None:
    secret = "canary-4711"
    wrong = {
        "currency": secret,
        "purchased_at": secret,
        "lines": [{**LINE, "unit_price": secret}],
        "user_id": secret + "\a",
    }
    answer = shop.post("/v1/purchases", shop.order(**wrong))

    assert 422 == answer.status_code
    assert secret not in answer.text


def test_no_field_that_the_server_sets_can_be_set(shop: Any) -> None:
    event = shop.cloud({"user_id": "ann", "name": "tea"}, "interest.expressed", assumed="name", correlationid="mine")
    answer = shop.post("/v1/events", event, content_type="application/cloudevents+json")
    [record] = shop.published()
    told = json.loads(record.message.value)

    assert 202 == answer.status_code
    assert ("expressed_at", "/shops/demo/interest.expressed") == (told["assumed"], told["source"])
    assert "mine" != told["correlationid"]
