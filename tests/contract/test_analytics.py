"""What every history answers to analysts; each engine inherits it (`new_history` in conftest.py)."""

from dataclasses import replace
from decimal import Decimal

import pytest
from contract.analytics_ground import bought, expressed, ids, line, ms, refunded, row, told, user_told

from shared.contracts.events import (
    Kind,
)
from shared.errors import InvalidInputError
from shared.history.port import Entry, PricePoint, TrendQuery


@pytest.fixture
def history(reopen_history):
    return reopen_history()


class TestTimeline:
    """Every engine."""

    def test_an_event_comes_back_as_it_was_recorded(self, history):
        recorded = [bought("b", "2026-05-03"), told("p", "2026-05-02"), user_told("u", "2026-05-01")]
        history.record(recorded)
        assert recorded == list(history.timeline("shop").items)

    def test_the_newest_happening_comes_first_whenever_it_was_recorded(self, history):
        history.record([bought("mid", "2026-05-02"), bought("new", "2026-05-03"), bought("old", "2026-05-01")])
        assert ["new", "mid", "old"] == ids(history.timeline("shop"))

    def test_a_repeat_and_a_conflict_do_not_show(self, history):
        first = bought("b", "2026-05-03")
        history.record([first])
        history.record([first, bought("b", "2026-05-03"), bought("b", "2026-05-04", line(price=9))])
        assert [first] == list(history.timeline("shop").items)
        assert [row("2026-05-01")] == history.trends(TrendQuery("shop"))

    def test_a_user_and_kinds_narrow_it(self, history):
        history.record(
            [bought("b1", "2026-05-01"), bought("b2", "2026-05-02", user="bob"), refunded("r1", "b1", "2026-05-03")]
        )
        assert ["r1", "b1"] == ids(history.timeline("shop", user_id="ann"))
        assert ["b1"] == ids(history.timeline("shop", user_id="ann", kinds=[Kind.PURCHASE]))
        assert ["r1", "b2", "b1"] == ids(history.timeline("shop", kinds=[Kind.REFUND, Kind.PURCHASE]))
        assert ids(history.timeline("shop", user_id="nobody")) == []

    def test_a_product_is_found_in_every_kind_of_event(self, history):
        history.record(
            [
                bought("b1", "2026-05-01", line("milk"), line("milk"), line("tea")),
                bought("b2", "2026-05-02", line("tea"), user="bob"),
                refunded("r1", "b1", "2026-05-03"),
                expressed("i1", "2026-05-04", product_id="milk", kind="viewed"),
                expressed("i2", "2026-05-04", name="milk"),
                told("p1", "2026-05-05", name="Milk"),
                told("p2", "2026-05-05", "tea", name="Tea"),
            ]
        )
        assert ["p1", "i1", "r1", "b1"] == ids(history.timeline("shop", product_id="milk"))
        assert ["i1", "r1", "b1"] == ids(history.timeline("shop", product_id="milk", user_id="ann"))
        assert ["b1"] == ids(history.timeline("shop", product_id="milk", kinds=[Kind.PURCHASE]))
        assert ["b2"] == ids(history.timeline("shop", product_id="tea", user_id="bob"))

    @pytest.mark.parametrize("asked", [{}, {"user_id": "ann"}, {"product_id": "milk"}, {"kinds": [Kind.PURCHASE]}])
    def test_pages_follow_one_another_even_within_one_moment(self, history, asked):
        history.record([bought(f"b{number}", "2026-05-03") for number in range(7)])
        seen, token = [], ""
        while True:
            page = history.timeline("shop", page_token=token, page_size=3, **asked)
            seen += ids(page)
            token = page.next_token
            if not token:
                break
        assert [f"b{number}" for number in reversed(range(7))] == seen

    def test_what_is_recorded_meanwhile_does_not_shift_the_pages(self, history):
        history.record([bought(f"b{number}", "2026-05-03") for number in range(4)])
        first = history.timeline("shop", page_size=2)
        history.record([bought("new", "2026-05-04")])
        second = history.timeline("shop", page_size=2, page_token=first.next_token)
        assert ["b3", "b2", "b1", "b0"] == ids(first) + ids(second)

    @pytest.mark.parametrize(
        "other", [{"user_id": "ann"}, {"product_id": "milk"}, {"kinds": [Kind.PURCHASE]}, {"shop": "other"}]
    )
    def test_a_token_answers_its_own_question_only(self, history, other):
        history.record([bought("b1", "2026-05-01"), bought("b2", "2026-05-02")])
        token = history.timeline("shop", page_size=1).next_token
        question = {"shop": "shop"} | other
        with pytest.raises(InvalidInputError, match="another question"):
            history.timeline(question.pop("shop"), page_token=token, **question)

    @pytest.mark.parametrize("token", ["x", "é", "MQ", "[]", "bnVsbA"])
    def test_a_token_that_is_none_of_ours_is_refused(self, history, token):
        with pytest.raises(InvalidInputError):
            history.timeline("shop", page_token=token)

    @pytest.mark.parametrize(("asked", "shown"), [(0, 1), (-1, 1), (10**9, 3)])
    def test_a_page_holds_at_least_one(self, history, asked, shown):
        history.record([bought(f"b{number}", "2026-05-03") for number in range(3)])
        assert shown == len(history.timeline("shop", page_size=asked).items)


