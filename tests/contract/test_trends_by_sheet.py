"""Day sheets: whatever came, however often and in whatever order, they count what the rows themselves say."""

import sqlite3
from itertools import product

import pytest
from contract.analytics_ground import bought, expressed, line, ms, refunded, told
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import FixedClock, from_ms
from shared.history import sheets_sqlite, trends_by_sheet, trends_sqlite
from shared.history.port import TrendQuery
from shared.history.sheets import packed, sheet_of, unpacked
from shared.history.sqlite import SqliteHistory

LATER = from_ms(ms("2026-09-01"))
ENTRIES = [
    bought("b1", "2026-04-30", line(quantity=2, categories=["A", "B"]), line("tea", 1, 3, categories=["A"])),
    bought("b2", "2026-05-01", line(categories=["C"]), line(price=2), line("tea"), user="bob"),
    bought("b3", "2026-05-01", line("tea", 3, "0.5"), currency="JPY", hour=23),
    bought("b4", "2026-05-31", line("milk"), line("oil", 1, 1), user="cat", hour=0),
    bought("b4", "2026-05-31", line("milk", 9), user="cat"),  # a conflict
    bought("b5", "2026-06-01", line("oil", categories=["A", "B"]), user="bob"),
    bought("b6", "2026-06-01", line("oil"), user="bob", shop="other"),
    told("p1", "2026-05-01", categories=["D", "E"], price=2, currency="EUR"),
    told("p2", "2026-06-01", "tea", categories=["A", "B"]),
    told("p3", "2026-06-02", "salt", categories=["A", "B"]),
    refunded("r1", "b1", "2026-06-02"),
    refunded("r2", "b2", "2026-05-02", user="bob", amount="0.4"),
    refunded("r3", "b4", "2026-06-01", user="cat", currency="USD", amount="1"),
    refunded("r4", "never", "2026-06-01"),
    expressed("i1", "2026-05-01", name="Jazz", score="0.4"),
    expressed("i2", "2026-05-02", name="jazz", user="bob", kind="viewed"),
    expressed("i3", "2026-06-02", name="Tea", score="0.25"),
    expressed("i4", "2026-06-02", name="Tea", kind="dismissed", user="cat"),
    expressed("i5", "2026-06-02", product_id="milk", user="cat"),
]
SPANS = [(None, None), (ms("2026-05-01", 0), ms("2026-06-01", 0)), (ms("2026-05-01", 13), ms("2026-06-01", 12))]
KEYS = {"total": ["total", "else"], "product": [], "category": ["A", "A/B", "nowhere"], "interest": ["JAZZ", "none"]}
QUESTIONS = [
    TrendQuery("shop", by=by, period=period, since=since, until=until, key=key, limit=limit)
    for by, period, (since, until), limit in product(KEYS, ("day", "week", "month"), SPANS, (1, 3, 500))
    for key in (None, *KEYS[by])
]
STEPS = st.one_of(
    st.sampled_from([("record", number) for number in range(len(ENTRIES))]),
    st.sampled_from([("erase", user, ms(day)) for user in ("ann", "bob") for day in ("2026-05-15", "2026-07-01")]),
    st.just(("tidy",)),
    st.just(("ask",)),
)


@pytest.fixture
def history(tmp_path):
    history = SqliteHistory(tmp_path / "history.db", FixedClock(LATER))
    yield history
    history.close()


def days(history) -> dict:
    """Return which days have a packed sheet."""
    return dict(history._store.rows("SELECT subject || ' ' || day, packed IS NOT NULL FROM sheets ORDER BY 1"))


def tidied(history):
    history._clock.moment = from_ms(ms("2026-09-01") + 60_000)
    while history.tidy():
        pass
    history._clock.moment = LATER


def assert_equals_its_rows(history):
    with history._store.snapshot() as db:
        for query in QUESTIONS:
            assert trends_sqlite.counted(db, query) == history._by_sheet.counted(db, query), query


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(STEPS, max_size=40), portions=st.sampled_from([1, 4, 10_000]))
def test_sheets_count_what_the_rows_say(tmp_path_factory, steps, portions):
    history = SqliteHistory(tmp_path_factory.mktemp("history") / "history.db", FixedClock(LATER))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trends_by_sheet, "_FEWEST", portions)
        for step, *about in (*steps, ("ask",), ("tidy",), ("ask",)):
            match step:
                case "record":
                    history.record([ENTRIES[about[0]]])
                case "erase":
                    history.erase("shop", *about)
                case "tidy":
                    tidied(history)
                case "ask":
                    assert_equals_its_rows(history)
    history.close()


