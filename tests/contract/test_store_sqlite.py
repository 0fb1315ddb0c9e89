"""The embedded history's file: a program's mistake surfaces as itself, a file that does not answer is unavailable."""

import sqlite3

import pytest

from shared.errors import UnavailableError
from shared.history import store as stores
from shared.history.store import Store


@pytest.fixture
def store(tmp_path):
    one = Store(tmp_path / "some.db", ["CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"])
    yield one
    one.close()


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELEC 1", ()),
        ("SELECT * FROM nothing_such", ()),
        ("SELECT no_such_function(1)", ()),
        ("SELECT json('{')", ()),
        ("SELECT ?", ()),
        ("SELECT :name", {"other": 1}),
        ("SELECT 1; SELECT 2", ()),
    ],
)
def test_a_wrong_statement_is_a_mistake_and_not_an_outage(store, sql, parameters):
    with pytest.raises(sqlite3.Error):
        store.rows(sql, parameters)
    with pytest.raises(sqlite3.Error), store.write() as db:
        db.execute(sql, parameters)
    with store.write() as db:
        db.execute("INSERT INTO things VALUES (1, 'one')")
    assert [("one",)] == store.rows("SELECT name FROM things")


def test_a_broken_constraint_is_a_mistake(store):
    for values in ((1, None), ("one", "one")):
        with pytest.raises(sqlite3.IntegrityError), store.write() as db:
            db.execute("INSERT INTO things VALUES (?, ?)", values)


def test_a_transaction_begun_twice_is_a_mistake_and_undone(store):
    with pytest.raises(sqlite3.OperationalError, match="within a transaction"), store.write() as db:
        db.execute("BEGIN")
    with store.write():
        pass


def test_a_full_disk_is_unavailable_and_nothing_is_written(store):
    with store.write() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(UnavailableError, match="full"), store.write() as db:
        db.executemany("INSERT INTO things (name) VALUES (?)", [("x" * 9_000,)] * 9)
    assert store.rows("SELECT * FROM things") == []


def test_a_lock_that_another_process_holds_is_unavailable(store, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_BUSY_SECONDS", 0.05)
    waiting = Store(tmp_path / "some.db", [])
    with store.write(), pytest.raises(UnavailableError, match="locked"), waiting.write():
        pass
    waiting.close()


def test_a_file_that_may_not_be_written_is_unavailable(store):
    with store.write() as db:
        db.execute("PRAGMA query_only=ON")
    with pytest.raises(UnavailableError, match="readonly"), store.write() as db:
        db.execute("INSERT INTO things VALUES (1, 'one')")


def test_a_page_that_cannot_be_read_is_unavailable(store, tmp_path):
    with store.write() as db:
        db.executemany("INSERT INTO things (name) VALUES (?)", [("x" * 5_000,)] * 40)
    store.close()
    file = tmp_path / "some.db"
    file.write_bytes(file.read_bytes()[:8_192] + b"\xff" * 400_000)
    damaged = Store(file, [])
    with pytest.raises(UnavailableError, match="malformed"):
        damaged.rows("SELECT name FROM things")
    damaged.close()