class TestPrices:
    """Every engine."""

    def test_only_the_points_where_the_price_changed_are_told(self, history):
        history.record(
            [
                bought("b2", "2026-05-04", line(price="0.9")),
                bought("b1", "2026-05-02", line(price="1.00")),
                told("p1", "2026-05-01", price="1", currency="EUR"),
                told("p2", "2026-05-03", name="says nothing of it"),
                told("p3", "2026-05-05", price="0.90", currency="EUR"),
                told("p4", "2026-05-06", price="1", currency="EUR"),
            ]
        )
        expected = [
            PricePoint(ms("2026-05-01"), Decimal(1), "EUR", "catalogue"),
            PricePoint(ms("2026-05-04"), Decimal("0.9"), "EUR", "purchase"),
            PricePoint(ms("2026-05-06"), Decimal(1), "EUR", "catalogue"),
        ]
        assert expected == history.prices("shop", "milk")
        assert expected[1:] == history.prices("shop", "milk", limit=2)

    def test_each_currency_moves_for_itself(self, history):
        history.record(
            [
                bought("1", "2026-05-01"),
                bought("2", "2026-05-02", currency="USD"),
                bought("3", "2026-05-03"),
                bought("4", "2026-05-04", currency="USD"),
            ]
        )
        assert ["EUR", "USD"] == [point.currency for point in history.prices("shop", "milk")]

    def test_an_unknown_product_has_no_price(self, history):
        history.record([bought("1", "2026-05-01")])
        assert history.prices("shop", "tea") == []


class TestShops:
    """Every engine."""

    def test_equal_ids_in_two_shops_never_mix(self, history):
        def events(shop: str, category: str, price: int) -> list[Entry]:
            return [
                bought("b", "2026-05-01", line(quantity=2, price=price), shop=shop),
                refunded("r", "b", "2026-05-02", shop=shop),
                told("p", "2026-05-03", categories=[category], price=price + 1, currency="EUR", shop=shop),
                expressed("i", "2026-05-04", name=category, shop=shop),
            ]

        one, two = events("one", "A", 1), events("two", "B", 7)
        history.record([*one, *two])
        for shop, entries, category, price in (("one", one, "A", "1"), ("two", two, "B", "7")):
            for asked in ({}, {"user_id": "ann"}):
                assert [row("2026-05-01", revenue=price)] == history.trends(TrendQuery(shop, **asked))
                found = history.trends(TrendQuery(shop, by="category", **asked))
                assert [row("2026-05-01", category, revenue=price)] == found
                found = history.trends(TrendQuery(shop, by="interest", **asked))
                assert [(category.lower(), 1)] == [(one_row.key, one_row.count) for one_row in found]
            assert entries[::-1] == list(history.timeline(shop).items)
            assert ["i", "r", "b"] == ids(history.timeline(shop, user_id="ann"))
            assert entries[2::-1] == list(history.timeline(shop, product_id="milk").items)
            assert [int(price), int(price) + 1] == [point.price for point in history.prices(shop, "milk")]

    def test_what_was_erased_is_in_no_answer_and_others_stay(self, history):
        for shop in ("one", "two"):
            history.record(
                [
                    bought("b1", "2026-05-01", line(categories=["A"], price=5), shop=shop),
                    bought("b2", "2026-05-09", shop=shop),
                    bought("b3", "2026-05-01", user="bob", shop=shop),
                    refunded("r", "b1", "2026-05-02", shop=shop),  # leaves as much as two purchases at 1
                    expressed("i", "2026-05-02", name="jazz", shop=shop),
                ]
            )
        assert history.erase("one", "ann", ms("2026-05-09")) == 3
        both = row("2026-05-01", count=2, quantity="2", revenue="2", buyers=2)
        assert [both] == history.trends(TrendQuery("one"))
        assert history.trends(TrendQuery("one", by="interest")) == []
        assert [replace(both, key="A")] == history.trends(TrendQuery("one", by="category"))
        assert ["b2", "b3"] == ids(history.timeline("one", product_id="milk"))
        assert [Decimal(1)] == [point.price for point in history.prices("one", "milk")]
        assert len(history.timeline("two").items) == 5
        assert [replace(both, count=3)] == history.trends(TrendQuery("two"))

    def test_an_erased_purchase_recorded_again_has_no_effect(self, history):
        first = bought("b1", "2026-05-01")
        history.record([first])
        history.erase("shop", "ann", ms("2026-05-09"))
        history.record([first, bought("b1", "2026-05-01")])
        assert history.trends(TrendQuery("shop")) == []
        assert history.timeline("shop").items == ()