def test_a_day_that_changed_is_counted_anew_and_others_are_not(history):
    history.record([bought("1", "2026-05-01"), bought("2", "2026-05-02")])
    tidied(history)
    assert {"sold 2026-05-01": 1, "sold 2026-05-02": 1} == days(history)
    history.record([refunded("r", "2", "2026-06-09")])
    assert {"sold 2026-05-01": 1, "sold 2026-05-02": 0} == days(history)
    assert_equals_its_rows(history)


def test_a_day_is_packed_once_it_falls_quiet(history):
    history.record([bought("1", "2026-05-01")])
    assert (False, {"sold 2026-05-01": 0}) == (history.tidy(), days(history))
    tidied(history)
    assert {"sold 2026-05-01": 1} == days(history)


def test_packed_days_are_not_read_again(history, monkeypatch):
    history.record(ENTRIES)
    tidied(history)
    monkeypatch.setattr(sheets_sqlite, "fresh", None)  # cannot be called
    for query in QUESTIONS:
        if (query.since, query.until) in SPANS[:2]:
            history.trends(query)


def test_an_erasure_takes_the_name_and_the_number_is_never_given_again(history):
    history.record([bought("1", "2026-05-01", user="ann"), bought("2", "2026-05-01", user="bob")])
    history.erase("shop", "bob", ms("2026-06-01"))
    history.record([bought("3", "2026-05-01", user="cat"), bought("4", "2026-06-02", user="bob")])
    users = history._store.rows("SELECT number, name FROM names WHERE kind = 'user' ORDER BY number")
    assert [(1, "ann"), (2, None), (3, "bob"), (4, "cat")] == users


def test_an_older_history_opens_and_is_counted_by_sheet(tmp_path):
    path = tmp_path / "history.db"
    old = SqliteHistory(path, FixedClock(LATER))
    old.record(ENTRIES)
    before = {query: old.trends(query) for query in QUESTIONS}
    with old._store.write() as db:
        for name in ("shelf_found", "shelf_moved"):
            db.execute(f"DROP TRIGGER {name}")
        for name in ("names", "moves", "sheets"):
            db.execute(f"DROP TABLE {name}")
        db.execute("PRAGMA user_version=1")
    old.close()
    for _ in range(2):
        history = SqliteHistory(path, FixedClock(LATER))
        tidied(history)
        assert before == {query: history.trends(query) for query in QUESTIONS}
        assert_equals_its_rows(history)
        history.record([bought(f"more-{_}", "2026-05-07", line("new", categories=["A", "F"]), user="dan")])
        assert_equals_its_rows(history)
        before = {query: history.trends(query) for query in QUESTIONS}
        history.close()
    assert [(2,)] == sqlite3.connect(path).execute("PRAGMA user_version").fetchall()


def test_a_sheet_of_another_version_is_read_from_its_rows(history):
    history.record(ENTRIES)
    tidied(history)
    with history._store.write() as db:
        db.execute("UPDATE sheets SET packed = ? WHERE day = '2026-05-01'", (b"\0\0\0\5[9,0]",))
    assert_equals_its_rows(history)


@pytest.mark.parametrize("largest", [0, 1, 255, 70_000, 2**40, -(2**62)])
def test_a_sheet_is_unpacked_as_it_was(largest):
    rows = [("b", 1, 2, "EUR", largest, 5), ("c", 3, 70_000, "JPY", 1, -largest)]
    sheet = sheet_of(rows)
    again = unpacked(packed(sheet))
    assert sheet.words == again.words
    for name in ("event", "user", "key", "word", "quantity", "amount"):
        assert getattr(sheet, name).tolist() == getattr(again, name).tolist()


def test_a_limit_keeps_the_same_rows_among_equals(history):
    history.record([bought(f"b{n}", "2026-05-01", line(f"p{n % 9}")) for n in range(90)])
    for limit in range(1, 10):
        rows = history.trends(TrendQuery("shop", by="product", limit=limit))
        assert [f"p{n}" for n in range(limit)] == [row.key for row in rows]
