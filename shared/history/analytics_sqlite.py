"""Analysts' questions in SQLite: flat rows derived from the ledger's entries, in the same transaction as they."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

from shared.bus.port import Position
from shared.clock import Clock, SystemClock, to_ms
from shared.contracts.events import Kind
from shared.courtesy import considerate
from shared.history import sheets_sqlite
from shared.history.derive import Expression, Line, Listing, Refund, Row, Shelf, derive
from shared.history.port import Entry, Page, PricePoint, TrendQuery, TrendRow
from shared.history.store import Store
from shared.history.tokens import page_bound, place_in, token_for
from shared.history.trending import bounded, by_period, trend_row
from shared.history.trends_by_sheet import SheetTrends
from shared.history.trends_sqlite import counted

SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
    number INTEGER PRIMARY KEY,
    shop TEXT NOT NULL, purchase_id TEXT NOT NULL, user_id TEXT NOT NULL, product_id TEXT NOT NULL,
    at INTEGER NOT NULL, day TEXT NOT NULL, quantity INTEGER NOT NULL, spend INTEGER NOT NULL,
    unit_price TEXT NOT NULL, currency TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS lines_by_purchase ON lines (shop, purchase_id, product_id);
CREATE INDEX IF NOT EXISTS lines_by_product ON lines (shop, product_id, at);
CREATE INDEX IF NOT EXISTS lines_by_user ON lines (shop, user_id, at);
CREATE INDEX IF NOT EXISTS lines_by_moment ON lines (shop, at);
CREATE TABLE IF NOT EXISTS refunds (
    number INTEGER PRIMARY KEY,
    shop TEXT NOT NULL, refund_id TEXT NOT NULL, purchase_id TEXT NOT NULL, user_id TEXT NOT NULL,
    product_id TEXT NOT NULL, at INTEGER NOT NULL, quantity INTEGER NOT NULL, amount INTEGER, currency TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS refunds_by_product ON refunds (shop, product_id);
CREATE INDEX IF NOT EXISTS refunds_by_purchase ON refunds (shop, purchase_id, product_id);
CREATE INDEX IF NOT EXISTS refunds_by_user ON refunds (shop, user_id);
CREATE TABLE IF NOT EXISTS expressions (
    number INTEGER PRIMARY KEY,
    shop TEXT NOT NULL, interest_id TEXT NOT NULL, user_id TEXT NOT NULL, name TEXT, product_id TEXT,
    kind TEXT NOT NULL, score INTEGER NOT NULL, at INTEGER NOT NULL, day TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS expressions_by_moment ON expressions (shop, at);
CREATE INDEX IF NOT EXISTS expressions_by_product ON expressions (shop, product_id) WHERE product_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS expressions_by_user ON expressions (shop, user_id, at);
CREATE TABLE IF NOT EXISTS shelves (
    shop TEXT NOT NULL, product_id TEXT NOT NULL,
    rank INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, levels TEXT NOT NULL,
    PRIMARY KEY (shop, product_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listings (
    shop TEXT NOT NULL, product_id TEXT NOT NULL, event_id TEXT NOT NULL,
    at INTEGER NOT NULL, price TEXT, currency TEXT
);
CREATE INDEX IF NOT EXISTS listings_by_product ON listings (shop, product_id, at);
CREATE INDEX IF NOT EXISTS ledger_by_moment ON ledger (shop, at);
"""

_INSERTS: Mapping[type[Row], str] = {
    Line: "INSERT INTO lines (shop, purchase_id, user_id, product_id, at, day, quantity, spend, unit_price, currency)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    Refund: "INSERT INTO refunds (shop, refund_id, purchase_id, user_id, product_id, at, quantity, amount, currency)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    Expression: "INSERT INTO expressions (shop, interest_id, user_id, name, product_id, kind, score, at, day)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    Listing: "INSERT INTO listings (shop, product_id, event_id, at, price, currency) VALUES (?, ?, ?, ?, ?, ?)",
    Shelf: "INSERT INTO shelves (shop, product_id, rank, at, id, levels) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (shop, product_id) DO UPDATE"
    " SET rank = excluded.rank, at = excluded.at, id = excluded.id, levels = excluded.levels"
    " WHERE (excluded.rank, excluded.at, excluded.id, excluded.levels) > (rank, at, id, levels)",
}
_PRICES = """
WITH points AS (
    SELECT at, price, currency, 'catalogue' AS source FROM listings
    WHERE shop = :shop AND product_id = :product AND price IS NOT NULL
    UNION
    SELECT at, unit_price, currency, 'purchase' FROM lines WHERE shop = :shop AND product_id = :product
), moves AS (
    SELECT *, lag(price) OVER (PARTITION BY currency ORDER BY at, source, price) AS before FROM points
)
SELECT at, price, currency, source FROM moves WHERE before IS NULL OR before != price
ORDER BY at DESC, source DESC, price DESC LIMIT :limit
"""
_QUIET_MS = 10_000  # days that change all the time are read from their rows instead
_DAYS_AT_ONCE = 4  # packed in one transaction, so that recording need not wait long
_MENTIONS = """(
    SELECT 'purchase' AS of_kind, purchase_id AS of_id FROM lines INDEXED BY lines_by_product
    WHERE shop = :shop AND product_id = :product
    UNION SELECT 'refund', refund_id FROM refunds WHERE shop = :shop AND product_id = :product
    UNION SELECT 'interest', interest_id FROM expressions WHERE shop = :shop AND product_id = :product
    UNION SELECT 'product', event_id FROM listings WHERE shop = :shop AND product_id = :product
) CROSS JOIN ledger ON kind = of_kind AND id = of_id"""
_TIMELINE = """
SELECT at, seq, shop, kind, id, digest, log, topic, part, off, user_id, product_id, type, data FROM {source}
WHERE shop = :shop AND data IS NOT NULL {conditions} ORDER BY at DESC, seq DESC LIMIT :limit
"""


