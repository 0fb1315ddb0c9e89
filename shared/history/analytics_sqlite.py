"""Analysts' questions in SQLite: flat rows derived from the ledger's entries, in the same transaction as they."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from shared.bus.port import Position
from shared.contracts.events import InterestKind, Kind
from shared.history.derive import Expression, Line, Listing, Refund, Row, Shelf, derive, price_of
from shared.history.port import Entry, Page, PricePoint, TrendQuery, TrendRow
from shared.history.store import Store
from shared.history.tokens import page_bound, place_in, token_for
from shared.history.trending import bounded, by_period, key_of, trend_row

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
_PERIODS = {"day": "day", "week": "date(day, 'weekday 0', '-6 days')", "month": "substr(day, 1, 7) || '-01'"}
# A refund counts on the day of its purchase; of several lines with the product, the first one's price is owed.
_SOLD = """
WITH sold AS (
    SELECT purchase_id, user_id, product_id, day, quantity, spend, currency
    FROM lines AS l WHERE l.shop = :shop {within}
    UNION ALL
    SELECT l.purchase_id, l.user_id, l.product_id, l.day, -r.quantity,
        -coalesce(r.amount, price_of(l.unit_price, r.quantity, l.currency)),
        CASE WHEN r.amount IS NULL THEN l.currency ELSE r.currency END
    FROM {refunded} ON r.shop = l.shop AND r.purchase_id = l.purchase_id AND r.product_id = l.product_id
    WHERE r.shop = :shop AND l.shop = :shop AND l.number = (
        SELECT min(f.number) FROM lines AS f
        WHERE f.shop = :shop AND f.purchase_id = r.purchase_id AND f.product_id = r.product_id
    ) {within}
)
SELECT {start} AS start, {key} AS key, count(DISTINCT purchase_id), sum(quantity), sum(spend) AS revenue, currency,
    count(DISTINCT user_id), NULL
FROM sold {join} WHERE :key IS NULL OR {key} = :key
GROUP BY 1, 2, currency ORDER BY start DESC, revenue DESC, key, currency LIMIT :limit
"""
# SQLite joins in the order written: a shop has fewer refunds than lines, but one user or one product has few lines.
_REFUNDED_IN_SHOP = "refunds AS r CROSS JOIN lines AS l"
_REFUNDED_BY_LINES = "lines AS l CROSS JOIN refunds AS r"
_KEYS = {"total": ("'total'", ""), "product": ("product_id", "")}
_KEYS["category"] = (
    "level.value",
    "JOIN shelves AS s ON s.shop = :shop AND s.product_id = sold.product_id JOIN json_each(s.levels) AS level",
)
_EXPRESSED = """
SELECT {start} AS start, name AS key, count(*) AS expressed, 0, 0, '', count(DISTINCT user_id), avg(score)
FROM expressions AS l
WHERE l.shop = :shop AND name IS NOT NULL AND kind != :dismissed AND (:key IS NULL OR name = :key) {within}
GROUP BY 1, 2 ORDER BY start DESC, expressed DESC, key LIMIT :limit
"""
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


def insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Add what new entries say, inside the caller's transaction; to be called once for each entry."""
    rows: dict[type[Row], list[Row]] = {table: [] for table in _INSERTS}
    for entry in entries:
        for row in derive(entry):
            rows[type(row)].append(row)
    for table, statement in _INSERTS.items():
        connection.executemany(statement, rows[table])


def forget(connection: sqlite3.Connection, shop: str, user_id: str, before_ms: int) -> None:
    """Remove what the user did before a moment (ms), inside the caller's transaction.

    What a purchase told about where a product stands is the product's, and stays without the purchase's id.
    """
    whose = {"shop": shop, "user": user_id, "before": before_ms}
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


class SqliteAnalytics:
    """Implements `shared.history.port.Analytics`. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store

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
        within = "".join(
            part
            for part, given in (
                (" AND l.user_id = :user", query.user_id),
                (" AND l.at >= :since", query.since),
                (" AND l.at < :until", query.until),
                (" AND l.product_id = :key", query.key if query.by == "product" else None),
            )
            if given is not None
        )
        self._store.read().create_function("price_of", 3, price_of, deterministic=True)
        rows = self._store.rows(_trend_sql(query, within), _trend_values(query))
        return by_period([trend_row(row) for row in rows])

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


def _trend_sql(query: TrendQuery, within: str) -> str:
    start = _PERIODS[query.period]
    if query.by == "interest":
        return _EXPRESSED.format(start=start, within=within)
    key, join = _KEYS[query.by]
    few_lines = query.user_id is not None or (query.by == "product" and query.key is not None)
    refunded = _REFUNDED_BY_LINES if few_lines else _REFUNDED_IN_SHOP
    return _SOLD.format(start=start, within=within, key=key, join=join, refunded=refunded)


def _trend_values(query: TrendQuery) -> dict[str, Any]:
    return {
        "shop": query.shop,
        "user": query.user_id,
        "since": query.since,
        "until": query.until,
        "key": key_of(query),
        "dismissed": InterestKind.DISMISSED.value,
        "limit": bounded(query.limit),
    }


def _entry(row: tuple[Any, ...]) -> Entry:
    at, _, shop, kind, id_, digest, log, topic, part, off, user_id, product_id, type_, data = row
    return Entry(shop, Kind(kind), id_, digest, Position(log, topic, part, off), user_id, product_id, at, type_, data)
