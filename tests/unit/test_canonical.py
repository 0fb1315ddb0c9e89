"""Canonical JSON: the quick way for names and texts gives the bytes that RFC 8785 asks for."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import rfc8785

from shared.contracts.codec import canonical
from shared.contracts.events import PurchaseRecorded, UserUpdated

NOW = datetime(2026, 5, 3, tzinfo=UTC)


def user(traits: dict) -> UserUpdated:
    return UserUpdated(event_id="e", user_id="u", updated_at=NOW, traits=traits)


@pytest.mark.parametrize(
    "traits",
    [
        {"b": "x", "a": 'quote " slash / back \\ bell \x07 line \u2028 del \x7f', "é": "ß"},
        {"count": 3, "big": 2**53 - 1, "yes": True, "none": None},
        {"\ufb33": "after in UTF-16", "\U0001f600": "before in UTF-16"},
    ],
)
def test_canonical_bytes_are_those_of_rfc_8785(traits):
    data = user(traits)

    assert canonical(data) == rfc8785.dumps(json.loads(data.model_dump_json(exclude_none=True)))


@pytest.mark.parametrize("price", ["0", "-0", "0.00", -0.0, 0])
def test_nothing_to_pay_has_one_form(price):
    line = {"product_id": "p", "quantity": 1, "unit_price": price}
    purchase = {"lines": [line], "currency": "EUR", "user_id": "u", "purchased_at": NOW, "purchase_id": "n"}

    assert b'"unit_price":"0"' in canonical(PurchaseRecorded.model_validate(purchase))


def test_a_purchase_has_one_form_whatever_the_order_of_its_fields():
    line = {"unit_price": "0.10", "product_id": "p", "quantity": 1, "name": "Käse"}
    purchase = PurchaseRecorded.model_validate(
        {"lines": [line], "currency": "EUR", "user_id": "u", "purchased_at": NOW, "purchase_id": "n"}
    )

    assert (
        canonical(purchase)
        == (
            '{"currency":"EUR","lines":[{"name":"Käse","product_id":"p","quantity":"1","unit_price":"0.1"}],'
            '"purchase_id":"n","purchased_at":"2026-05-03T00:00:00Z","user_id":"u"}'
        ).encode()
    )
