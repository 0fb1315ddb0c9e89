"""The embedded ledger's file: all or nothing, full disks, damage, erasure to the last byte, and its indexes."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.bus.port import Position
from shared.contracts.events import Kind
from shared.errors import UnavailableError
from shared.history import analytics_sqlite
from shared.history.port import Entry, Outcome
from shared.history.sqlite import SqliteHistory

NEW, REDELIVERED = Outcome.NEW, Outcome.REDELIVERED
NOON = 1_777_800_000_000


@pytest.fixture
def ledger(tmp_path):
    history = SqliteHistory(tmp_path / "history.db")
    yield history
    history.close()


def at(offset: int) -> Position:
    return Position("log-1", "commerce.purchases.v1", 0, offset)


def bought(id_: str, offset: int, *, user: str = "ann", when: int = NOON) -> Entry:
    line = {"product_id": "milk", "quantity": "1", "unit_price": "1.99", "categories": ["Grocery", "Dairy"]}
    data = json.dumps({"purchase_id": id_, "user_id": user, "currency": "EUR", "lines": [line]}).encode()
    type_ = "com.tastegraph.purchase.recorded.v1"
    return Entry("shop", Kind.PURCHASE, id_, f"digest of {id_}", at(offset), user, None, when, type_, data)


def ids(ledger) -> list[str]:
    return [entry.id for _, entry in ledger.replay()]


def test_nothing_is_recorded_when_something_of_a_batch_cannot_be(ledger):
    with pytest.raises(OverflowError):
        ledger.record([bought("b1", 0), bought("b2", 1, when=2**64)], [at(1)])
    assert ([], []) == (ids(ledger), ledger.watermarks())
    assert [NEW] == ledger.record([bought("b1", 0)])


def test_nothing_is_recorded_when_derived_rows_cannot_be(ledger, monkeypatch):
    def fail(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(analytics_sqlite, "insert", fail)
    with pytest.raises(UnavailableError, match="disk is full"):
        ledger.record([bought("b1", 0)], [at(0)])
    assert ([], []) == (ids(ledger), ledger.watermarks())


def test_a_full_disk_means_that_nothing_was_recorded(ledger):
    with ledger._store.write() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages + 4}")
    with pytest.raises(UnavailableError, match="full"):
        ledger.record([bought(f"b{n}", n) for n in range(500)], [at(499)])
    assert ([], []) == (ids(ledger), ledger.watermarks())
    assert [NEW] == ledger.record([bought("b1", 0)])


def test_no_trace_of_the_erased_is_left_in_the_file(ledger, tmp_path):
    ledger.record([bought("b1", 0, user="ann-the-erased"), bought("b2", 1, user="bob-who-stays")])
    ledger.erase("shop", "ann-the-erased", NOON + 1)
    ledger.close()
    held = (tmp_path / "history.db").read_bytes()
    assert (False, True) == (b"ann-the-erased" in held, b"bob-who-stays" in held)


def test_a_damaged_file_is_named_and_left_alone(ledger, tmp_path):
    ledger.close()
    (tmp_path / "history.db").write_bytes(b"no database at all" * 1_000)
    with pytest.raises(UnavailableError, match=r"history\.db.*not a database"):
        SqliteHistory(tmp_path / "history.db")
    assert (tmp_path / "history.db").read_bytes().startswith(b"no database")


def test_damage_found_while_reading_is_told_as_unavailable(ledger, tmp_path):
    ledger.record([bought(f"b{n}", n) for n in range(2_000)])
    ledger.close()
    data = bytearray((tmp_path / "history.db").read_bytes())
    data[len(data) // 3 :] = b"\xff" * (len(data) - len(data) // 3)
    (tmp_path / "history.db").write_bytes(data)
    with pytest.raises(UnavailableError, match="malformed"):
        list(SqliteHistory(tmp_path / "history.db").replay())


def test_a_newer_format_is_refused(ledger, tmp_path):
    with ledger._store.write() as db:
        db.execute("PRAGMA user_version=99")
    ledger.close()
    with pytest.raises(UnavailableError, match="format 99"):
        SqliteHistory(tmp_path / "history.db")


def test_a_closed_history_does_not_answer(ledger):
    ledger.close()
    ledger.close()
    for ask in (ledger.shops, lambda: ledger.record([bought("b1", 0)])):
        with pytest.raises(UnavailableError, match="closed"):
            ask()


def test_two_histories_share_a_file(ledger, tmp_path):
    other = SqliteHistory(tmp_path / "history.db")
    answers = [ledger.record([bought("b1", 0)]), other.record([bought("b1", 0)]), other.record([bought("b2", 1)])]
    assert ([[NEW], [REDELIVERED], [NEW]], ["b1", "b2"]) == (answers, ids(ledger))
    other.close()


def test_many_threads_read_what_one_writes(ledger):
    def look(_: int) -> list[str]:
        return ids(ledger)

    with ThreadPoolExecutor(4) as pool:
        looks = pool.map(look, range(40))
        for n in range(20):
            ledger.record([bought(f"b{n:02}", 2 * n), bought(f"c{n:02}", 2 * n + 1)])
        assert all(len(seen) % 2 == 0 for seen in looks)
    assert 40 == len(look(0))


def test_questions_are_answered_by_an_index(ledger):
    for sql, index in (
        ("SELECT 1 FROM ledger WHERE shop = 'a' AND seq > 5 AND data IS NOT NULL ORDER BY seq", "ledger_by_shop"),
        ("SELECT 1 FROM ledger WHERE off IN (SELECT value FROM json_each('[1]'))", "ledger_by_offset"),
        ("UPDATE ledger SET data = NULL WHERE shop = 'a' AND user_id = 'b' AND at < 5", "ledger_by_user"),
    ):
        plan = str(ledger._store.read().execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
        assert (True, False) == (f"INDEX {index} " in plan, "TEMP B-TREE" in plan), plan
