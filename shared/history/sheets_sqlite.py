"""Day sheets in SQLite: marked stale in the transaction that changes their day, and packed when the day falls quiet.

A sheet that is packed equals its day's rows; one that is not is read from them (docs/adr/0013-day-sheets.md).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain
from typing import Any, Literal

from shared.courtesy import considerate
from shared.history.derive import Expression, Line, Refund, Row, Shelf, price_of
from shared.history.port import TrendQuery
from shared.history.sheets import Sheet, packed, sheet_of, unpacked

Subject = Literal["sold", "said"]

# Numbers are never given again: what was erased leaves its number without a name. `moves` holds each product once,
# under a number that grows, so that who knows the shelves up to a move asks for later ones only.
SCHEMA = """
CREATE TABLE IF NOT EXISTS names (
    shop TEXT NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, name TEXT,
    PRIMARY KEY (shop, kind, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS numbers ON names (shop, kind, name);
CREATE TABLE IF NOT EXISTS moves (
    number INTEGER PRIMARY KEY AUTOINCREMENT, shop TEXT NOT NULL, product_id TEXT NOT NULL, UNIQUE (shop, product_id)
);
CREATE INDEX IF NOT EXISTS moves_by_shop ON moves (shop);
CREATE TRIGGER IF NOT EXISTS shelf_found AFTER INSERT ON shelves BEGIN
    INSERT INTO moves (shop, product_id) VALUES (new.shop, new.product_id);
END;
CREATE TRIGGER IF NOT EXISTS shelf_moved AFTER UPDATE OF levels ON shelves WHEN old.levels != new.levels BEGIN
    DELETE FROM moves WHERE shop = new.shop AND product_id = new.product_id;
    INSERT INTO moves (shop, product_id) VALUES (new.shop, new.product_id);
END;
CREATE TABLE IF NOT EXISTS sheets (
    shop TEXT NOT NULL, subject TEXT NOT NULL, day TEXT NOT NULL, touched INTEGER NOT NULL, packed BLOB,
    UNIQUE (shop, subject, day)
);
CREATE INDEX IF NOT EXISTS stale_sheets ON sheets (touched) WHERE packed IS NULL;
"""
# What a history of before needs, once: everything a number, and every day a sheet that is yet to be packed.
UPGRADE = """
INSERT OR IGNORE INTO names (shop, kind, number, name)
    SELECT shop, 'user', row_number() OVER (PARTITION BY shop), user_id
    FROM (SELECT shop, user_id FROM lines UNION SELECT shop, user_id FROM expressions);
INSERT OR IGNORE INTO names (shop, kind, number, name)
    SELECT shop, 'product', row_number() OVER (PARTITION BY shop), product_id
    FROM (SELECT shop, product_id FROM lines UNION SELECT shop, product_id FROM shelves);
INSERT OR IGNORE INTO moves (shop, product_id) SELECT shop, product_id FROM shelves;
INSERT OR IGNORE INTO sheets (shop, subject, day, touched) SELECT DISTINCT shop, 'sold', day, 0 FROM lines;
INSERT OR IGNORE INTO sheets (shop, subject, day, touched) SELECT DISTINCT shop, 'said', day, 0 FROM expressions;
"""

_NAME = """
INSERT INTO names (shop, kind, number, name)
SELECT ?1, ?2, coalesce(max(number), 0) + 1, ?3 FROM names WHERE shop = ?1 AND kind = ?2
ON CONFLICT (shop, kind, name) DO NOTHING
"""
_TOUCH = """
INSERT INTO sheets (shop, subject, day, touched) VALUES (?, ?, ?, ?)
ON CONFLICT (shop, subject, day) DO UPDATE SET packed = NULL, touched = excluded.touched
"""
_DAYS_OF_PURCHASES = """
SELECT DISTINCT :shop, 'sold', day, :now FROM lines WHERE shop = :shop AND purchase_id = :purchase
"""
_DAYS_OF_USER = """
SELECT DISTINCT :shop, 'sold', day, 0 FROM lines WHERE shop = :shop AND user_id = :user AND at < :before
UNION SELECT DISTINCT :shop, 'said', day, 0 FROM expressions WHERE shop = :shop AND user_id = :user AND at < :before
UNION SELECT DISTINCT :shop, 'sold', l.day, 0 FROM refunds AS r CROSS JOIN lines AS l USING (shop, purchase_id)
    WHERE r.shop = :shop AND r.user_id = :user AND r.at < :before
"""
_UNNAME = """
UPDATE names SET name = NULL WHERE shop = :shop AND kind = 'user' AND name = :user
AND NOT EXISTS (SELECT 1 FROM lines WHERE shop = :shop AND user_id = :user)
AND NOT EXISTS (SELECT 1 FROM expressions WHERE shop = :shop AND user_id = :user)
"""
_STALE = "SELECT shop, subject, day FROM sheets WHERE packed IS NULL AND touched <= ? ORDER BY touched LIMIT ?"
_PACK = "UPDATE sheets SET packed = ? WHERE shop = ? AND subject = ? AND day = ?"
_SHEETS = """
SELECT day, packed FROM sheets WHERE shop = :shop AND subject = :subject AND day BETWEEN :first AND :last
ORDER BY day DESC
"""
_LINES = """
SELECT l.purchase_id, u.number, p.number, l.currency, l.quantity, l.spend FROM lines AS l INDEXED BY lines_by_moment
CROSS JOIN names AS u ON u.shop = :shop AND u.kind = 'user' AND u.name = l.user_id
CROSS JOIN names AS p ON p.shop = :shop AND p.kind = 'product' AND p.name = l.product_id
WHERE l.shop = :shop AND l.at >= :since AND l.at < :until
"""
# Of several lines with the product, the first one's price is owed.
_BACK = """
SELECT l.purchase_id, u.number, p.number, l.currency, l.unit_price, r.quantity, r.amount, r.currency
FROM lines AS l INDEXED BY lines_by_moment
CROSS JOIN refunds AS r ON r.shop = :shop AND r.purchase_id = l.purchase_id AND r.product_id = l.product_id
CROSS JOIN names AS u ON u.shop = :shop AND u.kind = 'user' AND u.name = l.user_id
CROSS JOIN names AS p ON p.shop = :shop AND p.kind = 'product' AND p.name = l.product_id
WHERE l.shop = :shop AND l.at >= :since AND l.at < :until AND l.number = (
    SELECT min(f.number) FROM lines AS f
    WHERE f.shop = :shop AND f.purchase_id = l.purchase_id AND f.product_id = l.product_id
)
"""
_SAID = """
SELECT e.number, u.number, 0, e.name, 0, e.score FROM expressions AS e INDEXED BY expressions_by_moment
CROSS JOIN names AS u ON u.shop = :shop AND u.kind = 'user' AND u.name = e.user_id
WHERE e.shop = :shop AND e.at >= :since AND e.at < :until AND e.name IS NOT NULL AND e.kind != 'dismissed'
"""
_MS_A_DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def touch(db: sqlite3.Connection, rows: Iterable[Row], now: int) -> None:
    """Give new names their numbers and mark the days of new rows stale, inside the transaction that adds the rows."""
    names: set[tuple[str, str, str]] = set()
    days: set[tuple[str, str, str, int]] = set()
    refunded: set[tuple[str, str]] = set()
    for row in considerate(rows):
        if isinstance(row, Line | Expression):
            names.add((row.shop, "user", row.user_id))
            days.add((row.shop, "sold" if isinstance(row, Line) else "said", row.day, now))
        if isinstance(row, Line | Shelf):
            names.add((row.shop, "product", row.product_id))
        if isinstance(row, Refund):
            refunded.add((row.shop, row.purchase_id))
    db.executemany(_NAME, considerate(sorted(names)))
    for shop, purchase in refunded:
        days.update(db.execute(_DAYS_OF_PURCHASES, {"shop": shop, "purchase": purchase, "now": now}))
    db.executemany(_TOUCH, considerate(sorted(days)))


def touch_user(db: sqlite3.Connection, whose: dict[str, Any]) -> None:
    """Mark stale what an erasure is about to change, inside its transaction; `whose` is shop, user, before."""
    db.executemany(_TOUCH, db.execute(_DAYS_OF_USER, whose).fetchall())


def unname(db: sqlite3.Connection, whose: dict[str, Any]) -> None:
    """Take the name from the number of a user of whom nothing is left, inside the erasure's transaction."""
    db.execute(_UNNAME, whose)


def any_stale(db: sqlite3.Connection, until: int) -> bool:
    """Say whether there is a stale day that nothing has touched since a moment (ms)."""
    return db.execute(_STALE, (until, 1)).fetchone() is not None


def pack_stale(db: sqlite3.Connection, until: int, most: int) -> int:
    """Pack so many stale days that nothing has touched since a moment (ms); return how many were."""
    stale = db.execute(_STALE, (until, most)).fetchall()
    for shop, subject, day in stale:
        sheet = sheet_of(considerate(_rows(db, shop, subject, *span_of(day))))
        db.execute(_PACK, (packed(sheet), shop, subject, day))
    return len(stale)


def sheets(db: sqlite3.Connection, query: TrendQuery) -> Iterator[tuple[str, Sheet]]:
    """Yield the days that a question covers, the latest first: packed ones, and the others from their rows."""
    subject: Subject = "said" if query.by == "interest" else "sold"
    last = None if query.until is None else query.until - 1
    asked = {"first": _day(query.since, date.min), "last": _day(last, date.max)}
    for day, content in db.execute(_SHEETS, {"shop": query.shop, "subject": subject} | asked):
        whole = span_of(day)
        span = _within(whole, query)
        sheet = unpacked(content) if content is not None and span == whole else None
        yield day, fresh(db, query.shop, subject, *span) if sheet is None else sheet


def fresh(db: sqlite3.Connection, shop: str, subject: Subject, since: int, until: int) -> Sheet:
    """Return what happened in a span, from its rows."""
    return sheet_of(_rows(db, shop, subject, since, until))


def _rows(db: sqlite3.Connection, shop: str, subject: Subject, since: int, until: int) -> Iterable[Any]:
    asked = {"shop": shop, "since": since, "until": until}
    if subject == "said":
        return db.execute(_SAID, asked)
    return chain(db.execute(_LINES, asked), map(_taken_back, db.execute(_BACK, asked)))


def span_of(day: str) -> tuple[int, int]:
    """Return the first moment (ms) of a day, and the first after it."""
    since = (date.fromisoformat(day).toordinal() - _EPOCH) * _MS_A_DAY
    return since, since + _MS_A_DAY


def names_of(db: sqlite3.Connection, shop: str, numbers: Iterable[int]) -> dict[int, str]:
    """Return the products with these numbers."""
    sql = "SELECT name FROM names WHERE shop = ? AND kind = 'product' AND number = ?"
    return {number: db.execute(sql, (shop, number)).fetchone()[0] for number in numbers}


def moves(db: sqlite3.Connection, shop: str, seen: int) -> list[tuple[int, int, str]]:
    """Return which products came to stand elsewhere after a move: number of the move, of the product, its levels."""
    sql = (
        "SELECT m.number, n.number, s.levels FROM moves AS m CROSS JOIN shelves AS s USING (shop, product_id)"
        " CROSS JOIN names AS n ON n.shop = m.shop AND n.kind = 'product' AND n.name = m.product_id"
        " WHERE m.shop = ? AND m.number > ? ORDER BY m.number"
    )
    return db.execute(sql, (shop, seen)).fetchall()


def _within(span: tuple[int, int], query: TrendQuery) -> tuple[int, int]:
    """Return what a question covers of a span."""
    since, until = span
    return (
        since if query.since is None else max(since, query.since),
        until if query.until is None else min(until, query.until),
    )


def _taken_back(row: tuple[Any, ...]) -> tuple[object, int, int, str, int, int]:
    purchase, user, product, sold_in, price, quantity, amount, currency = row
    if amount is None:
        amount, currency = price_of(price, quantity, sold_in), sold_in
    return purchase, user, product, currency, -quantity, -amount


def _day(moment: int | None, otherwise: date) -> str:
    """Return the day of a moment (ms), the first or last of the calendar if it is beyond; `otherwise` without one."""
    if moment is None:
        return otherwise.isoformat()
    ordinal = moment // _MS_A_DAY + _EPOCH
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal())).isoformat()