def insert(connection: sqlite3.Connection, entries: Sequence[Entry], now: int) -> None:
    """Add what new entries say at a moment (ms), inside the caller's transaction; to be called once for each entry."""
    rows: dict[type[Row], list[Row]] = {table: [] for table in _INSERTS}
    for entry in considerate(entries):
        for row in derive(entry):
            rows[type(row)].append(row)
    for table, statement in _INSERTS.items():
        connection.executemany(statement, considerate(rows[table]))
    sheets_sqlite.touch(connection, chain.from_iterable(rows.values()), now)


def forget(connection: sqlite3.Connection, shop: str, user_id: str, before_ms: int) -> None:
    """Remove what the user did before a moment (ms), inside the caller's transaction.

    What a purchase told about where a product stands is the product's, and stays without the purchase's id.
    """
    whose = {"shop": shop, "user": user_id, "before": before_ms}
    sheets_sqlite.touch_user(connection, whose)
    connection.execute(
        "UPDATE shelves SET id = '' WHERE shop = :shop AND rank = 0 AND (product_id, id) IN ("
        "SELECT product_id, purchase_id FROM lines WHERE shop = :shop AND user_id = :user AND at < :before)",
        whose,
    )
    for table in ("lines", "refunds", "expressions"):
        connection.execute(
            f"DELETE FROM {table} WHERE shop = :shop AND user_id = :user AND at < :before",  # noqa: S608 (own names)
            whose,
        )
    sheets_sqlite.unname(connection, whose)


class SqliteAnalytics:
    """Implements `shared.history.port.Analytics`. Thread-safe."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._by_sheet = SheetTrends()

    def timeline(
        self,
        shop: str,
        *,
        user_id: str | None = None,
        product_id: str | None = None,
        kinds: Sequence[Kind] = (),
        page_token: str = "",
        page_size: int = 50,
    ) -> Page[Entry]:
        """Return events, newest first; up to 1000 a page.

        Raises:
            InvalidInputError: the token belongs to another question.
            UnavailableError: the file does not answer.
        """
        question = ("timeline", shop, user_id, product_id, sorted(set(kinds)))
        size = page_bound(page_size)
        at, seq = place_in(question, page_token, 2) if page_token else (None, None)
        asked = {"shop": shop, "user": user_id, "product": product_id, "at": at, "seq": seq, "limit": size + 1}
        asked |= {f"kind{number}": kind.value for number, kind in enumerate(kinds)}
        source = "ledger" if product_id is None else _MENTIONS
        rows = self._store.rows(_TIMELINE.format(source=source, conditions=_timeline_conditions(asked)), asked)
        more = token_for(question, rows[size - 1][:2]) if len(rows) > size else ""
        return Page(tuple(map(_entry, rows[:size])), more)

    def trends(self, query: TrendQuery) -> list[TrendRow]:
        """Return rows by period, then by falling revenue (by interest: count); the latest `limit` (up to 10 000).

        Refunds are taken back from the day of the purchase. Dismissals are no expressions of interest.

        Raises:
            UnavailableError: the file does not answer.
        """
        few_rows = query.user_id is not None or (query.by == "product" and query.key is not None)
        with self._store.snapshot() as db:
            rows = counted(db, query) if few_rows else self._by_sheet.counted(db, query)
        return by_period([trend_row(row) for row in rows])

    def tidy(self) -> bool:
        """Pack some of the days that have fallen quiet, so that counting them is quick; say whether there are more.

        Raises:
            UnavailableError: nothing was packed.
        """
        quiet = to_ms(self._clock.now()) - _QUIET_MS
        if not sheets_sqlite.any_stale(self._store.read(), quiet):
            return False
        with self._store.write() as db:
            return sheets_sqlite.pack_stale(db, quiet, _DAYS_AT_ONCE) == _DAYS_AT_ONCE

    def prices(self, shop: str, product_id: str, limit: int = 500) -> list[PricePoint]:
        """Return how a product's price moved: the latest points where it changed, in each currency, oldest first.

        Raises:
            UnavailableError: the file does not answer.
        """
        asked = {"shop": shop, "product": product_id, "limit": bounded(limit)}
        rows = self._store.rows(_PRICES, asked)
        return [PricePoint(at, Decimal(price), currency, source) for at, price, currency, source in reversed(rows)]


def _timeline_conditions(asked: Mapping[str, Any]) -> str:
    kinds = ", ".join(f":{name}" for name in asked if name.startswith("kind"))
    conditions = {
        "AND user_id = :user": asked["user"] is not None,
        f"AND kind IN ({kinds})": bool(kinds),
        "AND (at, seq) < (:at, :seq)": asked["at"] is not None,
    }
    return " ".join(condition for condition, given in conditions.items() if given)


def _entry(row: tuple[Any, ...]) -> Entry:
    at, _, shop, kind, id_, digest, log, topic, part, off, user_id, product_id, type_, data = row
    return Entry(shop, Kind(kind), id_, digest, Position(log, topic, part, off), user_id, product_id, at, type_, data)
