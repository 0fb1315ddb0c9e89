"""What an event means to an analyst, as rows."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.bus.port import Position
from shared.clock import to_ms
from shared.contracts.codec import canonical
from shared.contracts.events import InterestExpressed, Kind, ProductUpdated, PurchaseRecorded, PurchaseRefunded
from shared.errors import InvalidInputError
from shared.history.derive import Expression, Line, Listing, Refund, Shelf, derive, levels, price_of
from shared.history.port import Entry
from shared.history.tokens import place_in, token_for

MOMENT = datetime(2026, 5, 3, 23, 59, 59, 999_000, tzinfo=UTC)
AT = to_ms(MOMENT)


def entry(data, moment: int = AT) -> Entry:
    origin = Position("log", "topic", 0, 0)
    return Entry("shop", data.ledger_kind, "id-1", "", origin, "ann", None, moment, data.type, canonical(data))


def rows(data, moment: int = AT) -> list:
    return list(derive(entry(data, moment)))


def bought(*lines: dict, currency: str = "EUR") -> PurchaseRecorded:
    return PurchaseRecorded.model_validate(
        {"purchase_id": "id-1", "user_id": "ann", "purchased_at": MOMENT, "currency": currency, "lines": lines}
    )


def taken_back(line: dict, currency: str = "EUR") -> PurchaseRefunded:
    return PurchaseRefunded.model_validate(
        {
            "refund_id": "id-1",
            "purchase_id": "b-1",
            "user_id": "ann",
            "refunded_at": MOMENT,
            "currency": currency,
            "lines": [line],
        }
    )


def test_each_line_of_a_purchase_is_a_row_in_integers():
    data = bought(
        {"product_id": "milk", "quantity": "1.5", "unit_price": "0.99"},
        {"product_id": "tea", "quantity": 2, "unit_price": 3},
    )
    expected = [
        Line("shop", "id-1", "ann", "milk", AT, "2026-05-03", 1500, 148, "0.99", "EUR"),
        Line("shop", "id-1", "ann", "tea", AT, "2026-05-03", 2000, 600, "3", "EUR"),
    ]
    assert expected == rows(data)


def test_a_category_on_a_purchase_line_ranks_below_the_catalogue():
    line = {"product_id": "milk", "quantity": 1, "unit_price": 1, "categories": ["Grocery", "Dairy"]}
    assert Shelf("shop", "milk", 0, AT, "id-1", '["Grocery", "Grocery/Dairy"]') == rows(bought(line))[1]
    told = ProductUpdated(event_id="e", product_id="milk", updated_at=MOMENT, categories=("Dairy",))
    assert Shelf("shop", "milk", 1, AT, "id-1", '["Dairy"]') == rows(told)[1]


@pytest.mark.parametrize(("amount", "expected"), [({}, None), ({"amount": "0"}, 0), ({"amount": "1.5"}, 150)])
def test_a_refund_keeps_its_amount_or_says_that_none_was_given(amount, expected):
    data = taken_back({"product_id": "milk", "quantity": 1} | amount)
    assert [Refund("shop", "id-1", "b-1", "ann", "milk", AT, 1000, expected, "EUR")] == rows(data)


@pytest.mark.parametrize(("currency", "expected"), [("EUR", 150), ("JPY", 2), ("KWD", 1500)])
def test_minor_units_are_the_currencys_own(currency, expected):
    (line,) = rows(bought({"product_id": "milk", "quantity": 1, "unit_price": "1.5"}, currency=currency))
    (refund,) = rows(taken_back({"product_id": "milk", "quantity": 1, "amount": "1.5"}, currency))
    assert (expected, expected) == (line.spend, refund.amount)


def test_an_interest_is_known_by_its_name_without_case_and_surplus_space():
    data = InterestExpressed(
        interest_id="i", user_id="ann", name="Große  FAHRT", score=Decimal("0.25"), expressed_at=MOMENT
    )
    expected = [Expression("shop", "id-1", "ann", "grosse fahrt", None, "stated", 250, AT, "2026-05-03")]
    assert expected == rows(data)


def test_an_interest_in_a_product_is_known_by_the_product():
    data = InterestExpressed(interest_id="i", user_id="ann", kind="viewed", product_id="milk", expressed_at=MOMENT)
    assert [Expression("shop", "id-1", "ann", None, "milk", "viewed", 1000, AT, "2026-05-03")] == rows(data)


def test_a_word_of_the_catalogue_is_listed_with_or_without_a_price():
    priced = ProductUpdated(event_id="e", product_id="milk", updated_at=MOMENT, price=Decimal("1.10"), currency="EUR")
    assert [Listing("shop", "milk", "id-1", AT, "1.1", "EUR")] == rows(priced)
    bare = ProductUpdated(event_id="e", product_id="milk", updated_at=MOMENT, currency="EUR", name="Milk")
    assert [Listing("shop", "milk", "id-1", AT, None, None)] == rows(bare)


@pytest.mark.parametrize("kind", [Kind.USER, Kind.ERASURE])
def test_what_users_are_adds_no_row(kind):
    origin = Position("log", "topic", 0, 0)
    data = json.dumps({"event_id": "e", "user_id": "ann", "contact": {"email": "ann@example.com"}}).encode()
    assert list(derive(Entry("shop", kind, "e", "", origin, "ann", None, AT, "", data))) == []


@pytest.mark.parametrize(("moment", "day"), [(0, "1970-01-01"), (-1, "1969-12-31"), (86_400_000, "1970-01-02")])
def test_a_day_begins_at_midnight_utc(moment, day):
    (line,) = rows(bought({"product_id": "milk", "quantity": 1, "unit_price": 1}), moment)
    assert day == line.day


def test_a_slash_within_a_category_name_makes_no_level():
    assert levels(("Grocery", "Dairy/Eggs", "100%")) == (
        "Grocery",
        "Grocery/Dairy%2fEggs",
        "Grocery/Dairy%2fEggs/100%25",
    )
    assert levels(()) == ()


def test_half_a_minor_unit_goes_to_the_even_side():
    assert (0, 2, 2) == (price_of("0.005", 1000, "EUR"), price_of("0.015", 1000, "EUR"), price_of("0.025", 1000, "EUR"))


def test_a_place_comes_back_from_its_token():
    assert place_in(("q", None), token_for(("q", None), (-5, 2**63 - 1)), 2) == (-5, 2**63 - 1)


@pytest.mark.parametrize("place", [(1,), (1, 2, 3), (1, 2**63), (1, True), (1, "2"), (1, 2.0)])
def test_a_place_that_no_engine_could_have_given_is_refused(place):
    with pytest.raises(InvalidInputError):
        place_in(("q",), token_for(("q",), place), 2)
