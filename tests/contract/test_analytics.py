"""What every history answers to analysts; an engine is one line in `ENGINES`."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.bus.port import Position
from shared.clock import to_ms
from shared.contracts.codec import canonical, digest
from shared.contracts.events import (
    InterestExpressed,
    Kind,
    ProductUpdated,
    PurchaseRecorded,
    PurchaseRefunded,
    UserUpdated,
)
from shared.errors import InvalidInputError
from shared.history.port import Entry, PricePoint, TrendQuery, TrendRow
from shared.history.sqlite import SqliteHistory

ENGINES = {"sqlite": lambda directory: SqliteHistory(directory / "history.db")}
OFFSETS = itertools.count()


@pytest.fixture(params=ENGINES.values(), ids=ENGINES.keys())
def history(request, tmp_path):
    running = request.param(tmp_path)
    yield running
    running.close()


def moment(day: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02}:00:00+00:00").astimezone(UTC)


def ms(day: str, hour: int = 12) -> int:
    return to_ms(moment(day, hour))


def entry(data, id_: str, at: datetime, shop: str) -> Entry:
    origin = Position("log", "topic", 0, next(OFFSETS))
    about = (getattr(data, "user_id", None), getattr(data, "product_id", None))
    return Entry(shop, data.ledger_kind, id_, digest(data), origin, *about, to_ms(at), data.type, canonical(data))


def line(product: str = "milk", quantity: object = 1, price: object = "1", **more) -> dict:
    return {"product_id": product, "quantity": quantity, "unit_price": price} | more


def bought(id_, day, *lines, user="ann", shop="shop", currency="EUR", hour=12) -> Entry:
    data = PurchaseRecorded(
        purchase_id=id_, user_id=user, purchased_at=moment(day, hour), currency=currency, lines=lines or (line(),)
    )
    return entry(data, id_, data.purchased_at, shop)


def refunded(id_, purchase, day, *, user="ann", shop="shop", currency="EUR", **back) -> Entry:
    data = PurchaseRefunded(
        refund_id=id_,
        purchase_id=purchase,
        user_id=user,
        refunded_at=moment(day),
        currency=currency,
        lines=({"product_id": "milk", "quantity": 1} | back,),
    )
    return entry(data, id_, data.refunded_at, shop)


def expressed(id_, day, user="ann", shop="shop", **what) -> Entry:
    data = InterestExpressed(interest_id=id_, user_id=user, expressed_at=moment(day), **what)
    return entry(data, id_, data.expressed_at, shop)


def told(id_, day, product="milk", shop="shop", hour=12, **facts) -> Entry:
    data = ProductUpdated(event_id=id_, product_id=product, updated_at=moment(day, hour), **facts)
    return entry(data, id_, data.updated_at, shop)


def user_told(id_, day, user="ann", shop="shop") -> Entry:
    data = UserUpdated(event_id=id_, user_id=user, updated_at=moment(day), locale="de")
    return entry(data, id_, data.updated_at, shop)


def row(start, key="total", *, count=1, quantity="1", revenue="1", currency="EUR", buyers=1) -> TrendRow:
    return TrendRow(start, key, count, Decimal(quantity), Decimal(revenue), currency, buyers)


def interest(key, count, buyers, score) -> TrendRow:
    return TrendRow("2026-05-01", key, count, Decimal(0), Decimal(0), "", buyers, Decimal(score))


def ids(page) -> list[str]:
    return [found.id for found in page.items]


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
    def test_the_order_of_recording_changes_nothing(self, tmp_path_factory, order, cut):
        entries = [
            bought("b1", "2026-05-01", line(quantity=2, categories=["A"]), line("tea", categories=["B"])),
            bought("b2", "2026-05-01", line(categories=["C"]), user="bob"),
            told("p1", "2026-05-01", categories=["D"], price=2, currency="EUR"),
            told("p2", "2026-05-01", categories=["E"], price=3, currency="EUR"),
            refunded("r1", "b1", "2026-05-02"),
            expressed("i1", "2026-05-02", name="x"),
        ]

        def answers(batches) -> list:
            history = next(iter(ENGINES.values()))(tmp_path_factory.mktemp("history"))
            for batch in batches:
                history.record(batch)
            found = [history.trends(TrendQuery("shop", by=by)) for by in ("total", "product", "category", "interest")]
            history.close()
            return found

        shuffled = [entries[number] for number in order]
        assert answers([entries]) == answers([shuffled[:cut], shuffled[cut:]])


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
