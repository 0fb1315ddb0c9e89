"""Trends on every history: pages that go back in time, and rows beside the period before theirs."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest
from contract.analytics_ground import bought, line
from pyarrow import parquet

from services.gateway import trends
from services.gateway.trends import compared, paged
from shared.exporting import rows
from shared.exporting.files import write
from shared.history.port import TrendQuery

DAYS = ["2026-04-30", "2026-05-01", "2026-05-04", "2026-06-30"]


@pytest.fixture
def history(reopen_history):
    opened = reopen_history()
    opened.record(
        [bought(day, day, line("milk", number, "2"), line("tea", 1, "1")) for number, day in enumerate(DAYS, 1)]
    )
    return opened


def figures(*of: object) -> dict[str, object]:
    return dict(zip(("count", "quantity", "revenue", "buyers"), of, strict=True))


def test_each_row_is_beside_the_whole_period_before(history):
    query = TrendQuery("shop", by="product", key="milk", since=None)
    april, may, june = compared(history, query, history.trends(query))
    assert figures(0, Decimal(0), Decimal(0), 0) == april["previous"]
    assert figures(1, Decimal(1), Decimal(2), 1) == may["previous"]
    assert figures(1, Decimal(4), Decimal(8), 0) == may["change"]
    assert figures(-1, Decimal(-1), Decimal(-2), 0) == june["change"]


def test_a_bound_in_time_does_not_hide_what_was_before_it(history):
    query = TrendQuery("shop", since=1_777_766_400_000)  # 3 May: the month before is in April all the same
    assert 1 == compared(history, query, history.trends(query))[0]["previous"]["count"]


@pytest.mark.parametrize(("period", "known"), [("day", [0, 1, 0, 0]), ("week", [0, 2, 0]), ("month", [0, 1, 2])])
def test_the_period_before_is_a_day_a_week_or_a_month_ago(history, period, known):
    query = TrendQuery("shop", period=period)
    assert known == [row["previous"]["count"] for row in compared(history, query, history.trends(query))]


def test_pages_go_back_in_time_and_miss_nothing(history):
    query, pages, place = TrendQuery("shop", by="product", period="day", limit=3), [], 0
    while place is not None:
        rows, place = paged(history, query, place)
        pages.append(rows)
    assert [3, 3, 2] == [len(rows) for rows in pages]
    assert [row for rows in pages[::-1] for row in rows] != []
    assert set(history.trends(TrendQuery("shop", by="product", period="day"))) == {
        row for rows in pages for row in rows
    }
    assert ["2026-05-04", "2026-06-30", "2026-06-30"] == [row.start for row in pages[0]]


def test_what_was_not_looked_at_is_not_called_nothing(history, monkeypatch):
    monkeypatch.setattr(trends, "MOST", 2)
    query = TrendQuery("shop", by="product", limit=2)
    found = compared(history, query, history.trends(TrendQuery("shop", by="product", key="milk")))
    assert (None, None) == (found[0]["previous"], found[0]["change"])


def test_no_rows_are_compared_with_nothing(history):
    assert [] == compared(history, TrendQuery("nowhere"), [])


def test_compared_trends_are_tables_with_exact_numbers_that_may_fall(history, tmp_path):
    query, told = TrendQuery("shop", by="product", key="milk"), []
    for format in ("csv", "parquet"):
        with (tmp_path / format).open("wb") as file:
            write("compared", rows.compared(compared(history, query, history.trends(query))), file, format)
    with (tmp_path / "csv").open(newline="") as file:
        told.append(list(csv.DictReader(file))[2])
    told.append(parquet.read_table(tmp_path / "parquet").to_pylist()[2])
    names = ("previous_revenue", "change_revenue", "change_count")
    assert [[10, -2, -1]] * 2 == [[Decimal(row[name]) for name in names] for row in told]
