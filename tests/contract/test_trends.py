"""How every history counts what was sold and wished for; each engine inherits it (`new_history` in conftest.py)."""

import itertools
from dataclasses import replace

import pytest
from contract.analytics_ground import (
    bought,
    expressed,
    interest,
    line,
    ms,
    refunded,
    row,
    told,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.history.port import TrendQuery


@pytest.fixture
def history(reopen_history):
    return reopen_history()


class TestTrends:
    """Every engine."""

    def test_a_purchase_of_several_lines_counts_once(self, history):
        history.record([bought("b", "2026-05-03", line(quantity="1.5", price="0.99"), line("tea", 2, "3"))])
        assert [row("2026-05-01", quantity="3.5", revenue="7.48")] == history.trends(TrendQuery("shop"))

    @pytest.mark.parametrize(
        ("period", "starts"),
        [
            ("day", ["2025-12-28", "2025-12-29", "2026-01-01", "2026-01-04", "2026-01-05"]),
            ("week", ["2025-12-22", "2025-12-29", "2026-01-05"]),
            ("month", ["2025-12-01", "2026-01-01"]),
        ],
    )
    def test_periods_begin_on_their_first_day_and_weeks_on_monday(self, history, period, starts):
        days = ["2026-01-05", "2025-12-28", "2025-12-29", "2026-01-01", "2026-01-04"]
        history.record([bought(day, day) for day in days])
        assert starts == [found.start for found in history.trends(TrendQuery("shop", period=period))]

    def test_buyers_are_distinct(self, history):
        history.record([bought("1", "2026-05-01"), bought("2", "2026-05-02"), bought("3", "2026-05-03", user="bob")])
        assert [row("2026-05-01", count=3, quantity="3", revenue="3", buyers=2)] == history.trends(TrendQuery("shop"))

    def test_products_come_by_falling_revenue_within_a_period(self, history):
        history.record([bought("1", "2026-05-01", line("a", 1, 1), line("b", 1, 5)), bought("2", "2026-06-01")])
        expected = [row("2026-05-01", "b", revenue="5"), row("2026-05-01", "a"), row("2026-06-01", "milk")]
        assert expected == history.trends(TrendQuery("shop", by="product"))
        assert [expected[1]] == history.trends(TrendQuery("shop", by="product", key="a"))

    def test_every_level_of_a_category_path_is_a_key(self, history):
        dairy, tea = ["Grocery", "Dairy"], ["Grocery", "Tea/Coffee"]
        history.record(
            [bought("1", "2026-05-01", line("milk", 1, 2, categories=dairy), line("tea", 1, 3, categories=tea))]
        )
        expected = [
            row("2026-05-01", "Grocery", quantity="2", revenue="5"),
            row("2026-05-01", "Grocery/Tea%2fCoffee", revenue="3"),
            row("2026-05-01", "Grocery/Dairy", revenue="2"),
        ]
        assert expected == history.trends(TrendQuery("shop", by="category"))
        assert expected[2:] == history.trends(TrendQuery("shop", by="category", key="Grocery/Dairy"))

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
    def test_the_catalogues_latest_word_on_the_category_holds_in_any_order(self, history, order):
        entries = [
            told("p1", "2026-05-01", categories=["Old"]),
            told("p2", "2026-05-02", categories=["Told"]),
            told("p3", "2026-05-03", name="says nothing of it"),
            bought("b", "2026-05-04", line(categories=["Said at the till"])),
        ]
        for number in order:
            history.record([entries[number]])
        assert [row("2026-05-01", "Told")] == history.trends(TrendQuery("shop", by="category"))

    def test_a_refund_is_taken_back_from_the_day_of_the_purchase(self, history):
        history.record([refunded("r", "b", "2026-06-09", amount="0.6"), bought("b", "2026-05-03", line(quantity=2))])
        assert [row("2026-05-01", revenue="1.4")] == history.trends(TrendQuery("shop"))
        asked = TrendQuery("shop", period="day", since=ms("2026-06-01"))
        assert history.trends(asked) == []

    def test_a_refund_without_an_amount_takes_the_price_paid(self, history):
        history.record([bought("b", "2026-05-03", line(quantity=3, price="1.25"), line("tea"))])
        history.record([refunded("r1", "b", "2026-05-04", quantity=2), refunded("r2", "b", "2026-05-05", amount="0")])
        expected = [row("2026-05-01", "milk", quantity="0", revenue="1.25"), row("2026-05-01", "tea")]
        assert expected == history.trends(TrendQuery("shop", by="product"))

    def test_a_refund_of_a_product_on_two_lines_counts_once(self, history):
        history.record([bought("b", "2026-05-03", line(price=2), line(price=3)), refunded("r", "b", "2026-05-04")])
        assert [row("2026-05-01", revenue="3")] == history.trends(TrendQuery("shop"))

    def test_a_refund_of_what_was_not_bought_counts_for_nothing(self, history):
        history.record([bought("b", "2026-05-03", line("tea")), refunded("r", "b", "2026-05-04")])
        history.record([refunded("r2", "unknown", "2026-05-04")])
        assert [row("2026-05-01")] == history.trends(TrendQuery("shop"))

    def test_currencies_are_never_mixed(self, history):
        history.record([bought("e", "2026-05-03"), bought("y", "2026-05-03", line(price=300), currency="JPY")])
        history.record([refunded("r", "e", "2026-05-04", amount=1, currency="USD")])
        expected = [
            row("2026-05-01", revenue="300", currency="JPY"),
            row("2026-05-01"),
            row("2026-05-01", quantity="-1", revenue="-1", currency="USD"),
        ]
        assert expected == history.trends(TrendQuery("shop"))

    def test_one_user_is_told_from_the_others(self, history):
        history.record([bought("1", "2026-05-01"), bought("2", "2026-05-02", line(quantity=3), user="bob")])
        history.record([refunded("r", "2", "2026-05-04", user="bob")])
        asked = TrendQuery("shop", user_id="bob")
        assert [row("2026-05-01", quantity="2", revenue="2")] == history.trends(asked)
        assert [row("2026-05-01")] == history.trends(replace(asked, user_id="ann"))

    def test_a_span_holds_its_beginning_but_not_its_end(self, history):
        history.record([bought(day, day) for day in ("2026-05-01", "2026-05-02", "2026-05-03")])
        asked = TrendQuery("shop", period="day", since=ms("2026-05-01"), until=ms("2026-05-03"))
        assert [row("2026-05-01"), row("2026-05-02")] == history.trends(asked)

    def test_a_limit_keeps_the_latest_periods(self, history):
        history.record([bought(day, day) for day in ("2026-05-01", "2026-05-02", "2026-05-03")])
        asked = TrendQuery("shop", period="day", limit=2)
        assert [row("2026-05-02"), row("2026-05-03")] == history.trends(asked)

    def test_interests_are_counted_with_their_mean_relevance(self, history):
        history.record(
            [
                expressed("1", "2026-05-01", name="Jazz", score="0.5"),
                expressed("2", "2026-05-02", name="jazz ", score="1", user="bob", kind="viewed"),
                expressed("3", "2026-05-02", name="Tea", score="0.2"),
                expressed("4", "2026-05-02", name="Jazz", kind="dismissed"),
                expressed("5", "2026-05-02", product_id="milk"),
            ]
        )
        jazz = interest("jazz", 2, 2, "0.75")
        tea = interest("tea", 1, 1, "0.2")
        assert [jazz, tea] == history.trends(TrendQuery("shop", by="interest"))
        assert [jazz] == history.trends(TrendQuery("shop", by="interest", key="JAZZ"))
        assert [tea] == history.trends(TrendQuery("shop", by="interest", user_id="ann", key="tea"))

    @settings(max_examples=15, deadline=None)
    @given(order=st.permutations(range(6)), cut=st.integers(0, 6))
    def test_the_order_of_recording_changes_nothing(self, new_history, order, cut):
        entries = [
            bought("b1", "2026-05-01", line(quantity=2, categories=["A"]), line("tea", categories=["B"])),
            bought("b2", "2026-05-01", line(categories=["C"]), user="bob"),
            told("p1", "2026-05-01", categories=["D"], price=2, currency="EUR"),
            told("p2", "2026-05-01", categories=["E"], price=3, currency="EUR"),
            refunded("r1", "b1", "2026-05-02"),
            expressed("i1", "2026-05-02", name="x"),
        ]

        def answers(batches) -> list:
            history = new_history()()
            for batch in batches:
                history.record(batch)
            found = [history.trends(TrendQuery("shop", by=by)) for by in ("total", "product", "category", "interest")]
            history.close()
            return found

        shuffled = [entries[number] for number in order]
        assert answers([entries]) == answers([shuffled[:cut], shuffled[cut:]])
