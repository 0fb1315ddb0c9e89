"""Trends counted from the rows themselves: quick for one user or one product, slow for a shop's whole year."""

from __future__ import annotations

import sqlite3
from typing import Any

from shared.contracts.events import InterestKind
from shared.history.derive import price_of
from shared.history.port import TrendQuery
from shared.history.trending import bounded, key_of

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


def counted(db: sqlite3.Connection, query: TrendQuery) -> list[tuple[Any, ...]]:
    """Return (start, key, count, thousandths, minor units, currency, buyers, mean or none), latest first."""
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
    db.create_function("price_of", 3, price_of, deterministic=True)
    return db.execute(_trend_sql(query, within), _trend_values(query)).fetchall()


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
